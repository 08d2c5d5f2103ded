"""The one YAML file of a run. What the TypeScript trainer has, too, is checked by its own JSON Schema (schema/train.json)."""

import json
from importlib.resources import files
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from .errors import DistilError


def _schema(name: str) -> dict:
    return json.loads((files(__package__) / "schema" / name).read_text("utf-8"))


TRAIN, DISTIL = _schema("train.json"), _schema("distil.json")
_REGISTRY = Registry().with_resources(
    (name, Resource(contents, DRAFT202012)) for name, contents in (("train.json", TRAIN), ("distil.json", DISTIL))
)


def read_config(path: str | Path) -> dict:
    """Reads and checks a run's YAML. Raises DistilError with file, field and what it must be."""
    try:
        value = yaml.safe_load(Path(path).read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as cause:
        raise DistilError("cannot be read as YAML", file=str(path)) from cause
    return check_config(value, str(path))


def check_config(value: object, file: str) -> dict:
    """Checks a configuration and fills in what it leaves out."""
    error = min(Draft202012Validator(DISTIL, registry=_REGISTRY).iter_errors(value), key=lambda e: list(map(str, e.path)), default=None)
    if error is not None:
        raise DistilError(error.message, file=file, field=".".join(map(str, error.path)) or None)
    config = _filled(DISTIL, value)
    batch, schedule, objectives = config["batch"], config["schedule"], config["objectives"]
    fail = lambda field, message: _fail(file, field, message)
    if batch["rows"] % batch.setdefault("rowsPerPass", batch["rows"]):
        fail("batch.rowsPerPass", f"{batch['rowsPerPass']} does not divide the {batch['rows']} rows of a step")
    if schedule["warmup"] + schedule["decay"] > schedule["steps"]:
        fail("schedule", "has more steps of warmup and decay than steps")
    if "chunk" in objectives and batch["length"] % objectives["chunk"]["length"]:
        fail("objectives.chunk.length", f"{objectives['chunk']['length']} does not divide batch.length, {batch['length']}")
    for target, objective in (("tls", "chunk"), ("cls8", "locality")):
        if target in config["targets"] and objective not in objectives:
            fail(f"targets.{target}", f"needs objectives.{objective}, whose factor it moves")
        if target in config["targets"] and "adaptive" in objectives[objective]:
            fail(f"targets.{target}", f"and objectives.{objective}.adaptive both move one factor; keep one")
    if max(config["ownText"]["at"], default=0) >= schedule["steps"]:
        fail("ownText.at", f"must be below schedule.steps, {schedule['steps']}")
    return config


def _fail(file: str, field: str, message: str) -> None:
    raise DistilError(message, file=file, field=field)


def _resolved(schema: dict) -> dict:
    """A schema without its reference; what stands beside the reference goes first."""
    if "$ref" not in schema:
        return schema
    target = TRAIN
    for key in schema["$ref"].split("#/", 1)[1].split("/"):
        target = target[key]
    return {**target, **{key: value for key, value in schema.items() if key != "$ref"}}


def _filled(schema: dict, value):
    """The value with the schema's defaults; null stands for a default, too."""
    schema = _resolved(schema)
    if "properties" not in schema or not isinstance(value, dict):
        return value
    filled = {}
    for name, inner in schema["properties"].items():
        given = value.get(name)
        if given is None:
            given = _resolved(inner).get("default")
        if given is not None:
            filled[name] = _filled(inner, given)
    return filled
