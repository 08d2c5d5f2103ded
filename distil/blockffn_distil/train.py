"""Stage 2: the student's next-token distribution follows the teacher's while the objectives push its routers."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .corpus import Rows, read_prefixes, read_tokens, write_tokens
from .distillation import head_kl, kl_chunk
from .factors import Factors
from .fit import fit
from .loop import Loop, decay_groups, identity_of
from .model import CausalLM, is_matrix, routed_layer
from .quantize import q4_grid
from .run import Run
from .student import new_parameters, new_student, student_shape


class Distiller:
    """A student beside its teacher: losses of rows, validation, text of its own."""

    def __init__(self, run: Run, student: CausalLM) -> None:
        self.run, self.student, self.config = run, student, run.config
        objectives = run.config["objectives"]
        self.steepness = objectives.get("locality", {"steepness": 100.0})["steepness"]
        self.chunk = objectives.get("chunk", {"length": 64})["length"]
        self.layer, self.teacher_layer, self.kl = (
            run.compiled(routed_layer),
            run.compiled(lambda layer, x, rope: layer(x, rope)),
            run.compiled(kl_chunk),
        )

    @torch.no_grad()
    def teacher_hidden(self, ids: Tensor) -> Tensor:
        teacher = self.run.teacher.model
        x = teacher.embed(ids, teacher.embeddings(), self.run.dtype)
        rope = teacher.rope(ids.shape[1], self.run.dtype)
        for layer in teacher.model.layers:
            x = self.teacher_layer(layer, x, rope)
        return teacher.finish(x)

    def student_hidden(self, ids: Tensor, follows: Tensor, table: Tensor) -> tuple[Tensor, Tensor]:
        """Hidden states and, averaged over the layers, [locality, chunk, TLS, CLS_8]."""
        student = self.student
        x = student.embed(ids, table, self.run.dtype)
        rope = student.rope(ids.shape[1], self.run.dtype)
        sums = torch.zeros(4, device=ids.device)
        for layer in student.model.layers:
            x, stats = self.layer(layer, x, rope, follows, self.steepness, self.chunk)
            sums = sums + torch.stack([stats.locality, stats.chunk, *stats.sparsity])
        return student.finish(x), sums / len(student.model.layers)

    def losses(self, ids: Tensor, follows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """KL, agreement, [locality, chunk, TLS, CLS_8] of rows."""
        table = self.student.embeddings()
        teacher = self.run.teacher.model
        theirs = self.teacher_hidden(ids).flatten(0, 1)
        ours, stats = self.student_hidden(ids, follows, table)
        kl, same = head_kl(ours.flatten(0, 1), theirs, self.student.head(table), teacher.head(teacher.embeddings()), self.kl)
        return kl, same, stats

    @torch.no_grad()
    def validate(self, rows: Rows) -> dict:
        """Perplexity of both, KL, agreement and sparsity on the rows held out. Weights as they are exported."""
        held = torch.from_numpy(np.asarray(read_tokens(self.run.corpus_file("held")), np.int64).reshape(-1, rows.length))
        teacher, sums = self.run.teacher.model, torch.zeros(8, dtype=torch.float64)
        table = self.student.embeddings()
        heads = self.student.head(table).to(self.run.dtype), teacher.head(teacher.embeddings())
        for ids in held.to(self.run.processes.device).split(1):
            ours, stats = self.student_hidden(ids, rows.follows(ids), table)
            states = ours[0, :-1], self.teacher_hidden(ids)[0, :-1]
            a, b = (torch.log_softmax(F.linear(h, head).float(), -1) for h, head in zip(states, heads))
            numbers = [
                F.nll_loss(a, ids[0, 1:]),
                F.nll_loss(b, ids[0, 1:]),
                (b.exp() * (b - a)).sum(-1).mean(),
                (a.argmax(-1) == b.argmax(-1)).float().mean(),
            ]
            sums += torch.stack([*numbers, *stats]).double().cpu()
        nll, teacher_nll, kl, same, _, _, tls, cls8 = (sums / len(held)).tolist()
        return {
            "tokens": len(held) * (rows.length - 1),
            "nll": nll,
            "perplexity": math.exp(nll),
            "teacherPerplexity": math.exp(teacher_nll),
            "kl": kl,
            "same": same,
            "tls": tls,
            "cls": {"8": cls8},
        }


def exported_weights(student: CausalLM, quantize: bool) -> dict[str, Tensor]:
    """Weights as they are exported: matrices on the 4-bit grid when they were trained on it."""
    with torch.no_grad():
        return {
            name: q4_grid(value) if quantize and is_matrix(name, value) else value.detach().clone()
            for name, value in student.state_dict().items()
        }


def build_student(run: Run) -> CausalLM:
    model = run.config["model"]
    shape = student_shape(run.teacher.shape, model["experts"], model["expertSize"])
    return new_student(run.teacher, shape, run.config["seed"]).to(run.processes.device)


def train(run: Run, stop: int | None = None) -> CausalLM:
    """Fits and distils, or goes on where the last checkpoint was. Returns the student; its weights are those of the last step."""
    config = run.config
    student = build_student(run)
    fit(run, student)
    distiller, rows = Distiller(run, student), run.rows()
    named, fresh = dict(student.named_parameters()), new_parameters(student)
    optimizer, schedule = config["optimizer"], config["schedule"]
    rate = lambda name: optimizer["learningRate"] * (1.0 if name in fresh else config["copiedRate"])
    factors = Factors(config["objectives"], config["targets"], schedule["steps"])
    free = ("out", "checkpointEvery", "validateEvery", "eagle")
    identity = identity_of("train", {k: v for k, v in config.items() if k not in free}, rows.identity())
    groups = decay_groups(named, rate, optimizer["weightDecay"])
    loop = Loop(run.folder, run.processes, identity, named, groups, config, schedule, factors)
    own = config["ownText"]

    def before(step: int) -> None:
        student.use_q4(quantized_at(config, step))
        for at in own["at"]:
            if at + 1 == step:
                loop.save()  # What the student writes follows from its weights: a killed run must come by here again.
                write_own(run, student, at)
        current = [at for at in own["at"] if at < step]
        if current and f"own-{current[-1]}" not in rows.streams:
            for at in current:
                rows.streams.pop(f"own-{at}", None)
                rows.add(f"own-{at}", np.concatenate([read_tokens(f) for f in own_files(run, at)]), own["share"] / len(current))

    def compute(step: int) -> dict:
        passes = run.mine(rows.at(step))
        now = factors.at(step)
        sums = torch.zeros(6, device=run.processes.device)
        for ids in passes:
            kl, same, stats = distiller.losses(ids, rows.follows(ids))
            loss = kl + now.get("locality", 0.0) * stats[0] + now.get("chunk", 0.0) * stats[1]
            (loss / len(passes)).backward()
            sums += torch.stack([kl.detach(), same, *stats.detach()]) / len(passes)
        kl, same, locality, chunk, tls, cls8 = run.processes.mean(sums).tolist()
        values = {name: {"locality": locality, "chunk": chunk}[name] for name in now}
        factors.after(step, values, tls, cls8)
        return {
            "tokens": step * rows.rows * rows.length,
            "loss": kl,
            "same": same,
            "objectives": values,
            "factors": now,
            "tls": tls,
            "cls8": cls8,
        }

    loop.run(compute, before=before, validate=lambda: distiller.validate(rows), validate_every=config.get("validateEvery"), stop=stop)
    student.use_q4(quantized_at(config, loop.step))
    return student


def quantized_at(config: dict, step: int) -> bool:
    return config["quantize"] == "q4" and step > config["quantizeFrom"] * config["schedule"]["steps"]


def own_files(run: Run, at: int) -> list:
    return [run.corpus_file(f"own-{at}-{rank}") for rank in range(run.processes.world)]


def write_own(run: Run, student: CausalLM, at: int) -> None:
    """The student writes text as it now is; the teacher's distribution on it is learnt like on any other (on-policy distillation)."""
    copy = CausalLM(student.shape).to(run.processes.device)
    copy.load_state_dict(exported_weights(student, student.q4))
    random = np.random.default_rng([run.config["seed"], 3, at, run.processes.rank])
    prefixes = read_prefixes(run.config["text"], run.tokenizer, run.teacher.special.get("bos_token_id"), run.file)
    text = run.sample(copy, prefixes, -(-run.config["ownText"]["tokens"] // run.processes.world), run.config["text"]["length"], random)
    write_tokens(run.corpus_file(f"own-{at}-{run.processes.rank}"), text, student.shape.vocab)
    run.processes.wait()
