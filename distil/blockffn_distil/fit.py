"""Stage 1: each new FFN learns to give what the teacher's gives, layer by layer on the teacher's own hidden states."""

import torch
from torch import Tensor

from .loop import Loop, decay_groups, identity_of
from .model import CausalLM
from .objectives import activation_shares, chunk_loss, sparsity
from .run import Run
from .student import new_parameters


class Nothing:
    def state(self) -> dict:
        return {}

    def restore(self, state: dict) -> None:
        pass


def teacher_ffn(layer, x: Tensor, rope) -> tuple[Tensor, Tensor, Tensor]:
    """A teacher's layer: what goes out, what its FFN got and what that gave."""
    x = layer.attend(x, rope)
    h = layer.post_attention_layernorm(x)
    y = layer.mlp(h)
    return x + layer.scale * y, h, y


def ffn_error(mlp, h: Tensor, y: Tensor, chunk: int) -> tuple[Tensor, Tensor, Tensor]:
    """Squared error relative to the output's square (and a tenth of its median, for small ones), chunk loss, TLS and CLS_8."""
    routing = mlp.route(h)
    out = mlp.combine(h, routing.weights)
    square = y.float().square().sum(-1)
    error = ((out.float() - y.float()).square().sum(-1) / (square + 0.1 * square.median() + 1e-12)).mean()
    with torch.no_grad():
        sparse = sparsity(routing.scores > 0, (1, 8))
    return error, chunk_loss(activation_shares(routing.scores), chunk), sparse


def fit(run: Run, student: CausalLM, stop: int | None = None) -> None:
    """Fits the student's FFNs in place, or goes on where the last checkpoint was."""
    config, teacher = run.config, run.teacher.model
    steps = config["fit"]["steps"]
    if steps == 0:
        return
    named = {name: p for name, p in student.named_parameters() if name in new_parameters(student)}
    optimizer = config["optimizer"]
    groups = decay_groups(named, lambda name: optimizer["learningRate"], optimizer["weightDecay"])
    schedule = {"steps": steps, "warmup": min(50, steps // 10), "decay": steps // 5, "finalRatio": 0.05}
    rows = run.rows()
    identity = identity_of(
        "fit", config["fit"], config["model"], optimizer, config["batch"], config["seed"], config["teacher"]["path"], rows.identity()
    )
    loop = Loop(run.folder / "fit", run.processes, identity, named, groups, config, schedule, Nothing())
    through, error_of = run.compiled(teacher_ffn), run.compiled(ffn_error)
    chunk = config["objectives"].get("chunk", {"length": 64})["length"]

    def compute(step: int) -> dict:
        passes = run.mine(rows.at(step))
        stats = torch.zeros(4, device=run.processes.device)
        for ids in passes:
            with torch.no_grad():
                x = teacher.embed(ids, teacher.embeddings(), run.dtype)
            rope = teacher.rope(ids.shape[1], run.dtype)
            for ours, theirs in zip(student.model.layers, teacher.model.layers):
                with torch.no_grad():
                    x, h, y = through(theirs, x, rope)
                error, crowd, sparse = error_of(ours.mlp, h, y, chunk)
                ((error + config["fit"]["chunk"] * crowd) / len(passes)).backward()
                stats += torch.stack([error.detach(), crowd.detach(), *sparse]) / (len(passes) * len(student.model.layers))
        loss, crowd, tls, cls8 = run.processes.mean(stats).tolist()
        factor = config["fit"]["chunk"]
        return {
            "tokens": step * rows.rows * rows.length,
            "loss": loss,
            "objectives": {"chunk": crowd},
            "factors": {"chunk": factor},
            "tls": tls,
            "cls8": cls8,
        }

    loop.run(compute, stop=stop)
