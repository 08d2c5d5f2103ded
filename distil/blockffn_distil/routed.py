"""The BlockFFN layer: every expert whose router score is above 0 takes part (BlockFFN, section 3.1)."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .layers import Linear, grid
from .objectives import activation_shares, chunk_loss, locality_loss, sparsity
from .shape import Shape

NORM_EPS = 1e-5


class Routing(NamedTuple):
    """Router scores before ReLU, after ReLU and norm (without the norm's weight), and with it. Each [batch, tokens, experts] float32."""

    raw: Tensor
    scores: Tensor
    weights: Tensor


class RoutedStats(NamedTuple):
    locality: Tensor
    chunk: Tensor
    sparsity: Tensor


class BlockFFN(nn.Module):
    """sum_i A_i down_i SiLU(up_i h), A = norm(ReLU(router h)), in the official names. The router works in float32."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        width = shape.experts * shape.expert_size
        self.router_proj = Linear(shape.hidden, shape.experts)
        if shape.router_norm == "rms":
            self.router_norm = RouterNorm(shape.experts)
        self.up_proj = nn.Parameter(torch.empty(width, shape.hidden))
        self.down_proj = nn.Parameter(torch.empty(shape.hidden, width))
        self.q4 = False

    def route(self, h: Tensor) -> Routing:
        raw = F.linear(h.float(), self.router_proj.weight.float())
        active = F.relu(raw)
        if self.shape.router_norm == "rms":
            scores = active * torch.rsqrt(active.square().mean(-1, keepdim=True) + self.shape.eps)
            return Routing(raw, scores, scores * self.router_norm.weight)
        if self.shape.router_norm == "sum":
            scores = active / (active.sum(-1, keepdim=True) * self.shape.norm_scale + NORM_EPS)
            return Routing(raw, scores, scores)
        return Routing(raw, active, active)

    def combine(self, h: Tensor, weights: Tensor) -> Tensor:
        up = F.silu(F.linear(h, grid(self.up_proj, self.q4).to(h.dtype)))
        mixed = up.unflatten(-1, (self.shape.experts, self.shape.expert_size)) * weights.to(h.dtype).unsqueeze(-1)
        return F.linear(mixed.flatten(-2), grid(self.down_proj, self.q4).to(h.dtype))

    def forward(self, h: Tensor) -> Tensor:
        return self.combine(h, self.route(h).weights)


class RouterNorm(nn.Module):
    def __init__(self, experts: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(experts))


def routed_stats(routing: Routing, follows: Tensor, steepness: float, chunk: int) -> RoutedStats:
    """The objectives and TLS, CLS_8 of a layer. follows: [batch, tokens], true where a token follows one of its document."""
    with torch.no_grad():
        sparse = sparsity(routing.scores > 0, (1, 8))
    return RoutedStats(locality_loss(routing.raw, follows, steepness), chunk_loss(activation_shares(routing.scores), chunk), sparse)
