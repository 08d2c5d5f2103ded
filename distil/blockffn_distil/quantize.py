"""The 4-bit grid of the engine's q4 weights, for training on it."""

import torch
from torch import Tensor

GROUP = 32


def q4_scales(groups: Tensor) -> Tensor:
    """Scale of each group of 32 weights: the largest by magnitude becomes -8, rounded to bfloat16; 0 for a group of zeros.

    groups: [n, 32] float32. Returns [n, 1] float32 that bfloat16 holds exactly.
    """
    peak = groups.gather(1, groups.abs().argmax(1, keepdim=True))
    return (peak / -8).to(torch.bfloat16).float()


def q4_codes(groups: Tensor, scales: Tensor) -> Tensor:
    """Codes -8..7 of groups [n, 32] under their scales [n, 1], as float32."""
    safe = torch.where(scales == 0, torch.ones_like(scales), scales)
    return torch.floor(groups / safe + 0.5).clamp(-8, 7)


def q4_grid(weight: Tensor) -> Tensor:
    """The weight's nearest point on the grid of `blockffn convert --quantize q4`: groups of 32 along a row.

    weight: [rows, cols] float32, cols divisible by 32. A point of the grid is its own nearest point, so the converter,
    which tries this scale among others and finds no error with it, stores it without change.
    """
    if weight.dim() != 2 or weight.shape[1] % GROUP != 0:
        raise ValueError(f"a matrix whose rows are a multiple of {GROUP} long is needed, not {tuple(weight.shape)}")
    groups = weight.reshape(-1, GROUP)
    scales = q4_scales(groups)
    return (q4_codes(groups, scales) * scales).view_as(weight)


def straight_through_q4(weight: Tensor) -> Tensor:
    """The weight on the grid in the forward pass; its gradient as though it were not rounded (Bengio et al. 2013)."""
    return weight + (q4_grid(weight.detach()) - weight).detach()
