"""Layers of teacher and student. The residual stream keeps the dtype it comes in; weights are cast to it where they are used."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .quantize import straight_through_q4
from .shape import Shape

RoPE = tuple[Tensor, Tensor]


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    wide = x.float()
    return (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps) * weight.float()).to(x.dtype)


def rope_tables(shape: Shape, length: int, device: torch.device, dtype: torch.dtype, start: int = 0) -> RoPE:
    """Cosine and sine of positions start.. for pairs (i, i + head_dim / 2). Each [length, head_dim]."""
    frequencies = shape.rope_theta ** (-torch.arange(0, shape.head_dim, 2, device=device).float() / shape.head_dim)
    angles = torch.arange(start, start + length, device=device).float()[:, None] * frequencies
    both = torch.cat([angles, angles], -1)
    return both.cos().to(dtype), both.sin().to(dtype)


def rotate(x: Tensor, rope: RoPE) -> Tensor:
    first, second = x.chunk(2, -1)
    return x * rope[0] + torch.cat([-second, first], -1) * rope[1]


class Linear(nn.Module):
    """A matrix without bias. `q4`: its forward pass uses the weight's nearest point on the 4-bit grid."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs))
        self.q4 = False

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, grid(self.weight, self.q4).to(x.dtype))


def grid(weight: Tensor, q4: bool) -> Tensor:
    return straight_through_q4(weight) if q4 else weight


class RMSNorm(nn.Module):
    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return rms_norm(x, self.weight, self.eps)


class Attention(nn.Module):
    """Grouped-query attention with rotary positions, in the official names."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        queries, keys = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
        self.q_proj = Linear(shape.hidden, queries)
        self.k_proj = Linear(shape.hidden, keys)
        self.v_proj = Linear(shape.hidden, keys)
        self.o_proj = Linear(queries, shape.hidden)

    def project(self, h: Tensor, rope: RoPE) -> tuple[Tensor, Tensor, Tensor]:
        """h [batch, n, hidden] -> q [batch, heads, n, head_dim], k and v [batch, kv_heads, n, head_dim]."""
        batch, n, _ = h.shape
        split = lambda x: x.view(batch, n, -1, self.shape.head_dim).transpose(1, 2)
        return rotate(split(self.q_proj(h)), rope), rotate(split(self.k_proj(h)), rope), split(self.v_proj(h))

    def join(self, heads: Tensor) -> Tensor:
        batch, _, n, _ = heads.shape
        return self.o_proj(heads.transpose(1, 2).reshape(batch, n, -1))

    def forward(self, h: Tensor, rope: RoPE) -> Tensor:
        q, k, v = self.project(h, rope)
        return self.join(F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True))


class GatedFFN(nn.Module):
    """The dense Llama FFN: down(SiLU(gate h) * up h)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.gate_proj = Linear(shape.hidden, shape.intermediate)
        self.up_proj = Linear(shape.hidden, shape.intermediate)
        self.down_proj = Linear(shape.intermediate, shape.hidden)

    def forward(self, h: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(h)) * self.up_proj(h))
