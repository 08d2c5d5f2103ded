"""A plain PyTorch training loop of the model that bench/train.ts measures: one step for each line on stdin, its seconds on stdout."""
import json
import math
import sys
import time

import torch
import torch.nn.functional as F

shape = json.loads(sys.argv[1])
H, LAYERS, HEADS, KV, E, D, V = (shape[k] for k in ("hidden", "layers", "heads", "kvHeads", "experts", "expertSize", "vocab"))
B, T = shape["rows"], shape["length"]
HD = H // HEADS
torch.set_num_threads(1)
torch.manual_seed(1)


def matrix(*size):
    return torch.nn.Parameter(torch.randn(*size) * 0.1)


def ones(n):
    return torch.nn.Parameter(torch.ones(n))


embed = matrix(V, H)
layers = [dict(n1=ones(H), n2=ones(H), q=matrix(H, H), k=matrix(KV * HD, H), v=matrix(KV * HD, H), o=matrix(H, H),
               router=matrix(E, H), rn=ones(E), up=matrix(E * D, H), down=matrix(H, E * D)) for _ in range(LAYERS)]
final = ones(H)
parameters = [embed, final] + [p for layer in layers for p in layer.values()]
optimizer = torch.optim.AdamW(parameters, lr=0.01, betas=(0.9, 0.95), weight_decay=0.1)
angles = torch.arange(T)[:, None] / 10000 ** (torch.arange(0, HD, 2) / HD)[None]
cos, sin = angles.cos()[None, :, None], angles.sin()[None, :, None]
causal = torch.ones(T, T, dtype=torch.bool).tril()


def norm(x, weight=None):
    y = x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5)
    return y if weight is None else y * weight


def rotate(x):
    a, b = x[..., : HD // 2], x[..., HD // 2:]
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


def loss_of(ids, targets):
    x = embed[ids] * 12
    locality, chunk = 0, 0
    scale = 1.4 / math.sqrt(LAYERS)
    for w in layers:
        h = norm(x, w["n1"])
        q = rotate(F.linear(h, w["q"]).view(B, T, HEADS, HD)).transpose(1, 2)
        k = rotate(F.linear(h, w["k"]).view(B, T, KV, HD)).transpose(1, 2).repeat_interleave(HEADS // KV, 1)
        v = F.linear(h, w["v"]).view(B, T, KV, HD).transpose(1, 2).repeat_interleave(HEADS // KV, 1)
        scores = (q @ k.transpose(-1, -2)) / math.sqrt(HD)
        a = scores.masked_fill(~causal, -1e9).softmax(-1) @ v
        x = x + F.linear(a.transpose(1, 2).reshape(B, T, H), w["o"]) * scale
        h = norm(x, w["n2"]).view(B * T, H)
        raw = F.linear(h, w["router"])
        normal = norm(raw.relu())
        share = normal / (normal.sum(-1, keepdim=True) + 1e-5)
        inner = F.silu(F.linear(h, w["up"])).view(B * T, E, D) * (normal * w["rn"])[:, :, None]
        x = x + F.linear(inner.view(B * T, E * D), w["down"]).view(B, T, H) * scale
        locality = locality + F.binary_cross_entropy_with_logits(100 * raw[:-1], torch.sigmoid(100 * raw[1:]))
        chunk = chunk + 1 - torch.log(1 - share + 1e-5).view(-1, 64, E).sum(1).exp().mean()
    logits = F.linear(norm(x, final), embed).view(B * T, V)
    return F.cross_entropy(logits, targets.reshape(-1)) + (0.002 * locality + 0.05 * chunk) / LAYERS


for _ in sys.stdin:
    data = torch.randint(V, (B, T + 1))
    start = time.perf_counter()
    optimizer.zero_grad(set_to_none=True)
    loss_of(data[:, :-1], data[:, 1:]).backward()
    torch.nn.utils.clip_grad_norm_(parameters, 1.0)
    optimizer.step()
    print(time.perf_counter() - start, flush=True)
