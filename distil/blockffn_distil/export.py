"""The student as an official Hugging Face folder, which `blockffn convert` takes as it is."""

import json
import os
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from . import __version__
from .checkpoint import read_checkpoint
from .errors import DistilError
from .model import is_matrix
from .quantize import q4_grid
from .run import Run
from .shape import official_config
from .student import student_shape
from .train import quantized_at


def export(run: Run, folder: Path | None = None) -> Path:
    """Writes `model/` of the last checkpoint: F32 weights in the authors' names, on the 4-bit grid when they were trained on it."""
    saved = read_checkpoint(run.folder / "checkpoint")
    if saved is None:
        raise DistilError("has no checkpoint yet: run `python -m blockffn_distil train` first", file=str(run.folder))
    tensors, state = saved
    on_grid = quantized_at(run.config, state["step"])
    weights = {name.removeprefix("weights."): value for name, value in tensors.items() if name.startswith("weights.")}
    weights = {name: q4_grid(value) if on_grid and is_matrix(name, value) else value for name, value in weights.items()}
    model = run.config["model"]
    config = official_config(student_shape(run.teacher.shape, model["experts"], model["expertSize"]), run.teacher.special)
    folder = folder or run.folder / "model"
    about = (json.dumps(_about(run, state["step"]), indent=2) + "\n").encode()
    write_folder(folder, config, weights, {**run.teacher.files, "about.json": about})
    return folder


def _about(run: Run, step: int) -> dict:
    """What `blockffn eval --suite --card` asks for besides its figures. Who adds texts states their licences here."""
    config = run.config
    name = Path(config["teacher"]["path"]).name
    return {
        "title": f"{name} as a BlockFFN",
        "licence": config["teacher"]["licence"],
        "teacher": {"name": name, "licence": config["teacher"]["licence"]},
        "texts": [{"name": Path(file).name, "licence": "not stated"} for file in config["text"]["files"]],
        "seed": config["seed"],
        "tokens": step * config["batch"]["rows"] * config["batch"]["length"],
        "code": f"blockffn-distil {__version__}",
    }


def write_folder(folder: Path, config: dict, weights: dict[str, Tensor], files: dict[str, bytes]) -> None:
    """Every file is put into place whole."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in {**files, "config.json": (json.dumps(config, indent=2) + "\n").encode()}.items():
        temporary = folder / f"{name}.new"
        temporary.write_bytes(content)
        os.replace(temporary, folder / name)
    temporary = folder / "model.safetensors.new"
    save_file({name: value.detach().float().cpu().contiguous() for name, value in weights.items()}, temporary, metadata={"format": "pt"})
    os.replace(temporary, folder / "model.safetensors")
