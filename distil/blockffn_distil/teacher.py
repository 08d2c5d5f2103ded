"""The teacher: a Llama of a local folder or a GGUF file."""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from .errors import DistilError
from .gguf_llama import llama_from_gguf, tokenizer_files
from .model import CausalLM
from .shape import Shape, shape_of

SPECIAL = ("bos_token_id", "eos_token_id", "pad_token_id")
COPIED = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "generation_config.json")


@dataclass(frozen=True)
class Teacher:
    model: CausalLM
    shape: Shape
    special: dict
    """Files that the student's folder takes over, by name."""
    files: dict[str, bytes]

    @property
    def tokenizer_json(self) -> bytes:
        return self.files["tokenizer.json"]

    @property
    def end_ids(self) -> list[int]:
        end = self.special.get("eos_token_id")
        return end if isinstance(end, list) else [] if end is None else [end]


def load_teacher(
    path: str | Path, dtype: torch.dtype = torch.float32, device: str | torch.device = "cpu", tokenizer: str | Path | None = None
) -> Teacher:
    """Loads a teacher without gradients. tokenizer: a tokenizer.json to use instead of the teacher's.

    A folder is read with safetensors; one that has only pickled weights by `transformers`, which must then be installed.
    """
    path = Path(path)
    if path.is_file():
        config, arrays, meta = llama_from_gguf(path)
        weights = {name: torch.from_numpy(value) for name, value in arrays.items()}
        files = (
            {}
            if tokenizer
            else {name: json.dumps(value, ensure_ascii=False).encode() for name, value in tokenizer_files(meta, str(path)).items()}
        )
    elif (path / "config.json").is_file():
        config = json.loads((path / "config.json").read_text())
        weights = _folder_weights(path)
        files = {name: (path / name).read_bytes() for name in COPIED if (path / name).is_file()}
    else:
        raise DistilError("is neither a GGUF file nor a folder with config.json", file=str(path), field="teacher.path")
    if tokenizer:
        files["tokenizer.json"] = Path(tokenizer).read_bytes()
    if "tokenizer.json" not in files:
        raise DistilError("has no tokenizer.json; give one as teacher.tokenizer", file=str(path))
    shape = shape_of(config, str(path))
    model = CausalLM(shape)
    load_weights(model, weights, str(path))
    model.requires_grad_(False)
    return Teacher(
        model.to(device=device, dtype=dtype), shape, {name: config[name] for name in SPECIAL if config.get(name) is not None}, files
    )


def _folder_weights(path: Path) -> dict[str, Tensor]:
    files = sorted(path.glob("*.safetensors"))
    if files:
        from safetensors.torch import load_file

        return {name: value.float() for file in files for name, value in load_file(file).items()}
    try:
        from transformers import AutoModelForCausalLM
    except ImportError as cause:
        raise DistilError("has no .safetensors file; reading other weights needs `pip install transformers`", file=str(path)) from cause
    return {name: value.float() for name, value in AutoModelForCausalLM.from_pretrained(path, local_files_only=True).state_dict().items()}


def load_weights(model: CausalLM, weights: dict[str, Tensor], file: str) -> None:
    """Copies weights of the official names. Raises DistilError for the first that is missing or of another shape."""
    ours = model.state_dict()
    # Tied weights may be stored under either name.
    if model.shape.tied and "model.embed_tokens.weight" not in weights and "lm_head.weight" in weights:
        weights = {**weights, "model.embed_tokens.weight": weights["lm_head.weight"]}
    for name, target in ours.items():
        value = weights.get(name)
        if value is None:
            raise DistilError("is missing", file=file, field=name)
        if value.shape != target.shape:
            raise DistilError(f"is {list(value.shape)}; the configuration asks for {list(target.shape)}", file=file, field=name)
        target.copy_(value)
