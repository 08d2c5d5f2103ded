"""A tiny teacher and a run of it, all on the CPU."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers

sys.path.insert(0, str(Path(__file__).parent.parent))

from blockffn_distil.config import check_config
from blockffn_distil.parallel import Processes
from blockffn_distil.run import Run

SHARED = Path(os.environ.get("BLOCKFFN_SHARED", Path(__file__).parents[3] / "shared"))
VOCAB = ["<s>", "</s>", *(chr(97 + i) for i in range(26)), " ", "."]


def shared(path: str) -> Path:
    """A path of ../shared; the test is skipped, and says so, where it is not there."""
    found = SHARED / path
    if not found.exists():
        pytest.skip(f"../shared/{path} is not there")
    return found


def golden(topic: str) -> tuple[dict, dict]:
    base = shared(f"golden/train/{topic}.json")
    return json.loads(base.read_text()), load_file(base.with_suffix(".safetensors"))


def tiny_config() -> dict:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "intermediate_size": 48,
        "vocab_size": len(VOCAB),
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "max_position_embeddings": 256,
        "tie_word_embeddings": True,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "hidden_act": "silu",
    }


def tiny_weights(config: dict, seed: int = 5) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    normal = lambda *size: torch.randn(*size, generator=generator) * 0.3
    hidden, keys = config["hidden_size"], config["hidden_size"] // 2
    sizes = {"q_proj": (hidden, hidden), "k_proj": (keys, hidden), "v_proj": (keys, hidden), "o_proj": (hidden, hidden)}
    ffn = {"gate_proj": (48, hidden), "up_proj": (48, hidden), "down_proj": (hidden, 48)}
    weights = {"model.embed_tokens.weight": normal(config["vocab_size"], hidden), "model.norm.weight": torch.ones(hidden)}
    for layer in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}."
        weights |= {f"{prefix}self_attn.{name}.weight": normal(*size) for name, size in sizes.items()}
        weights |= {f"{prefix}mlp.{name}.weight": normal(*size) for name, size in ffn.items()}
        weights |= {
            f"{prefix}{name}.weight": torch.ones(hidden) + normal(hidden) * 0.2 for name in ("input_layernorm", "post_attention_layernorm")
        }
    return weights


@pytest.fixture(scope="session")
def teacher_folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("teacher")
    config = tiny_config()
    (folder / "config.json").write_text(json.dumps(config))
    save_file(tiny_weights(config), folder / "model.safetensors", metadata={"format": "pt"})
    tokenizer = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(VOCAB)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "isolated")
    tokenizer.add_special_tokens(["<s>", "</s>"])
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def settings(teacher: Path, out: Path, **changes) -> dict:
    """The smallest run that has every part."""
    return {
        "out": str(out),
        "teacher": {"path": str(teacher), "licence": "CC0-1.0"},
        "text": {"tokens": 3000, "length": 48, "rows": 32, "prefixes": ["<s>", "<s>a", "<s>the "], "held": {"rows": 4}},
        "model": {"experts": 8, "expertSize": 16},
        "objectives": {"locality": {"weight": 0.002}, "chunk": {"weight": 0.05, "length": 8}},
        "targets": {"tls": 0.7},
        "optimizer": {"learningRate": 0.003},
        "schedule": {"steps": 24, "warmup": 2, "decay": 12},
        "batch": {"rows": 4, "length": 32},
        "fit": {"steps": 10},
        "ownText": {"at": [9], "tokens": 1600, "share": 0.25},
        "quantizeFrom": 0.5,
        "precision": "f32",
        "compile": False,
        "eagle": {"steps": 6, "intermediate": 64},
        "checkpointEvery": 7,
        "validateEvery": 12,
        **changes,
    }


@pytest.fixture(scope="session")
def corpus_run(teacher_folder, tmp_path_factory) -> Path:
    """A folder with the corpus of `settings`, to be copied."""
    out = tmp_path_factory.mktemp("corpus")
    Run(check_config(settings(teacher_folder, out), "test.yaml"), "test.yaml", Processes()).write(lambda *_: None)
    return out


def run_in(teacher: Path, corpus: Path, out: Path, **changes) -> Run:
    """A run with the corpus of another, in a folder of its own."""
    import shutil

    shutil.copytree(corpus / "corpus", out / "corpus", dirs_exist_ok=True)
    return Run(check_config(settings(teacher, out, **changes), "test.yaml"), "test.yaml", Processes())


def losses(run: Run) -> list[float]:
    return [line["loss"] for line in map(json.loads, (run.folder / "metrics.jsonl").read_text().splitlines()) if "loss" in line]


def close(actual: torch.Tensor, expected: torch.Tensor, relative: float = 1e-4) -> None:
    """Within `relative`, where small values count relative to a hundredth of the largest, as the TypeScript tests have it."""
    actual, expected = actual.detach().double().reshape(-1), expected.double().reshape(-1)
    bound = relative * torch.maximum(expected.abs(), expected.abs().max() / 100)
    assert actual.shape == expected.shape
    assert bool(((actual - expected).abs() <= bound).all()), (actual - expected).abs().max()


def arrays(weights: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in weights.items()}
