"""The objectives beside the distillation loss, as in BlockFFN section 3.2 and its authors' code."""

import torch
import torch.nn.functional as F
from torch import Tensor

EPS = 1e-5


def locality_loss(raw: Tensor, follows: Tensor, steepness: float = 100.0) -> Tensor:
    """Activation locality: binary cross entropy between neighbouring tokens' patterns, softened to sigmoid(steepness * score).

    raw: [..., tokens, experts] router scores before ReLU. follows: [..., tokens], true where the token follows the one before it in
    the same document (the first token: false). The gradient flows to both tokens. Mean over following tokens and experts; 0 for none.
    """
    scaled = raw * steepness
    loss = F.binary_cross_entropy_with_logits(scaled[..., :-1, :], torch.sigmoid(scaled[..., 1:, :]), reduction="none").sum(-1)
    valid = follows[..., 1:].to(loss.dtype)
    return (loss * valid).sum() / (valid.sum().clamp(min=1) * raw.shape[-1])


def token_balance_loss(raw: Tensor, follows: Tensor, steepness: float = 100.0) -> Tensor:
    """Mean squared difference of neighbouring tokens' soft shares of active experts. Arguments as for `locality_loss`."""
    share = torch.sigmoid(raw * steepness).mean(-1)
    valid = follows[..., 1:].to(share.dtype)
    return ((share[..., :-1] - share[..., 1:]).square() * valid).sum() / valid.sum().clamp(min=1)


def activation_shares(scores: Tensor) -> Tensor:
    """Each expert's share of a token's activation. scores: [..., experts] after ReLU and norm, without the norm's weight."""
    return scores / (scores.sum(-1, keepdim=True) + EPS)


def chunk_loss(shares: Tensor, length: int = 64) -> Tensor:
    """Chunk sparsification: 1 - mean over chunks and experts of the probability that no token of the chunk activates the expert.

    shares: [..., tokens, experts], masked tokens 0; `length` divides the tokens. An all-zero chunk gives slightly less than 0.
    """
    *batch, tokens, experts = shares.shape
    logs = torch.log(1 - shares + EPS).reshape(*batch, tokens // length, length, experts)
    return 1 - torch.exp(logs.sum(-2)).mean()


def entropy_loss(shares: Tensor) -> Tensor:
    """Router entropy: mean over tokens of -sum p ln(p + 1e-5)."""
    return -(shares * torch.log(shares + EPS)).sum(-1).mean()


def balance_loss(shares: Tensor, active: Tensor) -> Tensor:
    """Load balance (Switch Transformer, arXiv 2101.03961): experts * sum of (mean share) * (share of all activations).

    shares, active: [tokens, experts]; no gradient flows to `active`.
    """
    flags = active.detach().to(shares.dtype)
    load = flags.sum(0) / (flags.sum() + EPS)
    return (shares.mean(0) * load).sum() * shares.shape[-1]


def l1_loss(scores: Tensor) -> Tensor:
    """Mean magnitude of router activations."""
    return scores.abs().mean()


def sparsity(active: Tensor, lengths: tuple[int, ...] = (1, 8)) -> Tensor:
    """1 - share of experts active in chunks of consecutive tokens: TLS for length 1, CLS_n for n.

    active: [..., tokens, experts], bool. Tokens after the last whole chunk are not counted. Returns [lengths] float32.
    """
    *batch, tokens, experts = active.shape
    rows = []
    for n in lengths:
        whole = tokens - tokens % n
        union = active[..., :whole, :].reshape(*batch, whole // n, n, experts).any(-2)
        rows.append(1 - union.float().mean())
    return torch.stack(rows)
