"""An EAGLE draft head for a student, in the authors' naming, trained on its own output, too (as EAGLE-3, arXiv 2503.01840)."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from .checkpoint import read_checkpoint
from .distillation import head_kl, kl_chunk
from .errors import DistilError
from .fit import Nothing
from .layers import Attention, GatedFFN, RMSNorm, RoPE
from .loop import Loop, decay_groups, identity_of
from .model import CausalLM
from .run import Run
from .shape import Shape
from .train import build_student, exported_weights, quantized_at

DEPTH_WEIGHT, SMOOTH_WEIGHT, NOISE = 0.8, 0.1, 0.1


class EagleLayer(nn.Module):
    """The one layer: no norm before its attention, as in the authors' heads."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.self_attn = Attention(shape)
        self.post_attention_layernorm = RMSNorm(shape.hidden, shape.eps)
        self.mlp = GatedFFN(shape)


class EagleHead(nn.Module):
    """Next token's embedding and this token's last hidden state -> the next token's last hidden state."""

    def __init__(self, shape: Shape, seed: int) -> None:
        super().__init__()
        self.fc = nn.Linear(2 * shape.hidden, shape.hidden)
        self.input_norm1, self.input_norm2 = RMSNorm(shape.hidden, shape.eps), RMSNorm(shape.hidden, shape.eps)
        self.layers = nn.ModuleList([EagleLayer(shape)])
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for name, p in self.named_parameters():
                if p.dim() > 1:
                    size = 0.1 if "o_proj" in name or "down_proj" in name else 0.3 if "q_proj" in name or "k_proj" in name else 1.0
                    p.copy_(torch.randn(p.shape, generator=generator) * size / p.shape[1] ** 0.5)
            self.fc.bias.zero_()

    def forward(self, embedded: Tensor, hidden: Tensor, rope: RoPE) -> Tensor:
        both = torch.cat([self.input_norm1(embedded), self.input_norm2(hidden)], -1)
        x = F.linear(both, self.fc.weight.to(both.dtype), self.fc.bias.to(both.dtype))
        layer = self.layers[0]
        x = x + layer.self_attn(x, rope)
        return x + layer.mlp(layer.post_attention_layernorm(x))


def head_shape(student: Shape, intermediate: int) -> Shape:
    return replace(student, layers=1, intermediate=intermediate, experts=0, expert_size=0, residual_scale=1.0)


def draft_losses(
    head, student: CausalLM, ids: Tensor, hidden: Tensor, noise: Tensor, depth: int, kl=kl_chunk
) -> tuple[Tensor, list[Tensor]]:
    """Loss over `depth` steps, each on the head's own output of the step before, and the agreement of each with the student's first choice.

    hidden: [batch, tokens, hidden] of the student. noise: like hidden[:, :-1], added to what the first step sees.
    """
    table = student.embeddings()
    rows = student.head(table).to(hidden.dtype)
    embedded = student.embed(ids, table, hidden.dtype)[:, 1:]
    seen, target = hidden[:, :-1], hidden[:, 1:].flatten(0, 1)
    size = hidden.float().std()
    rope = student.rope(seen.shape[1], hidden.dtype)
    current, loss, agreement = seen + noise * size.to(hidden.dtype), torch.zeros((), device=ids.device), []
    for step in range(depth):
        out = head(embedded, current, rope)
        flat = out.flatten(0, 1)
        divergence, same = head_kl(flat, target, rows, rows, kl)
        loss = loss + DEPTH_WEIGHT**step * (divergence + SMOOTH_WEIGHT * F.smooth_l1_loss(flat.float() / size, target.float() / size))
        agreement.append(same)
        current = torch.cat([seen[:, :1], out[:, :-1]], 1)
    return loss, agreement


def train_eagle(run: Run, stop: int | None = None) -> Path:
    """Trains a head for the run's student, or goes on, and writes `model/eagle/`."""
    config, settings = run.config, run.config["eagle"]
    student = build_student(run)
    saved = read_checkpoint(run.folder / "checkpoint")
    if saved is None:
        raise DistilError("has no checkpoint yet: run `python -m blockffn_distil train` first", file=str(run.folder))
    student.load_state_dict({name.removeprefix("weights."): value for name, value in saved[0].items() if name.startswith("weights.")})
    student.load_state_dict(exported_weights(student, quantized_at(config, saved[1]["step"])))
    student.requires_grad_(False)
    head = EagleHead(head_shape(student.shape, settings["intermediate"]), config["seed"]).to(run.processes.device)
    named, rows = dict(head.named_parameters()), run.rows()
    steps = settings["steps"]
    schedule = {"steps": steps, "warmup": min(100, steps // 10), "decay": steps // 2, "finalRatio": 0.02}
    identity = identity_of(
        "eagle", settings, config["batch"], config["optimizer"], config["seed"], rows.identity(), saved[1]["identity"], saved[1]["step"]
    )
    groups = decay_groups(named, lambda name: settings["learningRate"], 0.01)
    loop = Loop(run.folder / "eagle", run.processes, identity, named, groups, config, schedule, Nothing())
    forward, kl = run.compiled(head), run.compiled(kl_chunk)

    def compute(step: int) -> dict:
        passes = run.mine(rows.at(step))
        sums = torch.zeros(1 + settings["depth"], device=run.processes.device)
        random = torch.Generator(run.processes.device).manual_seed((config["seed"] * 1000003 + step) * 4096 + run.processes.rank)
        for ids in passes:
            with torch.no_grad():
                hidden = student.hidden(ids, run.dtype)
            noise = (torch.rand(hidden[:, :-1].shape, generator=random, device=hidden.device, dtype=hidden.dtype) - 0.5) * NOISE
            loss, agreement = draft_losses(forward, student, ids, hidden, noise, settings["depth"], kl)
            (loss / len(passes)).backward()
            sums += torch.stack([loss.detach(), *agreement]) / len(passes)
        loss, *agreement = run.processes.mean(sums).tolist()
        return {
            "tokens": step * rows.rows * rows.length,
            "loss": loss,
            "objectives": {},
            "factors": {},
            "tls": None,
            "cls8": None,
            "agreement": agreement,
        }

    loop.run(compute, stop=stop)
    folder = run.folder / "model" / "eagle"
    if run.processes.first:
        write_head(folder, head, student.shape, settings["intermediate"], run)
    return folder


def write_head(folder: Path, head: EagleHead, shape: Shape, intermediate: int, run: Run) -> None:
    """config.json, bfloat16 weights and the vocabulary by frequency in the run's text (for FR-Spec)."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "architectures": ["EagleForCausalLM"],
        "hidden_size": shape.hidden,
        "intermediate_size": intermediate,
        "num_hidden_layers": 1,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head_dim,
        "rms_norm_eps": shape.eps,
        "rope_theta": shape.rope_theta,
        "vocab_size": shape.vocab,
        "torch_dtype": "bfloat16",
    }
    counts = sum(np.bincount(tokens, minlength=shape.vocab) for tokens in run.written())
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    (folder / "token_frequency_rank.json").write_text(json.dumps(np.argsort(-counts, kind="stable").tolist()))
    temporary = folder / "model.safetensors.new"
    save_file(
        {name: value.detach().to(torch.bfloat16).cpu().contiguous() for name, value in head.state_dict().items()},
        temporary,
        metadata={"format": "pt"},
    )
    os.replace(temporary, folder / "model.safetensors")
