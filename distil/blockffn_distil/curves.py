"""Draws a run as the TypeScript trainer does (train/run/curves.ts): the same lines give the same SVG, byte for byte."""

import math
from decimal import ROUND_HALF_UP, Context, Decimal
from xml.sax.saxutils import escape

WIDTH, PANEL, LEFT, RIGHT, TOP, GAP = 860, 190, 58, 165, 30, 44
MAX_POINTS = 600
COLORS = ("#2f6fdb", "#d9822b", "#2e9c6a", "#b0417e", "#7a5cc4")
STYLE = (
    "<style>svg{background:#fff;color:#222}.g{stroke:currentColor;opacity:.15}"
    "@media (prefers-color-scheme:dark){svg{background:#15171b;color:#ddd}}</style>"
)
Points = list[tuple[float, float]]


def curves_svg(lines: list[dict]) -> str:
    """Loss, sparsity, and objectives times their factors, over steps: a standalone SVG document."""
    steps = [line for line in lines if "loss" in line]
    valid = [line for line in lines if "validation" in line]
    factors = list(steps[-1]["factors"]) if steps else []
    panels = [
        (
            "loss (nats a token)",
            [("training", _points(steps, lambda l: l["loss"])), ("validation", _points(valid, lambda l: l["validation"]["nll"]))],
        ),
        (
            "sparsity",
            [
                ("TLS", _points(steps, lambda l: l["tls"])),
                ("CLS 8", _points(steps, lambda l: l["cls8"])),
                ("TLS validation", _points(valid, lambda l: l["validation"].get("tls"))),
                ("CLS 8 validation", _points(valid, lambda l: (l["validation"].get("cls") or {}).get("8"))),
            ],
        ),
        ("objective x factor", [(name, _points(steps, lambda l, n=name: l["objectives"][n] * l["factors"][n])) for name in factors]),
    ]
    shown = [(title, series) for title, series in ((t, [s for s in all_series if s[1]]) for t, all_series in panels) if series]
    height = TOP + len(shown) * (PANEL + GAP)
    last = max(1, lines[-1]["step"] if lines else 0)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="system-ui, sans-serif" font-size="12">',
            STYLE,
            *(_draw(title, series, TOP + i * (PANEL + GAP), last) for i, (title, series) in enumerate(shown)),
            "</svg>\n",
        ]
    )


def _points(lines: list[dict], value) -> Points:
    pairs = [(line["step"], value(line)) for line in lines]
    pairs = [(x, y) for x, y in pairs if y is not None and math.isfinite(y)]
    if len(pairs) <= MAX_POINTS:
        return pairs
    parts = [pairs[i * len(pairs) // MAX_POINTS : (i + 1) * len(pairs) // MAX_POINTS] for i in range(MAX_POINTS)]
    return [(_mean([x for x, _ in part]), _mean([y for _, y in part])) for part in parts]


def _mean(values: list[float]) -> float:
    total = 0.0
    for value in values:
        total += value
    return total / len(values)


def _draw(title: str, series: list[tuple[str, Points]], top: int, last: float) -> str:
    values = [y for _, points in series for _, y in points]
    low = min(values)
    high = max(*values, low + 1e-9)
    x = lambda step: LEFT + (step / last) * (WIDTH - LEFT - RIGHT)
    y = lambda value: top + PANEL - ((value - low) / (high - low)) * PANEL
    out = [f'<text x="{LEFT}" y="{top - 8}" fill="currentColor" font-weight="600">{escape(title)}</text>']
    for i in range(5):
        value = low + ((high - low) * i) / 4
        out.append(f'<line class="g" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{_fixed(y(value))}" y2="{_fixed(y(value))}"/>')
        out.append(f'<text x="{LEFT - 6}" y="{_fixed(y(value) + 4)}" text-anchor="end" fill="currentColor">{_precise(value, 3)}</text>')
        step = math.floor((last * i) / 4 + 0.5)
        out.append(f'<text x="{_fixed(x(step))}" y="{top + PANEL + 16}" text-anchor="middle" fill="currentColor">{step}</text>')
    for i, (name, points) in enumerate(series):
        color = COLORS[i % len(COLORS)]
        path = " ".join(f"{_fixed(x(step))},{_fixed(y(value))}" for step, value in points)
        out.append(f'<polyline fill="none" stroke="{color}" stroke-width="1.6" points="{path}"/>')
        if len(points) == 1:
            out.append(f'<circle fill="{color}" r="2.5" cx="{_fixed(x(points[0][0]))}" cy="{_fixed(y(points[0][1]))}"/>')
        label = f"{escape(name)} {_precise(points[-1][1], 4)}"
        out.append(f'<text x="{WIDTH - RIGHT + 10}" y="{top + 14 + i * 18}" fill="{color}">{label}</text>')
    return "\n".join(out)


def _fixed(value: float) -> str:
    """JavaScript's toFixed(1): the exact value is rounded, halves up."""
    text = str(Decimal(value).quantize(Decimal("0.1"), ROUND_HALF_UP))
    return text


def _precise(value: float, digits: int) -> str:
    """JavaScript's String(Number(value.toPrecision(digits)))."""
    number = float(Decimal(value).normalize(Context(prec=digits, rounding=ROUND_HALF_UP))) if value else 0.0
    if number == 0:
        return "0"
    if 1e-6 <= abs(number) < 1e21:
        return format(Decimal(repr(number)).normalize(), "f")
    mantissa, exponent = repr(number).split("e") if "e" in repr(number) else f"{number:.16e}".split("e")
    return f"{mantissa}e{'+' if int(exponent) > 0 else '-'}{abs(int(exponent))}"
