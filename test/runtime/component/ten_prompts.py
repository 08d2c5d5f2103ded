"""Runs the component on wasmtime's Python library: COMPONENT MODEL WANTED. Prints what came out as JSON."""
import json
import os
import sys

from wasmtime import Config, Engine, Store
from wasmtime.component import Component, Linker, Record

component_path, model_path, wanted = sys.argv[1:4]
wanted = json.loads(wanted)
engine = Engine(Config())
store = Store(engine)
INTERFACE = "blockffn:runtime/inference@0.1.0"


def size(_store, path):
    return os.stat(path).st_size


def read(_store, path, offset, length):
    with open(path, "rb") as file:
        file.seek(offset)
        return file.read(length)


linker = Linker(engine)
with linker.root() as root:
    with root.add_instance("blockffn:runtime/files@0.1.0") as files:
        files.add_func("size", size)
        files.add_func("read", read)
instance = linker.instantiate(store, Component.from_file(engine, component_path))
interface = instance.get_export_index(store, INTERFACE)


def call(name, *args):
    function = instance.get_func(store, instance.get_export_index(store, name, interface))
    result = function(store, *args)
    function.post_return(store)
    return result


def options(**changes):
    record = Record()
    defaults = {
        "max-tokens": wanted["maxTokens"], "temperature": 0.0, "top-k": 0, "top-p": 1.0, "min-p": 0.0, "repetition-penalty": 1.0, "seed": 0,
        "ignore-eos": False, "stop": [], "speculation": "off",
    }
    for name, value in {**defaults, **changes}.items():
        setattr(record, name, value)
    return record


def generate(model, prompt, **changes):
    ids = call("[method]model.encode", model, prompt)
    generation = call("[method]model.generate", model, ids, options(**changes))
    tokens, text = [], ""
    while True:
        piece = call("[method]generation.next", generation)
        if piece is None:
            break
        tokens.append(piece.id)
        text += piece.text
    generation.drop(store)
    return {"tokens": tokens, "text": text}


model = call("[static]model.open", model_path)
print(json.dumps({
    "greedy": [generate(model, prompt) for prompt in wanted["prompts"]],
    "drafted": [generate(model, prompt, speculation="ngram") for prompt in wanted["prompts"]],
    "stopped": [generate(model, wanted["prompts"][0], stop=stop) for stop in wanted["stops"]],
}))
