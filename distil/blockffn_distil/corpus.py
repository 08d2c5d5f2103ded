"""The texts of a run: what the teacher wrote, what it will be judged on, own files, and the rows of each step."""

import json
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .errors import DistilError

HEAD = 64


def token_dtype(vocab: int) -> np.dtype:
    return np.dtype(np.uint16 if vocab <= 1 << 16 else np.uint32)


def read_tokens(path: Path) -> np.ndarray:
    """A token file (.npy, one dimension). Raises DistilError when it is none."""
    try:
        tokens = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as cause:
        raise DistilError("is no token file; write it again with `python -m blockffn_distil write`", file=str(path)) from cause
    if tokens.ndim != 1 or tokens.dtype.kind != "u":
        raise DistilError("is no list of tokens", file=str(path))
    return tokens


def write_tokens(path: Path, tokens: np.ndarray, vocab: int) -> None:
    """Puts a whole file into place, or leaves the old one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp.npy")
    np.save(temporary, np.ascontiguousarray(tokens.reshape(-1), token_dtype(vocab)))
    temporary.replace(path)


def encode_files(tokenizer, files: list[str], separator: int | None, vocab: int) -> np.ndarray:
    """Own texts as one stream: documents stand between <|endoftext|>, each begins with the separator token."""
    out: list[int] = []
    for file in files:
        try:
            text = Path(file).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as cause:
            raise DistilError("cannot be read as UTF-8 text", file=file, field="text.files") from cause
        for document in filter(None, (part.strip() for part in text.split("<|endoftext|>"))):
            out += [] if separator is None else [separator]
            out += tokenizer.encode(document, add_special_tokens=False).ids
    return np.array(out, token_dtype(vocab))


def read_prefixes(config: dict, tokenizer, begin: int | None, file: str) -> list[list[int]]:
    """What sampled rows begin with: `prefixes` as they stand, one JSON string a line of `prefixFile`, or else the token `begin`.

    Special tokens are recognised under the names that the tokenizer gives them.
    """
    texts = list(config.get("prefixes") or [])
    if config.get("prefixFile"):
        try:
            texts += [json.loads(line) for line in Path(config["prefixFile"]).read_text("utf-8").splitlines() if line.strip()]
        except (OSError, ValueError) as cause:
            raise DistilError("must hold one JSON string a line", file=config["prefixFile"], field="prefixFile") from cause
    rows = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    if not rows and begin is not None:
        return [[begin]]
    if not rows or not all(rows):
        raise DistilError(
            "must name prefixes of a token or more: this teacher has no token that texts begin with", file=file, field="text.prefixes"
        )
    return rows


def unseen(held: np.ndarray, train: np.ndarray, length: int) -> np.ndarray:
    """Rows of `held` [rows, width] that begin like no row of `train` (a stream of rows of `length` tokens): no prompt is in both."""
    heads = {row[:HEAD].tobytes() for row in train.reshape(-1, length)}
    return held[[row[:HEAD].tobytes() not in heads for row in held]]


@dataclass
class Rows:
    """Draws the rows of each step from weighted streams. A step's rows depend on seed and step alone, whatever ran before."""

    length: int
    rows: int
    seed: int
    separators: list[int]
    streams: dict[str, np.ndarray] = field(default_factory=dict)
    shares: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, tokens: np.ndarray, share: float) -> None:
        """share: of a step's rows. The first stream takes what the others leave."""
        if len(tokens) <= self.length:
            raise DistilError(f"holds {len(tokens)} tokens, fewer than a row of {self.length} and one more", field=name)
        self.streams[name], self.shares[name] = tokens, share

    def counts(self) -> dict[str, int]:
        first, *others = self.streams
        counts = {name: round(self.rows * self.shares[name]) for name in others}
        return {first: self.rows - sum(counts.values()), **counts}

    def identity(self) -> list:
        """What the rows depend on."""
        return [[name, len(tokens), zlib.crc32(np.ascontiguousarray(tokens)), self.shares[name]] for name, tokens in self.streams.items()]

    def at(self, step: int) -> Tensor:
        """Rows of a step (from 1), [rows, length] int64."""
        random = np.random.default_rng([self.seed, step])
        out = []
        for name, count in self.counts().items():
            stream = self.streams[name]
            for start in random.integers(0, len(stream) - self.length, count):
                out.append(np.asarray(stream[start : start + self.length], np.int64))
        order = random.permutation(len(out))
        return torch.from_numpy(np.stack([out[i] for i in order]))

    def follows(self, ids: Tensor) -> Tensor:
        """True where a token follows the one before it in its document: nowhere at a separator and at a row's start."""
        follows = torch.ones_like(ids, dtype=torch.bool)
        follows[:, 0] = False
        for separator in self.separators:
            follows &= ids != separator
        return follows
