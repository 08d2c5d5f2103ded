"""A Llama of a GGUF file under Hugging Face's names: weights, config.json, tokenizer.json."""

from pathlib import Path

import numpy as np

from .errors import DistilError
from .gguf import read_gguf

_LAYER = {
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def llama_from_gguf(path: str | Path) -> tuple[dict, dict[str, np.ndarray], dict]:
    """Returns config.json, float32 weights in Hugging Face's names, and the metadata (for the tokenizer)."""
    meta, tensors = read_gguf(path)
    get = lambda name, default=None: _field(meta, name, default, str(path))
    if meta.get("general.architecture") != "llama":
        raise DistilError(f"is {meta.get('general.architecture')!r}; only llama is read", file=str(path), field="general.architecture")
    heads, layers = get("llama.attention.head_count"), get("llama.block_count")
    kv_heads = get("llama.attention.head_count_kv", heads)
    weights = {
        "model.embed_tokens.weight": _take(tensors, "token_embd.weight", path),
        "model.norm.weight": _take(tensors, "output_norm.weight", path),
    }
    tied = "output.weight" not in tensors
    if not tied:
        weights["lm_head.weight"] = tensors["output.weight"]
    for layer in range(layers):
        for theirs, ours in _LAYER.items():
            value = _take(tensors, f"blk.{layer}.{theirs}.weight", path)
            if theirs in ("attn_q", "attn_k"):
                value = _unpermute(value, heads if theirs == "attn_q" else kv_heads)
            weights[f"model.layers.{layer}.{ours}.weight"] = value
    vocab, hidden = weights["model.embed_tokens.weight"].shape
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "vocab_size": vocab,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "intermediate_size": get("llama.feed_forward_length"),
        "rms_norm_eps": get("llama.attention.layer_norm_rms_epsilon"),
        "rope_theta": get("llama.rope.freq_base", 10000.0),
        "max_position_embeddings": get("llama.context_length", 2048),
        "tie_word_embeddings": tied,
        "hidden_act": "silu",
        "bos_token_id": meta.get("tokenizer.ggml.bos_token_id"),
        "eos_token_id": meta.get("tokenizer.ggml.eos_token_id"),
    }
    return config, weights, meta


def _field(meta: dict, name: str, default, file: str):
    value = meta.get(name, default)
    if value is None:
        raise DistilError("is missing", file=file, field=name)
    return value


def _take(tensors: dict[str, np.ndarray], name: str, path: str | Path) -> np.ndarray:
    if name not in tensors:
        raise DistilError("is missing", file=str(path), field=name)
    return tensors[name]


def _unpermute(weight: np.ndarray, heads: int) -> np.ndarray:
    """GGUF keeps the two halves of a rotary pair side by side; Hugging Face keeps them half a head apart."""
    rows, cols = weight.shape
    return np.ascontiguousarray(weight.reshape(heads, rows // heads // 2, 2, cols).swapaxes(1, 2).reshape(rows, cols))


def tokenizer_files(meta: dict, file: str) -> dict[str, dict]:
    """tokenizer.json (byte-level BPE, single digits, as SmolLM2's) and tokenizer_config.json of the vocabulary in a GGUF file."""
    if meta.get("tokenizer.ggml.model") != "gpt2" or meta.get("tokenizer.ggml.pre") not in ("smollm", "default", None):
        raise DistilError(
            "is not a byte-level BPE of SmolLM's kind; give the teacher's tokenizer.json as teacher.tokenizer",
            file=file,
            field="tokenizer.ggml.pre",
        )
    tokens, kinds, merges = (_field(meta, f"tokenizer.ggml.{name}", None, file) for name in ("tokens", "token_type", "merges"))
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "normalizer": None,
        "post_processor": None,
        "added_tokens": [{"id": i, "content": token, **flags} for i, (token, kind) in enumerate(zip(tokens, kinds)) if kind in (3, 4)],
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, level]},
        "decoder": {**level, "add_prefix_space": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {token: i for i, token in enumerate(tokens)},
            "merges": [merge.split(" ") for merge in merges],
        },
    }
    settings = {"tokenizer_class": "GPT2Tokenizer", "clean_up_tokenization_spaces": False}
    for name in ("bos", "eos"):
        number = meta.get(f"tokenizer.ggml.{name}_token_id")
        if number is not None:
            settings[f"{name}_token"] = tokens[number]
    if "tokenizer.chat_template" in meta:
        settings["chat_template"] = meta["tokenizer.chat_template"]
    return {"tokenizer.json": tokenizer, "tokenizer_config.json": settings}
