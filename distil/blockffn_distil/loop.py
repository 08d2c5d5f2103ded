"""The loop that fitting, distilling and the draft head share: AdamW, schedule, metrics, checkpoints, exact resumption."""

import hashlib
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from .checkpoint import adam_tensors, read_checkpoint, restore_adam, write_checkpoint
from .errors import DistilError
from .metrics import Metrics
from .parallel import Processes
from .schedule import learning_rate_share


class Stateful(Protocol):
    """What a stage keeps beside weights: plain JSON."""

    def state(self) -> dict: ...
    def restore(self, state: dict) -> None: ...


def identity_of(*parts: object) -> str:
    """A number for all that a run depends on, to notice when it is resumed with something else."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


class Loop:
    """Steps of a stage. `groups`: (names, learning rate, weight decay) of the parameters."""

    def __init__(
        self,
        folder: Path,
        processes: Processes,
        identity: str,
        named: dict[str, Tensor],
        groups: list[tuple[list[str], float, float]],
        config: dict,
        schedule: dict,
        extra: Stateful,
    ) -> None:
        optimizer = config["optimizer"]
        self.folder, self.processes, self.identity, self.named, self.schedule, self.extra = (
            folder,
            processes,
            identity,
            named,
            schedule,
            extra,
        )
        self.clip, self.every = optimizer["clip"], config["checkpointEvery"]
        self.adam = torch.optim.AdamW(
            [
                {"params": [named[n] for n in names], "lr": rate, "base": rate, "weight_decay": decay}
                for names, rate, decay in groups
                if names
            ],
            betas=(optimizer["beta1"], optimizer["beta2"]),
            eps=optimizer["epsilon"],
            fused=processes.device.type == "cuda",
        )
        saved = read_checkpoint(folder / "checkpoint")
        self.step = 0
        if saved is not None:
            tensors, state = saved
            file = str(folder / "checkpoint")
            if state["identity"] != identity:
                raise DistilError(
                    "belongs to other settings, another teacher or other texts; restore them or give the run another `out`", file=file
                )
            self.step = state["step"]
            restore_adam(tensors, named, self.adam, self.step, file)
            extra.restore(state["extra"])
        self.metrics = Metrics(folder, self.step, write=processes.first)

    @property
    def done(self) -> bool:
        return self.step >= self.schedule["steps"]

    def run(
        self,
        compute: Callable[[int], dict],
        *,
        before: Callable[[int], None] = lambda step: None,
        validate: Callable[[], dict | None] = lambda: None,
        validate_every: int | None = None,
        stop: int | None = None,
    ) -> None:
        """Does the steps that are left. compute(step): leaves gradients and gives a metrics line. before(step): may ask for `save`.

        stop: ends after this step as though killed (tests).
        """
        last = self.schedule["steps"] if stop is None else min(stop, self.schedule["steps"])
        while self.step < last:
            step, start = self.step + 1, time.perf_counter()
            before(step)
            share = learning_rate_share(
                step, self.schedule["steps"], self.schedule["warmup"], self.schedule["decay"], self.schedule["finalRatio"]
            )
            for group in self.adam.param_groups:
                group["lr"] = group["base"] * share
            line = compute(step)
            self.processes.mean_gradients(self.named.values())
            norm = float(torch.nn.utils.clip_grad_norm_(self.named.values(), self.clip))
            if not math.isfinite(line["loss"]) or not math.isfinite(norm):
                raise DistilError(
                    f"the loss is {line['loss']} and the gradient {norm} at step {step}; lower optimizer.learningRate, then go on"
                )
            self.adam.step()
            self.adam.zero_grad(set_to_none=True)
            self.step = step
            self.metrics.add(
                {
                    "step": step,
                    **line,
                    "learningRate": self.adam.param_groups[0]["lr"],
                    "gradientNorm": norm,
                    "seconds": time.perf_counter() - start,
                }
            )
            if validate_every and (step % validate_every == 0 or self.done):
                result = validate()
                if result is not None:
                    self.metrics.add({"step": step, "validation": result})
            if step % self.every == 0 or self.done:
                self.save()

    def save(self) -> None:
        """Writes curves and checkpoint; all processes call it."""
        if self.processes.first:
            self.metrics.draw()
            state = {"identity": self.identity, "step": self.step, "extra": self.extra.state()}
            write_checkpoint(self.folder / "checkpoint", adam_tensors(self.named, self.adam), state)
        self.processes.wait()


def decay_groups(named: dict[str, Tensor], rate: Callable[[str], float], decay: float) -> list[tuple[list[str], float, float]]:
    """Groups by learning rate; only matrices decay."""
    groups: dict[tuple[float, float], list[str]] = {}
    for name, value in named.items():
        groups.setdefault((rate(name), decay if value.dim() > 1 else 0.0), []).append(name)
    return [(names, *key) for key, names in groups.items()]
