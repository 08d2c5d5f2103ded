"""Checkpoints in parts of at most 16 MiB, so that any transport takes them, put into place as a whole or not at all."""

import hashlib
import json
import os
import shutil
from pathlib import Path

import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from .errors import DistilError

PART_BYTES = 16 * 1024 * 1024
INDEX = "index.json"


def write_checkpoint(folder: Path, tensors: dict[str, Tensor], state: dict) -> None:
    """Writes tensors (float32) and plain JSON state. A process killed meanwhile leaves the checkpoint before it."""
    data = save_tensors({name: value.detach().float().cpu().contiguous() for name, value in tensors.items()})
    new = folder.with_name(folder.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    parts = []
    for at in range(0, len(data), PART_BYTES):
        part = data[at : at + PART_BYTES]
        name = f"part-{at // PART_BYTES:05d}"
        (new / name).write_bytes(part)
        parts.append({"name": name, "bytes": len(part), "sha256": hashlib.sha256(part).hexdigest()})
    (new / INDEX).write_text(json.dumps({"version": 1, "state": state, "parts": parts}, indent=1))
    old = folder.with_name(folder.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.rename(folder, old)
    os.rename(new, folder)
    shutil.rmtree(old, ignore_errors=True)


def read_checkpoint(folder: Path) -> tuple[dict[str, Tensor], dict] | None:
    """Tensors and state of the last whole checkpoint; None when there is none. Raises DistilError naming the part that is damaged."""
    found = next((f for f in (folder, folder.with_name(folder.name + ".new"), folder.with_name(folder.name + ".old")) if _whole(f)), None)
    if found is None:
        return None
    index = json.loads((found / INDEX).read_text())
    data = bytearray()
    for part in index["parts"]:
        file = found / part["name"]
        content = file.read_bytes() if file.is_file() else b""
        if hashlib.sha256(content).hexdigest() != part["sha256"]:
            raise DistilError("is missing or damaged: bring it back, or remove the checkpoint to start anew", file=str(file))
        data += content
    return load_tensors(bytes(data)), index["state"]


def _whole(folder: Path) -> bool:
    """The index is written last: with a readable one, all parts were written."""
    try:
        return json.loads((folder / INDEX).read_text())["version"] == 1
    except (OSError, ValueError, KeyError):
        return False


def adam_tensors(named: dict[str, Tensor], optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Weights and both moments of each parameter."""
    out = {}
    for name, parameter in named.items():
        out[f"weights.{name}"] = parameter
        moments = optimizer.state.get(parameter)
        if moments:
            out[f"first.{name}"], out[f"second.{name}"] = moments["exp_avg"], moments["exp_avg_sq"]
    return out


def restore_adam(tensors: dict[str, Tensor], named: dict[str, Tensor], optimizer: torch.optim.Optimizer, step: int, file: str) -> None:
    with torch.no_grad():
        for name, parameter in named.items():
            if f"weights.{name}" not in tensors or tensors[f"weights.{name}"].shape != parameter.shape:
                raise DistilError(f"does not fit the model: {name} is missing or of another shape; give the run another `out`", file=file)
            parameter.copy_(tensors[f"weights.{name}"])
            if f"first.{name}" in tensors:
                device = parameter.device
                optimizer.state[parameter] = {
                    "step": torch.tensor(float(step), device=device if optimizer.defaults.get("fused") else "cpu"),
                    "exp_avg": tensors[f"first.{name}"].to(device),
                    "exp_avg_sq": tensors[f"second.{name}"].to(device),
                }
