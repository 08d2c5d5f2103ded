"""What the commands of a run share: its folder, processes, teacher, texts and precision."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from .corpus import Rows, encode_files, read_prefixes, read_tokens, unseen, write_tokens
from .errors import DistilError
from .parallel import Processes
from .sample import sample_rows
from .teacher import Teacher, load_teacher


@dataclass
class Run:
    config: dict
    file: str
    processes: Processes

    @property
    def folder(self) -> Path:
        return Path(self.config["out"])

    @property
    def dtype(self) -> torch.dtype:
        return torch.bfloat16 if self.config["precision"] == "bf16" else torch.float32

    @cached_property
    def teacher(self) -> Teacher:
        teacher = self.config["teacher"]
        return load_teacher(teacher["path"], self.dtype, self.processes.device, teacher.get("tokenizer"))

    @cached_property
    def tokenizer(self) -> Tokenizer:
        return Tokenizer.from_str(self.teacher.tokenizer_json.decode())

    @property
    def separator(self) -> int | None:
        """The token that documents begin with."""
        end = self.tokenizer.token_to_id("<|endoftext|>")
        return self.teacher.special.get("bos_token_id") if end is None else end

    def compiled(self, function):
        return torch.compile(function, dynamic=False) if self.config["compile"] else function

    def corpus_file(self, name: str) -> Path:
        return self.folder / "corpus" / f"{name}.npy"

    def sample(
        self, model, prefixes: list[list[int]], tokens: int, length: int, random: np.random.Generator, say=lambda done: None
    ) -> np.ndarray:
        """At least `tokens` tokens in rows of `length` that begin with prefixes drawn at random."""
        text = self.config["text"]
        rows: list[np.ndarray] = []
        while sum(map(len, rows)) * length < tokens:
            chosen = [prefixes[i][: length - 1] for i in random.integers(len(prefixes), size=text["rows"])]
            heat = [float(t) for t in random.choice(text["temperatures"], size=text["rows"])]
            drawn = sample_rows(model, chosen, length, heat, seed=int(random.integers(2**31)), min_p=text["minP"], dtype=self.dtype)
            rows.append(drawn.numpy())
            say(sum(map(len, rows)) * length)
        return np.concatenate(rows)

    def write(self, say=print) -> None:
        """The teacher writes the texts: training rows (each process its own), rows to be judged on, own files as tokens."""
        text, vocab = self.config["text"], self.teacher.shape.vocab
        prefixes = read_prefixes(text, self.tokenizer, self.teacher.special.get("bos_token_id"), self.file)
        random = np.random.default_rng([self.config["seed"], 1, self.processes.rank])
        target = self.corpus_file(f"teacher-{self.processes.rank}")
        share = -(-text["tokens"] // self.processes.world)
        train = self.sample(self.teacher.model, prefixes, share, text["length"], random, lambda done: say(f"{done} of {share} tokens"))
        write_tokens(target, train, vocab)
        self.processes.wait()
        if not self.processes.first:
            return
        held = text["held"]
        own = held["prefixes"] or "prefixFile" in held
        chosen = read_prefixes(held, self.tokenizer, self.teacher.special.get("bos_token_id"), self.file) if own else prefixes
        length = self.config["batch"]["length"]
        random = np.random.default_rng([self.config["seed"], 2])
        rows = self.sample(self.teacher.model, chosen, held["rows"] * length, length, random)[: held["rows"]]
        rows = unseen(rows, np.concatenate(self.written()), text["length"])
        if len(rows) == 0:
            raise DistilError("begin like rows of the training text, all of them: name other prefixes", file=self.file, field="text.held")
        write_tokens(self.corpus_file("held"), rows, vocab)
        if text["files"]:
            write_tokens(self.corpus_file("files"), encode_files(self.tokenizer, text["files"], self.separator, vocab), vocab)
        say(f"held out: {len(rows)} rows of {length}")

    def written(self) -> list[np.ndarray]:
        files = sorted((self.folder / "corpus").glob("teacher-*.npy"))
        if not files:
            raise DistilError("has no text yet: run `python -m blockffn_distil write` first", file=str(self.folder))
        return [read_tokens(file) for file in files]

    def rows(self) -> Rows:
        """The rows of each step, from the teacher's text and own files."""
        batch, text = self.config["batch"], self.config["text"]
        separators = [id for id in (self.separator,) if id is not None]
        rows = Rows(batch["length"], batch["rows"], self.config["seed"], separators)
        rows.add("teacher", np.concatenate(self.written()), 1.0)
        if text["files"]:
            rows.add("files", read_tokens(self.corpus_file("files")), text["fileShare"])
        return rows

    def mine(self, ids: torch.Tensor) -> list[torch.Tensor]:
        """This process's passes of a step's rows. Raises DistilError when they cannot be shared out evenly."""
        per_pass, world = self.config["batch"]["rowsPerPass"], self.processes.world
        if (len(ids) // per_pass) % world:
            raise DistilError(
                f"{len(ids) // per_pass} passes a step are not for {world} processes: change batch.rowsPerPass", file=self.file
            )
        return [part.to(self.processes.device) for part in ids.split(per_pass)][self.processes.rank :: world]
