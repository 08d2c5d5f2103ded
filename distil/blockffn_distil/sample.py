"""Text written by a model: many rows in lockstep, each forced along its own prefix and then sampled."""

import torch
import torch.nn.functional as F
from torch import Tensor

from .model import CausalLM


@torch.no_grad()
def sample_rows(
    model: CausalLM,
    prefixes: list[list[int]],
    length: int,
    temperatures: list[float],
    *,
    seed: int,
    min_p: float = 0.02,
    dtype: torch.dtype = torch.float32,
    greedy: bool = False,
) -> Tensor:
    """Rows of `length` tokens, [rows, length] int64 on the CPU, that begin with the prefixes (cut at `length`).

    Tokens less likely than min_p times the likeliest are never drawn. The same seed gives the same rows on the same device.
    """
    device = model.norm_device()
    rows = len(prefixes)
    lengths = torch.tensor([min(len(p), length) for p in prefixes], device=device)
    ids = torch.zeros(rows, length, dtype=torch.long)
    for row, prefix in zip(ids, prefixes):
        row[: min(len(prefix), length)] = torch.tensor(prefix[:length])
    ids = ids.to(device)
    temperature = torch.tensor(temperatures, device=device)[:, None]
    generator = torch.Generator(device).manual_seed(seed)
    table = model.embeddings()
    head = model.head(table).to(dtype)
    shape = model.shape
    caches = [
        tuple(torch.empty(rows, shape.kv_heads, length, shape.head_dim, dtype=dtype, device=device) for _ in range(2))
        for _ in model.model.layers
    ]
    rope = model.rope(length, dtype)
    for t in range(length - 1):
        x = model.embed(ids[:, t : t + 1], table, dtype)
        here = (rope[0][t : t + 1], rope[1][t : t + 1])
        for layer, cache in zip(model.model.layers, caches):
            x = x + layer.scale * _attend(layer.self_attn, layer.input_layernorm(x), here, cache, t)
            x = x + layer.scale * layer.mlp(layer.post_attention_layernorm(x))
        logits = F.linear(model.finish(x)[:, 0], head).float()
        drawn = logits.argmax(-1) if greedy else _draw(logits / temperature, min_p, generator)
        ids[:, t + 1] = torch.where(lengths > t + 1, ids[:, t + 1], drawn)
    return ids.cpu()


def _attend(attention, h: Tensor, rope: tuple[Tensor, Tensor], cache: tuple[Tensor, ...], t: int) -> Tensor:
    """One token a row. The query heads of a key head are taken as rows of one small attention."""
    q, k, v = attention.project(h, rope)
    keys, values = cache
    keys[:, :, t : t + 1], values[:, :, t : t + 1] = k, v
    rows, heads, _, size = q.shape
    groups = q.reshape(rows, keys.shape[1], heads // keys.shape[1], size)
    mixed = F.scaled_dot_product_attention(groups, keys[:, :, : t + 1], values[:, :, : t + 1])
    return attention.join(mixed.reshape(rows, heads, 1, size))


def _draw(logits: Tensor, min_p: float, generator: torch.Generator) -> Tensor:
    """Gumbel-max over the tokens that are likely enough."""
    noise = torch.rand(logits.shape, device=logits.device, generator=generator).clamp_(1e-20, 1 - 1e-7)
    floor = logits.max(-1, keepdim=True).values + torch.log(torch.tensor(max(min_p, 1e-30), device=logits.device))
    return torch.where(logits < floor, float("-inf"), logits - torch.log(-torch.log(noise))).argmax(-1)
