"""The SVG of a run against what the TypeScript trainer draws (test/distil/curves.test.ts)."""

from pathlib import Path

import pytest

from blockffn_distil.curves import curves_svg

DRAWN = Path(__file__).parents[2] / "test" / "distil" / "curves"


def noise(step: int) -> float:
    return ((step * 7919) % 101) / 1000


def lines(steps: int, scale: float) -> list[dict]:
    out = []
    for step in range(1, steps + 1):
        chunk = step / (steps + 1)
        out.append(
            {
                "step": step,
                "loss": scale * (5 / (1 + step / 50) + noise(step)),
                "objectives": {"chunk": chunk, "locality": noise(step) * 3},
                "factors": {"chunk": 0.05, "locality": 0.002},
                "tls": None if step == 2 else 0.5 + chunk / 4,
                "cls8": 0.4 + noise(step),
            }
        )
        if step % 4 == 0:
            out.append({"step": step, "validation": {"nll": scale * 4.5, "tls": 0.7, "cls": {"8": None if step == 4 else 0.625}}})
    return out


@pytest.mark.parametrize(
    ("name", "steps", "scale"),
    [("short", 5, 1), ("long", 1234, 1), ("tiny-values", 9, 1e-9), ("one-point", 1, 1), ("large-values", 3, 1e21)],
)
def test_curves_are_the_typescript_trainers(name, steps, scale):
    assert curves_svg(lines(steps, scale)) == (DRAWN / f"{name}.svg").read_text()


def test_an_empty_run_is_an_empty_drawing():
    assert curves_svg([]).startswith("<svg")
