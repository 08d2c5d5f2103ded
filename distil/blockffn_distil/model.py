"""Teacher and student as causal language models whose parameters have the official names."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .layers import Attention, GatedFFN, Linear, RMSNorm, RoPE, grid, rope_tables
from .routed import BlockFFN, RoutedStats, routed_stats
from .shape import Shape


class DecoderLayer(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.scale = shape.residual_scale
        self.self_attn = Attention(shape)
        self.mlp = BlockFFN(shape) if shape.experts else GatedFFN(shape)
        self.input_layernorm = RMSNorm(shape.hidden, shape.eps)
        self.post_attention_layernorm = RMSNorm(shape.hidden, shape.eps)

    def attend(self, x: Tensor, rope: RoPE) -> Tensor:
        return x + self.scale * self.self_attn(self.input_layernorm(x), rope)

    def forward(self, x: Tensor, rope: RoPE) -> Tensor:
        x = self.attend(x, rope)
        return x + self.scale * self.mlp(self.post_attention_layernorm(x))


def routed_layer(layer: DecoderLayer, x: Tensor, rope: RoPE, follows: Tensor, steepness: float, chunk: int) -> tuple[Tensor, RoutedStats]:
    """A student's layer with what its router did."""
    x = layer.attend(x, rope)
    h = layer.post_attention_layernorm(x)
    routing = layer.mlp.route(h)
    return x + layer.scale * layer.mlp.combine(h, routing.weights), routed_stats(routing, follows, steepness, chunk)


class Decoder(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(shape.vocab, shape.hidden, _weight=torch.empty(shape.vocab, shape.hidden))
        self.layers = nn.ModuleList([DecoderLayer(shape) for _ in range(shape.layers)])
        self.norm = RMSNorm(shape.hidden, shape.eps)


class CausalLM(nn.Module):
    """`hidden` gives what the head takes; logits = hidden @ head^T. A tied model has no `lm_head`."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.model = Decoder(shape)
        if not shape.tied:
            self.lm_head = Linear(shape.hidden, shape.vocab)
        self.q4 = False

    def use_q4(self, on: bool) -> None:
        """Puts every matrix but the routers on the 4-bit grid in the forward pass, or takes it off."""
        for module in self.modules():
            if hasattr(module, "q4"):
                module.q4 = on
        for layer in self.model.layers:
            if self.shape.experts:
                layer.mlp.router_proj.q4 = False

    def norm_device(self) -> torch.device:
        return self.model.norm.weight.device

    def embeddings(self) -> Tensor:
        return grid(self.model.embed_tokens.weight, self.q4)

    def embed(self, ids: Tensor, table: Tensor, dtype: torch.dtype) -> Tensor:
        return (F.embedding(ids, table) * self.shape.embedding_scale).to(dtype)

    def head(self, table: Tensor) -> Tensor:
        """[vocab, hidden]: the rows that logits are made with."""
        return table if self.shape.tied else grid(self.lm_head.weight, self.q4)

    def finish(self, x: Tensor) -> Tensor:
        return self.model.norm(x) * self.shape.logit_scale

    def rope(self, length: int, dtype: torch.dtype, start: int = 0) -> RoPE:
        return rope_tables(self.shape, length, self.norm_device(), dtype, start)

    def hidden(self, ids: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """ids [batch, tokens] -> [batch, tokens, hidden]."""
        rope = self.rope(ids.shape[1], dtype)
        x = self.embed(ids, self.embeddings(), dtype)
        for layer in self.model.layers:
            x = layer(x, rope)
        return self.finish(x)

    def forward(self, ids: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Logits [batch, tokens, vocab] in float32."""
        return F.linear(self.hidden(ids, dtype), self.head(self.embeddings()).to(dtype)).float()


def is_matrix(name: str, value: Tensor) -> bool:
    """Whether the engine's q4 types store a parameter at 4 bits: every matrix but the routers."""
    return value.dim() == 2 and "router_proj" not in name
