"""Writes test/engine/dense-models.json: what transformers computes for tiny Qwen 2, Qwen 3, Llama 3 and Mistral models.

Run: python test/reference/dense_models.py (torch, transformers). Weights are not in the file: test and script make the same ones from a
linear congruential generator, over the names in ascending order.
"""

import json
import pathlib

import torch
import transformers

COMMON = dict(
    vocab_size=60,
    hidden_size=24,
    intermediate_size=40,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=96,
    rms_norm_eps=1e-5,
    hidden_act="silu",
    bos_token_id=1,
    eos_token_id=2,
)
LLAMA3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32)
CASES = {
    "qwen2": dict(architectures=["Qwen2ForCausalLM"], model_type="qwen2", tie_word_embeddings=True, rope_theta=1000000.0),
    "qwen3": dict(architectures=["Qwen3ForCausalLM"], model_type="qwen3", tie_word_embeddings=False, head_dim=16, rope_theta=1000000.0),
    "llama3": dict(architectures=["LlamaForCausalLM"], model_type="llama", tie_word_embeddings=True, rope_theta=500.0, rope_scaling=LLAMA3, head_dim=16),
    "linear": dict(architectures=["LlamaForCausalLM"], model_type="llama", tie_word_embeddings=False, rope_theta=10000.0, rope_scaling=dict(type="linear", factor=4.0)),
    "mistral": dict(architectures=["MistralForCausalLM"], model_type="mistral", tie_word_embeddings=False, sliding_window=70, rope_theta=10000.0, head_dim=8),
    "qwen2-window": dict(architectures=["Qwen2ForCausalLM"], model_type="qwen2", tie_word_embeddings=False, use_sliding_window=True, sliding_window=72, max_window_layers=1, rope_theta=10000.0),
}
PROMPT, GREEDY, KEPT = 48, 16, 3


class Random:
    """Numerical Recipes' generator: floats in [-1, 1)."""

    def __init__(self, state):
        self.state = state

    def next(self):
        self.state = (self.state * 1664525 + 1013904223) % 2**32
        return self.state / 2**31 - 1


def fill(model):
    random = Random(12345)
    parameters = dict(model.named_parameters())
    for name in sorted(parameters):
        tensor = parameters[name]
        offset, scale = (1, 0.25) if name.endswith("norm.weight") else (0, 0.3)
        values = [offset + scale * random.next() for _ in range(tensor.numel())]
        with torch.no_grad():
            tensor.copy_(torch.tensor(values, dtype=torch.float64).reshape(tensor.shape))


def main():
    out = {"versions": {"torch": torch.__version__.split("+")[0], "transformers": transformers.__version__}, "models": {}}
    ids = Random(7)
    prompt = [3 + int((ids.next() + 1) / 2 * 57) for _ in range(PROMPT)]
    for name, own in CASES.items():
        config = {**COMMON, **own}
        model = transformers.AutoModelForCausalLM.from_config(transformers.AutoConfig.for_model(**config), dtype=torch.float32).eval()
        fill(model)
        tokens = list(prompt)
        with torch.no_grad():
            logits = model(torch.tensor([tokens])).logits[0]
            for _ in range(GREEDY):
                tokens.append(int(model(torch.tensor([tokens])).logits[0, -1].argmax()))
        kept = [[float(f"{x:.7g}") for x in row] for row in logits[-KEPT:].tolist()]
        out["models"][name] = {"config": config, "prompt": prompt, "logits": kept, "greedy": tokens[PROMPT:]}
    path = pathlib.Path(__file__).parent.parent / "engine/dense-models.json"
    path.write_text(json.dumps(out, indent=1).replace("\n     ", " ").replace("\n    ]", " ]") + "\n")


main()
