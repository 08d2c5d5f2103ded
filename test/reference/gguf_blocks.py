"""Writes test/format/gguf/blocks.json: random blocks of every GGUF type that is read, and what gguf-py makes of them.

Run: python test/reference/gguf_blocks.py (gguf, numpy).
"""

import base64
import importlib.metadata
import json
import pathlib

import gguf
import numpy as np

TYPES = ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K"]
# Bytes of a block at which halves begin.
HALVES = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208]}
BLOCKS = 12


def main():
    random = np.random.default_rng(17)
    out = {"versions": {"gguf": importlib.metadata.version("gguf"), "numpy": np.__version__}, "types": {}}
    for name in TYPES:
        kind = gguf.GGMLQuantizationType[name]
        size, width = gguf.GGML_QUANT_SIZES[kind]
        data = random.integers(0, 256, (BLOCKS if size > 1 else 64, width), dtype=np.uint8)
        if name in ("F32", "F16", "BF16"):
            floats = (random.standard_normal(64) * 10.0 ** random.integers(-6, 4, 64)).astype(np.float32)
            raw = {"F32": floats, "F16": floats.astype(np.float16)}.get(name)
            data = raw.view(np.uint8) if raw is not None else (floats.view(np.uint32) >> 16).astype(np.uint16).view(np.uint8)
        for at in HALVES.get(name, []):
            # Finite halves of every size, subnormal ones too; and zero.
            half = (random.standard_normal(BLOCKS) * 10.0 ** random.integers(-7, 2, BLOCKS)).astype(np.float16)
            half[0] = 0
            data[:, at : at + 2] = half.view(np.uint8).reshape(-1, 2)
        values = gguf.quants.dequantize(data.reshape(-1), kind).astype(np.float32).reshape(-1)
        assert np.isfinite(values).all()
        encode = lambda array: base64.b64encode(array.tobytes()).decode()
        out["types"][name] = {"bytes": encode(data), "f32": encode(values)}
    path = pathlib.Path(__file__).parent.parent / "format/gguf/blocks.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(out, indent=1) + "\n")


main()
