"""What multiplies the objectives from step to step: constant, the authors' schedule, or a controller that holds a target."""

from .schedule import FactorSchedule, SparsityController

TARGETS = {"chunk": ("tls", 2.5, 2e-3, 2.0), "locality": ("cls8", 2.0, 1e-3, 8e-3)}


class Factors:
    """`targets`: TLS moves the chunk factor, CLS_8 the locality factor; both goals stand after half of the `steps`."""

    def __init__(self, objectives: dict, targets: dict, steps: int) -> None:
        self.constant = {name: objective["weight"] for name, objective in objectives.items()}
        self.moving: dict[str, FactorSchedule | SparsityController] = {}
        for name, objective in objectives.items():
            target, gain, lowest, highest = TARGETS[name]
            if target in targets:
                self.moving[name] = SparsityController(
                    objective["weight"], targets[target], steps // 2, gain, lowest=lowest, highest=highest
                )
            elif "adaptive" in objective:
                options = objective["adaptive"]
                self.moving[name] = FactorSchedule(
                    start=objective["weight"],
                    stable=options["stable"],
                    step=options["step"],
                    warmup=options["warmup"],
                    max_factor=options["maxFactor"],
                    min_factor=options["minFactor"],
                )

    def at(self, step: int) -> dict[str, float]:
        """Factors of a step, from 1."""
        now = {}
        for name, weight in self.constant.items():
            mover = self.moving.get(name)
            now[name] = weight if mover is None else mover.peek(step) if isinstance(mover, FactorSchedule) else mover.factor
        return now

    def after(self, step: int, objectives: dict[str, float], tls: float, cls8: float) -> None:
        measured = {"tls": tls, "cls8": cls8}
        for name, mover in self.moving.items():
            if isinstance(mover, FactorSchedule):
                mover.next(step, objectives[name])
            else:
                mover.after(step, measured[TARGETS[name][0]])

    def state(self) -> dict:
        return {name: mover.state() for name, mover in self.moving.items()}

    def restore(self, state: dict) -> None:
        for name, mover in self.moving.items():
            mover.restore(state[name])
