"""Writes a small student's folder and its float32 logits for the engine's tests: python engine_sample.py FOLDER TOKENIZER [--q4]."""

import json
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent.parent))

from blockffn_distil.export import write_folder
from blockffn_distil.model import CausalLM, is_matrix
from blockffn_distil.quantize import q4_grid
from blockffn_distil.shape import Shape, official_config


def main(folder: Path, tokenizer: Path, q4: bool) -> None:
    vocab = max(json.loads(tokenizer.read_text())["model"]["vocab"].values()) + 1
    # An epsilon unlike the default shows where it is used.
    shape = Shape(
        vocab=vocab,
        hidden=64,
        layers=3,
        heads=4,
        kv_heads=2,
        head_dim=16,
        eps=1e-3,
        rope_theta=5000.0,
        context=128,
        tied=True,
        experts=12,
        expert_size=32,
    )
    model = CausalLM(shape)
    random = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(torch.randn(p.shape, generator=random) * (0.3 if p.dim() > 1 else 0.2) + (0 if p.dim() > 1 else 1))
            if q4 and is_matrix(name, p):
                p.copy_(q4_grid(p))
        ids = torch.randint(3, vocab, (1, 48), generator=random)
        logits = model(ids)[0]
    write_folder(
        folder,
        official_config(shape, {"bos_token_id": 1, "eos_token_id": 2}),
        model.state_dict(),
        {"tokenizer.json": tokenizer.read_bytes()},
    )
    (folder / "logits.json").write_text(json.dumps({"ids": ids[0].tolist(), "logits": logits.tolist()}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), "--q4" in sys.argv)
