"""Schedules: the learning rate, the adaptive factor of the authors, and the controller that holds sparsity at a target."""

import math
from dataclasses import dataclass, field


def learning_rate_share(step: int, steps: int, warmup: int, decay: int, final_ratio: float) -> float:
    """Warmup-stable-decay (MiniCPM, arXiv 2404.06395), as in the TypeScript trainer. step: from 1. Gives the share of the full rate."""
    if step <= warmup:
        return step / warmup
    left = steps - step
    return 1.0 if left >= decay else final_ratio + (1 - final_ratio) * (left / decay)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else math.nan


@dataclass
class FactorSchedule:
    """The authors' AdaptiveLinearScheduler: every `step` iterations the factor changes by the ratio of the loss's mean over the last
    window to the one before, linearly over the next `step` iterations; growing at least by `min_factor` while the loss grows."""

    start: float
    stable: int = 1000
    step: int = 100
    warmup: int = 0
    max_factor: float = 4.0
    min_factor: float = 1.025
    offset: int = 0
    base: float = math.nan
    ratio: float = 1.0
    span: int = 0
    progress: int = 0
    previous: list[float] = field(default_factory=list)
    current: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.stable < 2 * self.step or not 0 <= self.warmup <= self.stable:
            raise ValueError(f"stable is {self.stable}; two windows of {self.step} and a warmup of {self.warmup} must come first")
        if math.isnan(self.base):
            self.base, self.span = self.start, self.stable

    def state(self) -> dict:
        """What changes while it runs; plain JSON. `FactorSchedule(**options, **state)` goes on from it."""
        return dict(
            base=self.base,
            ratio=self.ratio,
            span=self.span,
            progress=self.progress,
            previous=list(self.previous),
            current=list(self.current),
        )

    def restore(self, state: dict) -> None:
        for name, value in state.items():
            setattr(self, name, value)

    def next(self, iteration: int, loss: float, can_step: bool = True) -> float:
        """Takes the loss of an iteration (from 1 after `offset`) and gives the factor for it."""
        i = iteration - self.offset
        self.current.append(loss)
        before, now = _mean(self.previous), _mean(self.current)
        if i % self.step == 0:
            self.previous, self.current = self.current, []
        value = self.peek(iteration)
        if can_step and i >= self.stable and i % self.step == 0 and before > 0 and now > 0:
            change = now / before
            self.base = value
            self.ratio = min(self.start * self.max_factor / value, max(self.min_factor, change) if change > 1 else change)
            self.span, self.progress = self.step, 0
        self.progress += 1
        return value

    def peek(self, iteration: int) -> float:
        """What `next` will give for an iteration."""
        i = iteration - self.offset
        if i < self.warmup:
            return self.start * (i / self.warmup)
        left = 1 - min(1.0, self.progress / max(1, self.span))
        change = (1 - self.ratio) * left
        return self.base * (self.ratio + (max(change, 0.0) if self.ratio <= 1 else min(change, 0.0)))


@dataclass
class SparsityController:
    """Moves a factor so that a measured sparsity follows its target: every `every` steps factor *= exp(gain (goal - mean)).

    The goal rises from three quarters of the target to all of it over the first `rise` steps: routers that are pushed at once lose more.
    """

    factor: float
    target: float
    rise: int = 0
    gain: float = 2.5
    every: int = 10
    lowest: float = 2e-3
    highest: float = 2.0
    mean: float = math.nan

    def state(self) -> dict:
        return dict(factor=self.factor, mean=None if math.isnan(self.mean) else self.mean)

    def restore(self, state: dict) -> None:
        self.factor = state["factor"]
        self.mean = math.nan if state["mean"] is None else state["mean"]

    def after(self, step: int, measured: float) -> float:
        """Takes the sparsity of a step (from 1) and gives the factor for the next."""
        if step % self.every == 0:
            self.mean = measured if math.isnan(self.mean) else 0.7 * self.mean + 0.3 * measured
            goal = self.target * (1.0 if self.rise == 0 else min(1.0, 0.75 + 0.25 * step / self.rise))
            self.factor = min(self.highest, max(self.lowest, self.factor * math.exp(self.gain * (goal - self.mean))))
        return self.factor
