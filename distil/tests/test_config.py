"""The YAML of a run against the schema that the TypeScript trainer generates."""

from pathlib import Path

import pytest
import yaml

from blockffn_distil.config import TRAIN, check_config, read_config
from blockffn_distil.errors import DistilError
from conftest import settings


def tiny() -> dict:
    return settings(Path("teacher"), Path("out"))


def test_defaults_come_from_the_shared_schema():
    config = check_config(tiny(), "a.yaml")
    assert config["optimizer"]["beta2"] == TRAIN["properties"]["optimizer"]["properties"]["beta2"]["default"] == 0.95
    assert config["schedule"]["finalRatio"] == 0.1
    assert config["objectives"]["locality"]["steepness"] == 100
    assert config["batch"]["rowsPerPass"] == 4


def test_adaptive_factors_are_the_typescript_trainers():
    config = check_config({**tiny(), "targets": {}, "objectives": {"chunk": {"weight": 0.1, "length": 8, "adaptive": {}}}}, "a.yaml")
    assert config["objectives"]["chunk"]["adaptive"] == {"stable": 1000, "step": 100, "warmup": 0, "maxFactor": 4, "minFactor": 1.025}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"optimizer": {"learningRate": -1}}, "optimizer.learningRate"),
        ({"optimizer": {"speed": 1}}, "optimizer"),
        ({"schedule": {"steps": 1.5}}, "schedule.steps"),
        ({"batch": {"rows": 4, "length": 32, "rowsPerPass": 3}}, "batch.rowsPerPass"),
        ({"batch": {"rows": 4, "length": 36}}, "objectives.chunk.length"),
        ({"quantize": "q8"}, "quantize"),
        ({"teacher": {"path": "x"}}, "teacher"),
        ({"targets": {"cls8": 0.5}, "objectives": {"chunk": {"weight": 1, "length": 8}}}, "targets.cls8"),
        ({"ownText": {"at": [24]}}, "ownText.at"),
        ({"schedule": {"steps": 4, "warmup": 3, "decay": 2}}, "schedule"),
    ],
)
def test_what_does_not_fit_is_named(change, field):
    with pytest.raises(DistilError) as error:
        check_config({**tiny(), **change}, "a.yaml")
    assert error.value.field == field and str(error.value).startswith("a.yaml")


def test_files(tmp_path):
    file = tmp_path / "run.yaml"
    file.write_text(yaml.safe_dump(tiny()))
    assert read_config(file)["model"]["experts"] == 8
    file.write_text("out: [")
    with pytest.raises(DistilError, match="YAML"):
        read_config(file)
    for example in (Path(__file__).parents[1] / "examples").glob("*.yaml"):
        assert read_config(example)["quantize"] == "q4"
