"""The GGUF reader on files written here by ggml's layout, and on damaged ones."""

import struct

import numpy as np
import pytest
import torch

from blockffn_distil.errors import DistilError
from blockffn_distil.gguf import read_gguf
from blockffn_distil.teacher import load_teacher
from conftest import arrays, tiny_config, tiny_weights

STRING, UINT, FLOAT = 8, 4, 6


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def pair(key: str, kind: int, value) -> bytes:
    return text(key) + struct.pack("<I", kind) + (text(value) if kind == STRING else struct.pack("<f" if kind == FLOAT else "<I", value))


def gguf(pairs: list[bytes], tensors: list[tuple[str, tuple[int, ...], int, bytes]]) -> bytes:
    header = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(pairs)) + b"".join(pairs)
    data = b""
    for name, shape, kind, raw in tensors:
        header += (
            text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape[::-1]) + struct.pack("<IQ", kind, len(data))
        )
        data += raw + bytes(-len(raw) % 32)
    return header + bytes(-len(header) % 32) + data


def half(values) -> bytes:
    return np.asarray(values, "<f2").tobytes()


def test_types(tmp_path):
    codes = np.arange(32) % 16
    packed = bytes(int(codes[i]) | int(codes[i + 16]) << 4 for i in range(16))
    eight = np.arange(-16, 16).astype(np.int8)
    floats = np.linspace(-1, 1, 32).astype(np.float32)
    bf16 = (floats.view(np.uint32) >> 16).astype("<u2")
    file = tmp_path / "t.gguf"
    file.write_bytes(
        gguf(
            [],
            [
                ("q4_0", (1, 32), 2, half([0.5]) + packed),
                ("q4_1", (1, 32), 3, half([0.25, -1]) + packed),
                ("q8", (1, 32), 8, half([0.125]) + eight.tobytes()),
                ("f16", (32,), 1, half(floats)),
                ("bf16", (32,), 30, bf16.tobytes()),
                ("f32", (2, 16), 0, floats.tobytes()),
            ],
        )
    )
    _, tensors = read_gguf(file)
    assert np.array_equal(tensors["q4_0"][0], (codes - 8) * 0.5)
    assert np.array_equal(tensors["q4_1"][0], codes * 0.25 - 1)
    assert np.array_equal(tensors["q8"][0], eight * 0.125)
    assert np.array_equal(tensors["f16"], floats.astype(np.float16).astype(np.float32))
    assert np.array_equal(tensors["bf16"], (bf16.astype(np.uint32) << 16).view(np.float32))
    assert np.array_equal(tensors["f32"], floats.reshape(2, 16))


def permuted(weight: np.ndarray, heads: int) -> np.ndarray:
    """As llama.cpp's converter stores queries and keys."""
    rows, cols = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, cols).swapaxes(1, 2).reshape(rows, cols)


def tiny_gguf() -> bytes:
    weights = arrays(tiny_weights(tiny_config()))
    names = {"token_embd": "model.embed_tokens", "output_norm": "model.norm"}
    layer = {
        "attn_norm": "input_layernorm",
        "ffn_norm": "post_attention_layernorm",
        "attn_q": "self_attn.q_proj",
        "attn_k": "self_attn.k_proj",
        "attn_v": "self_attn.v_proj",
        "attn_output": "self_attn.o_proj",
        "ffn_gate": "mlp.gate_proj",
        "ffn_up": "mlp.up_proj",
        "ffn_down": "mlp.down_proj",
    }
    names |= {f"blk.{i}.{a}": f"model.layers.{i}.{b}" for i in range(2) for a, b in layer.items()}
    tensors = []
    for theirs, ours in names.items():
        value = weights[f"{ours}.weight"]
        heads = {"attn_q": 4, "attn_k": 2}.get(theirs.split(".")[-1])
        value = permuted(value, heads) if heads else value
        tensors.append((f"{theirs}.weight", value.shape, 0, np.ascontiguousarray(value).tobytes()))
    numbers = {"block_count": 2, "attention.head_count": 4, "attention.head_count_kv": 2, "feed_forward_length": 48, "context_length": 256}
    pairs = [
        pair("general.architecture", STRING, "llama"),
        pair("llama.attention.layer_norm_rms_epsilon", FLOAT, 1e-5),
        pair("llama.rope.freq_base", FLOAT, 10000.0),
    ]
    pairs += [pair(f"llama.{name}", UINT, value) for name, value in numbers.items()]
    return gguf(pairs + [pair("tokenizer.ggml.bos_token_id", UINT, 0)], tensors)


def test_teacher_from_gguf_is_the_folders(tmp_path, teacher_folder):
    file = tmp_path / "tiny.gguf"
    file.write_bytes(tiny_gguf())
    ids = torch.arange(16)[None]
    ours = load_teacher(file, tokenizer=teacher_folder / "tokenizer.json")
    with torch.no_grad():
        assert torch.allclose(ours.model(ids), load_teacher(teacher_folder).model(ids), atol=1e-4)
    assert ours.special["bos_token_id"] == 0


@pytest.mark.parametrize("size", [3, 20, 100, 1000, -40])
def test_damaged_files_are_refused(tmp_path, size):
    file = tmp_path / "cut.gguf"
    file.write_bytes(tiny_gguf()[:size])
    with pytest.raises(DistilError, match="cut.gguf"):
        load_teacher(file)


def test_counts_larger_than_the_file_are_refused(tmp_path):
    file = tmp_path / "huge.gguf"
    file.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + struct.pack("<Q", 2**60))
    with pytest.raises(DistilError, match="huge.gguf"):
        read_gguf(file)
