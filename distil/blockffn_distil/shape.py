"""Sizes of a model, read from an official config.json or a Llama's."""

import math
from dataclasses import dataclass

from .errors import DistilError


@dataclass(frozen=True)
class Shape:
    """What the teacher and its student share, and the student's experts (0 for a dense model)."""

    vocab: int
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    eps: float
    rope_theta: float
    context: int
    tied: bool
    intermediate: int = 0
    experts: int = 0
    expert_size: int = 0
    router_norm: str = "rms"
    norm_scale: float = 1.0
    embedding_scale: float = 1.0
    residual_scale: float = 1.0
    logit_scale: float = 1.0


def shape_of(config: dict, file: str) -> Shape:
    """Reads config.json of a Llama (`model_type: llama`) or of a BlockFFN (`ffn_type: block_linear`).

    Raises DistilError for anything this package does not train: other architectures, RoPE scaling, biases.
    """
    kind = config.get("model_type")
    block = config.get("ffn_type") == "block_linear"
    if not block and kind not in ("llama", "mistral", "smollm"):
        raise DistilError(f"is {kind!r}; a teacher must be of the Llama family", file=file, field="model_type")
    for name, allowed in (("attention_bias", False), ("mlp_bias", False), ("hidden_act", "silu"), ("rope_scaling", None)):
        if config.get(name, allowed) != allowed:
            raise DistilError(f"is {config[name]!r}; only {allowed!r} is supported", file=file, field=name)
    theta = config.get("rope_theta")
    if theta is None:
        theta = (config.get("rope_parameters") or {}).get("rope_theta", 10000.0)
    hidden, layers, heads = (_size(config, name, file) for name in ("hidden_size", "num_hidden_layers", "num_attention_heads"))
    kv_heads = config.get("num_key_value_heads") or heads
    head_dim = config.get("head_dim") or hidden // heads
    if heads % kv_heads or head_dim % 2 or (config.get("head_dim") is None and hidden % heads):
        raise DistilError(f"{heads} heads of {head_dim} with {kv_heads} for keys do not fit a width of {hidden}", file=file)
    shape = dict(
        vocab=_size(config, "vocab_size", file),
        hidden=hidden,
        layers=layers,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        eps=float(config.get("rms_norm_eps", 1e-6)),
        rope_theta=float(theta),
        context=config.get("max_position_embeddings") or 2048,
        tied=bool(config.get("tie_word_embeddings", False)),
    )
    if not block:
        return Shape(**shape, intermediate=_size(config, "intermediate_size", file))
    return Shape(
        **shape,
        experts=_size(config, "num_experts", file),
        expert_size=_size(config, "expert_size", file),
        router_norm=config.get("norm_after_router", "sum"),
        norm_scale=float(config.get("norm_scale", 1.0)),
        embedding_scale=float(config.get("scale_emb", 1.0)),
        residual_scale=float(config.get("scale_depth", 1.0)) / math.sqrt(layers),
        logit_scale=float(config.get("dim_model_base", 1.0)) / hidden,
    )


def _size(config: dict, name: str, file: str) -> int:
    value = config.get(name)
    if not isinstance(value, int) or not 1 <= value <= 2**20:
        raise DistilError(f"is {value!r}; it must be a whole number from 1 to {2**20}", file=file, field=name)
    return value


def official_config(shape: Shape, special: dict) -> dict:
    """config.json of a student in the authors' field names. special: the teacher's token ids (bos_token_id and so on)."""
    return {
        "architectures": ["MiniCPMForCausalLM"],
        "model_type": "minicpm",
        "torch_dtype": "float32",
        "attention_type": "vanilla",
        "ffn_type": "block_linear",
        "ffn_gated": False,
        "router_act": "relu",
        "norm_after_router": shape.router_norm,
        "norm_scale": shape.norm_scale,
        "block_implementation": "torch",
        "num_experts": shape.experts,
        "expert_size": shape.expert_size,
        "intermediate_size": shape.experts * shape.expert_size,
        "scale_emb": shape.embedding_scale,
        "scale_depth": shape.residual_scale * math.sqrt(shape.layers),
        "dim_model_base": _whole(shape.logit_scale * shape.hidden),
        "initializer_range": 0.02,
        "hidden_size": shape.hidden,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head_dim,
        "vocab_size": shape.vocab,
        "max_position_embeddings": shape.context,
        "rms_norm_eps": shape.eps,
        "rope_theta": shape.rope_theta,
        "hidden_act": "silu",
        "attention_bias": False,
        "rope_scaling": None,
        "tie_word_embeddings": shape.tied,
        "use_cache": True,
        **special,
    }


def _whole(value: float) -> float | int:
    return round(value) if abs(value - round(value)) < 1e-6 else value
