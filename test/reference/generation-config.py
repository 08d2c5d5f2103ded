"""How transformers draws for a generation_config.json where the caller says nothing: writes test/text/generation-config.json.

pip install transformers==5.24.0   (no torch is needed)
python test/reference/generation-config.py
"""

import json
import os
import pathlib
import tempfile

os.environ["TRANSFORMERS_VERBOSITY"] = "critical"
import transformers
from transformers import GenerationConfig

CASES = [
    {},
    {"bos_token_id": 1, "eos_token_id": 2},
    {"do_sample": True},
    {"do_sample": False, "temperature": 0.7, "top_k": 20},
    {"temperature": 0.7, "top_p": 0.8},
    {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2, "temperature": 0.2, "top_p": 0.9, "do_sample": True},
    {"do_sample": True, "temperature": 0.7, "top_k": 20, "top_p": 0.8, "repetition_penalty": 1.05, "max_new_tokens": 64},
    {"do_sample": True, "min_p": 0.05, "top_k": None},
    {"do_sample": None, "repetition_penalty": 1.2},
]
KEYS = ["do_sample", "temperature", "top_k", "top_p", "min_p", "repetition_penalty", "max_new_tokens"]


def drawn(fields):
    path = tempfile.mkdtemp()
    pathlib.Path(path, "generation_config.json").write_text(json.dumps(fields))
    config = GenerationConfig.from_pretrained(path)
    # As GenerationMixin._prepare_generation_config fills in what nobody said.
    config.update(**config._get_default_generation_params(), defaults_only=True)
    return dict(file=fields, drawn={key: getattr(config, key) for key in KEYS})


out = dict(versions=dict(transformers=transformers.__version__), cases=[drawn(case) for case in CASES])
path = pathlib.Path(__file__).parent.parent / "text" / "generation-config.json"
path.write_text(json.dumps(out, indent=1) + "\n")
