"""What transformers reads from a model folder: writes test/format/model-folder.json.

pip install transformers==5.24.0 tokenizers==0.23.3   (no torch is needed)
python test/reference/model-folder.py
"""

import json
import os
import pathlib
import tempfile

os.environ["TRANSFORMERS_VERBOSITY"] = "critical"
import tokenizers
import transformers
from transformers import GenerationConfig, LlamaConfig, TokenizersBackend

CONFIG = dict(
    architectures=["LlamaForCausalLM"], model_type="llama", hidden_size=8, num_hidden_layers=1, num_attention_heads=2, vocab_size=32,
    intermediate_size=12, max_position_embeddings=64, tie_word_embeddings=True,
)
FLAGS = dict(single_word=False, lstrip=False, rstrip=False, normalized=False, special=True)


def folder(files):
    path = tempfile.mkdtemp()
    for name, content in files.items():
        pathlib.Path(path, name).write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def ends(config, generation):
    """As GenerationMixin.adjust_generation_fn loads it (transformers/generation/utils.py)."""
    path = folder({"config.json": {**CONFIG, **config}, **({} if generation is None else {"generation_config.json": generation})})
    try:
        found = GenerationConfig.from_pretrained(path)
    except OSError:
        found = GenerationConfig.from_pretrained(path, config_file_name="config.json", _from_model_config=True)
    ids = found.eos_token_id
    return dict(config=config, generation=generation, eos=[] if ids is None else [ids] if isinstance(ids, int) else ids)


def rope(config):
    parameters = LlamaConfig.from_pretrained(folder({"config.json": {**CONFIG, **config}})).rope_parameters
    return dict(config=config, theta=parameters["rope_theta"])


def tokenizer_json(added):
    letters = [*"abcdefgh", "Ġ"]
    words = {"<|im_end|>": 9, "<s>": 10, "ab": 11}
    return {
        "version": "1.0", "truncation": None, "padding": None, "normalizer": None, "post_processor": None,
        "added_tokens": [{"id": 10, "content": "<s>", **FLAGS}, *added],
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        "decoder": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": False,
                  "byte_fallback": False, "ignore_merges": False, "vocab": {**{letter: i for i, letter in enumerate(letters)}, **words}, "merges": ["a b"]},
    }


TEXTS = ["ab<|im_end|>cd", "a <x> b", "a<y>b <z>", "<s>ab", "ab <w>  c<v>"]


def tokens(files, added=()):
    tokenizer = TokenizersBackend.from_pretrained(folder({"tokenizer.json": tokenizer_json(added), **files}))
    encode = lambda text: tokenizer.encode(text, add_special_tokens=True)
    return dict(files=files, added=list(added), ids=[encode(t) for t in TEXTS], decoded=[tokenizer.decode(encode(t), skip_special_tokens=True) for t in TEXTS])


def template(files):
    tokenizer = TokenizersBackend.from_pretrained(folder({"tokenizer.json": tokenizer_json([]), **files}))
    try:
        source = tokenizer.get_chat_template()
    except ValueError:
        source = None
    return dict(files=files, source=source, bos=tokenizer.bos_token, eos=tokenizer.eos_token)


def token(content, **flags):
    return {"content": content, **FLAGS, **flags}


cases = {
    "versions": {"transformers": transformers.__version__, "tokenizers": tokenizers.__version__},
    "config": CONFIG, "tokenizer": tokenizer_json([]), "texts": TEXTS,
    "ends": [
        ends({}, None), ends({"eos_token_id": 5}, None), ends({"eos_token_id": [5, 6]}, None), ends({"eos_token_id": None}, None),
        ends({"eos_token_id": 5}, {}), ends({"eos_token_id": 5}, {"eos_token_id": None}), ends({"eos_token_id": 5}, {"eos_token_id": 7}),
        ends({"eos_token_id": 5}, {"eos_token_id": [7, 5]}), ends({"eos_token_id": [5, 6]}, {"eos_token_id": [8]}), ends({}, {"eos_token_id": [1, 2]}),
        ends({"eos_token_id": None}, {"eos_token_id": [7, 8, 9], "do_sample": True, "temperature": 0.6, "top_p": 0.9}),
        ends({"eos_token_id": 5, "bos_token_id": 3}, {"_from_model_config": True, "bos_token_id": 4, "eos_token_id": 6, "pad_token_id": 0}),
    ],
    "rope": [rope(config) for config in [
        {}, {"rope_theta": 7.0}, {"rope_theta": 7.0, "rope_scaling": None, "rope_parameters": None},
        {"rope_theta": 7.0, "rope_parameters": {"rope_type": "default", "rope_theta": 9.0}}, {"rope_parameters": {"rope_type": "default"}, "rope_theta": 7.0},
        {"rope_scaling": {"rope_type": "default", "rope_theta": 9.0}, "rope_theta": 7.0}, {"rope_scaling": {"type": "default", "rope_theta": 9.0}},
        {"rope_scaling": {"type": "default"}, "rope_theta": 7.0, "rope_parameters": {"rope_theta": 9.0}}, {"rope_scaling": {"rope_type": "default"}},
        {"rope_scaling": {}, "rope_parameters": {"rope_theta": 9.0}}, {"rope_scaling": {"rope_theta": 3.0}, "rope_parameters": {"rope_theta": 9.0}},
        {"rope_parameters": {"rope_theta": 9.0, "partial_rotary_factor": 0.5}},
    ]],
    "tokens": [
        tokens({}), tokens({"tokenizer_config.json": {}}),
        tokens({"tokenizer_config.json": {"eos_token": "<|im_end|>"}}),
        tokens({"tokenizer_config.json": {"eos_token": {"__type": "AddedToken", **token("<|im_end|>")}}}),
        tokens({"tokenizer_config.json": {"eos_token": "<y>", "pad_token": "<x>"}}),
        tokens({"tokenizer_config.json": {"added_tokens_decoder": {"12": token("<x>", special=False), "13": token("<y>")}}}),
        tokens({"tokenizer_config.json": {"added_tokens_decoder": {"40": token("<z>", lstrip=True), "9": token("<|im_end|>")}, "eos_token": "<|im_end|>"}}),
        tokens({"tokenizer_config.json": {"added_tokens_decoder": {"12": token("<x>", lstrip=True, rstrip=True)}}}, [{"id": 12, **token("<x>", special=False)}]),
        tokens({"tokenizer_config.json": {"added_tokens_decoder": {"12": token("<x>", special=False)}}}, [{"id": 12, **token("<x>")}]),
        tokens({"tokenizer_config.json": {"added_tokens_decoder": {"12": token("<x>", special=False)}, "eos_token": "<x>"}}, [{"id": 12, **token("<x>", special=False)}]),
        tokens({"tokenizer_config.json": {"additional_special_tokens": ["<x>", "<y>"]}}), tokens({"tokenizer_config.json": {"extra_special_tokens": ["<z>"], "additional_special_tokens": ["<x>"]}}),
        tokens({"tokenizer_config.json": {"extra_special_tokens": {"image_token": "<w>"}}}), tokens({"tokenizer_config.json": {"image_token": "<v>", "other": "<x>"}}),
        tokens({"special_tokens_map.json": {"eos_token": "<|im_end|>", "pad_token": token("<y>")}}),
        tokens({"tokenizer_config.json": {"eos_token": "<x>"}, "special_tokens_map.json": {"eos_token": "<|im_end|>"}}),
        tokens({"tokenizer_config.json": {"eos_token": "<x>", "added_tokens_decoder": {}}, "special_tokens_map.json": {"eos_token": "<|im_end|>"}}),
        tokens({"added_tokens.json": {"<y>": 13, "<x>": 12}}), tokens({"added_tokens.json": {"<y>": 13, "<x>": 12}, "tokenizer_config.json": {"eos_token": "<y>"}}),
        tokens({"tokenizer_config.json": {"add_bos_token": True, "add_eos_token": True, "bos_token": "<s>", "eos_token": "<|im_end|>"}}),
        tokens({"tokenizer_config.json": {"eos_token": "<x>"}}, [{"id": 12, **token("<x>", special=False)}]),
    ],
    "templates": [
        template({}), template({"tokenizer_config.json": {"chat_template": "A", "bos_token": "<s>", "eos_token": "<|im_end|>"}}),
        template({"tokenizer_config.json": {"chat_template": "A"}, "chat_template.jinja": "B"}), template({"chat_template.jinja": "B\n"}),
        template({"tokenizer_config.json": {"chat_template": [{"name": "default", "template": "C"}, {"name": "tool_use", "template": "D"}]}}),
        template({"tokenizer_config.json": {"chat_template": "A", "eos_token": "<x>"}, "special_tokens_map.json": {"bos_token": "<s>", "eos_token": token("<|im_end|>")}}),
        template({"tokenizer_config.json": {"chat_template": "A", "eos_token": "<x>", "added_tokens_decoder": {}}, "special_tokens_map.json": {"eos_token": "<|im_end|>"}}),
    ],
}
out = pathlib.Path(__file__).parent.parent / "format" / "model-folder.json"
dump = lambda value: json.dumps(value, ensure_ascii=False)
lines = [f"{dump(key)}: " + ("[\n " + ",\n ".join(map(dump, value)) + "\n]" if isinstance(value, list) else dump(value)) for key, value in cases.items()]
out.write_text("{" + ",\n".join(lines) + "}\n")
print(f"wrote {out}")
