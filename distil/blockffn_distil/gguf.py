"""Reads a Llama teacher from a GGUF file. Small on purpose: the runtime's own converter is to take its place."""

import struct
from pathlib import Path

import numpy as np

from .errors import DistilError

MAX_STRING = 1 << 24
MAX_ITEMS = 1 << 24
_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_STRING, _ARRAY = 8, 9


class _Reader:
    """A cursor that names the file when it runs out of bytes."""

    def __init__(self, data: memoryview, file: str) -> None:
        self.data, self.file, self.at = data, file, 0

    def scalar(self, kind: int) -> int | float | bool:
        form = _SCALARS.get(kind)
        if form is None:
            raise DistilError(f"has a value of unknown type {kind}", file=self.file)
        size = struct.calcsize(form)
        if self.at + size > len(self.data):
            raise DistilError("ends within its header", file=self.file)
        value = struct.unpack_from(form, self.data, self.at)[0]
        self.at += size
        return value

    def count(self, limit: int) -> int:
        value = self.scalar(10)
        if value > limit or value > len(self.data):
            raise DistilError(f"counts {value} items, more than {limit} or than the file holds", file=self.file)
        return value

    def string(self) -> str:
        size = self.count(MAX_STRING)
        if self.at + size > len(self.data):
            raise DistilError("ends within a string", file=self.file)
        value = bytes(self.data[self.at : self.at + size]).decode("utf-8", "replace")
        self.at += size
        return value

    def value(self, kind: int):
        if kind == _STRING:
            return self.string()
        if kind == _ARRAY:
            inner = self.scalar(4)
            if inner == _ARRAY:
                raise DistilError("has an array of arrays", file=self.file)
            return [self.value(inner) for _ in range(self.count(MAX_ITEMS))]
        return self.scalar(kind)


def _f16(raw: np.ndarray) -> np.ndarray:
    return raw.copy().view("<f2").astype(np.float32)


def _q8_0(blocks: np.ndarray) -> np.ndarray:
    return blocks[:, 2:].copy().view(np.int8).astype(np.float32) * _f16(blocks[:, :2])


def _q4_0(blocks: np.ndarray) -> np.ndarray:
    packed = blocks[:, 2:]
    return (np.concatenate([packed & 15, packed >> 4], 1).astype(np.float32) - 8) * _f16(blocks[:, :2])


def _q4_1(blocks: np.ndarray) -> np.ndarray:
    packed = blocks[:, 4:]
    return np.concatenate([packed & 15, packed >> 4], 1).astype(np.float32) * _f16(blocks[:, :2]) + _f16(blocks[:, 2:4])


def _bf16(raw: np.ndarray) -> np.ndarray:
    return (raw.copy().view("<u2").astype(np.uint32) << 16).view(np.float32)


# ggml type: (weights a block, bytes a block, decoder of [blocks, bytes]).
_TYPES = {
    0: (1, 4, lambda raw: raw.copy().view("<f4").astype(np.float32)),
    1: (1, 2, _f16),
    30: (1, 2, _bf16),
    2: (32, 18, _q4_0),
    3: (32, 20, _q4_1),
    8: (32, 34, _q8_0),
}


def read_gguf(path: str | Path) -> tuple[dict, dict[str, np.ndarray]]:
    """Metadata and float32 tensors of a GGUF file (versions 2 and 3; F32, F16, BF16, Q8_0, Q4_0, Q4_1), in ggml's names.

    Raises DistilError for a damaged file or a type that it does not know.
    """
    file = str(path)
    data = memoryview(np.memmap(path, dtype=np.uint8, mode="r"))
    reader = _Reader(data, file)
    if bytes(data[:4]) != b"GGUF":
        raise DistilError("is no GGUF file", file=file)
    reader.at = 4
    if reader.scalar(4) not in (2, 3):
        raise DistilError("is of a GGUF version other than 2 and 3", file=file)
    tensor_count, pairs = reader.count(1 << 16), reader.count(1 << 16)
    meta = {}
    for _ in range(pairs):
        key = reader.string()
        meta[key] = reader.value(reader.scalar(4))
    infos = []
    for _ in range(tensor_count):
        name, ranks = reader.string(), reader.scalar(4)
        if not 1 <= ranks <= 4:
            raise DistilError(f"has {ranks} dimensions", file=file, field=name)
        infos.append((name, [reader.count(1 << 31) for _ in range(ranks)], reader.scalar(4), reader.scalar(10)))
    alignment = meta.get("general.alignment", 32)
    if not isinstance(alignment, int) or not 1 <= alignment <= 1 << 20:
        raise DistilError("is not an alignment", file=file, field="general.alignment")
    base = -(-reader.at // alignment) * alignment
    return meta, {name: _tensor(data, base + offset, dims, kind, name, file) for name, dims, kind, offset in infos}


def _tensor(data: memoryview, start: int, dims: list[int], kind: int, name: str, file: str) -> np.ndarray:
    if kind not in _TYPES:
        raise DistilError(f"is of ggml type {kind}; F32, F16, BF16, Q8_0, Q4_0 and Q4_1 are read", file=file, field=name)
    width, size, decode = _TYPES[kind]
    count = 1
    for dim in dims:
        count *= dim
    if dims[0] % width or start + count // width * size > len(data):
        raise DistilError("does not fit its type or the file", file=file, field=name)
    blocks = np.frombuffer(data, np.uint8, count // width * size, start).reshape(-1, size)
    return decode(blocks).reshape(dims[::-1])
