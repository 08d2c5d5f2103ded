"""A whole run on a tiny teacher: texts, stages, resumption, export, draft head."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer

from blockffn_distil import checkpoint
from blockffn_distil.checkpoint import read_checkpoint, write_checkpoint
from blockffn_distil.corpus import Rows, read_prefixes, read_tokens, unseen
from blockffn_distil.eagle import EagleHead, draft_losses, head_shape, train_eagle
from blockffn_distil.errors import DistilError
from blockffn_distil.export import export
from blockffn_distil.model import CausalLM, is_matrix
from blockffn_distil.quantize import q4_grid
from blockffn_distil.shape import shape_of
from blockffn_distil.student import new_student, student_shape
from blockffn_distil.teacher import load_weights
from blockffn_distil.train import Distiller, train
from conftest import losses, run_in, settings


def test_held_rows_begin_like_no_training_row(corpus_run):
    train_rows = {row[:32].tobytes() for row in read_tokens(corpus_run / "corpus/teacher-0.npy").reshape(-1, 48)}
    held = read_tokens(corpus_run / "corpus/held.npy").reshape(-1, 32)
    assert len(held) > 0 and all(row.tobytes() not in train_rows for row in held)
    same = np.arange(96, dtype=np.uint16)
    assert len(unseen(same.reshape(1, 96), same, 96)) == 0


def test_prefixes_are_texts_a_files_or_the_first_token(teacher_folder, tmp_path):
    tokenizer = Tokenizer.from_file(str(teacher_folder / "tokenizer.json"))
    file = tmp_path / "prefixes.jsonl"
    file.write_text('"<s>a"\n\n"<s>\\u0062"\n')
    assert read_prefixes({"prefixes": ["</s>"], "prefixFile": str(file)}, tokenizer, 0, "a.yaml") == [[1], [0, 2], [0, 3]]
    assert read_prefixes({"prefixes": []}, tokenizer, 0, "a.yaml") == [[0]]
    with pytest.raises(DistilError, match="text.prefixes"):
        read_prefixes({"prefixes": []}, tokenizer, None, "a.yaml")
    file.write_text("no json")
    with pytest.raises(DistilError, match="prefixes.jsonl"):
        read_prefixes({"prefixFile": str(file)}, tokenizer, 0, "a.yaml")


def test_rows_depend_on_seed_and_step_alone():
    streams = {"teacher": np.arange(500, dtype=np.uint16), "files": np.arange(500, 900, dtype=np.uint16)}

    def make(seed: int) -> Rows:
        rows = Rows(16, 8, seed, [7])
        for name, tokens in streams.items():
            rows.add(name, tokens, 0.25)
        return rows

    assert (
        torch.equal(make(1).at(5), make(1).at(5))
        and not torch.equal(make(1).at(5), make(1).at(6))
        and not torch.equal(make(1).at(5), make(2).at(5))
    )
    assert int((make(1).at(5)[:, 0] >= 500).sum()) == 2
    follows = make(1).follows(torch.tensor([[7, 1, 7, 2]]))
    assert follows.tolist() == [[False, True, False, True]]
    with pytest.raises(DistilError, match="fewer"):
        make(1).add("short", np.arange(10, dtype=np.uint16), 0.1)


def test_checkpoints_are_cut_into_parts_and_found_damaged(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "PART_BYTES", 1000)
    tensors = {"a": torch.randn(30, 20), "b": torch.arange(5.0)}
    write_checkpoint(tmp_path / "c", tensors, {"step": 1})
    write_checkpoint(tmp_path / "c", tensors, {"step": 2})
    parts = sorted((tmp_path / "c").glob("part-*"))
    assert len(parts) > 2 and max(part.stat().st_size for part in parts) <= 1000
    back, state = read_checkpoint(tmp_path / "c")
    assert state == {"step": 2} and all(torch.equal(back[name], value) for name, value in tensors.items())
    # Killed between the renames: the new one is whole already.
    (tmp_path / "c").rename(tmp_path / "c.new")
    assert read_checkpoint(tmp_path / "c")[1] == {"step": 2}
    (tmp_path / "c.new" / parts[1].name).write_bytes(b"x")
    with pytest.raises(DistilError, match=parts[1].name):
        read_checkpoint(tmp_path / "c")
    assert checkpoint.PART_BYTES == 1000 and read_checkpoint(tmp_path / "none") is None


@pytest.fixture(scope="module")
def whole(teacher_folder, corpus_run, tmp_path_factory):
    run = run_in(teacher_folder, corpus_run, tmp_path_factory.mktemp("whole"))
    train(run)
    return run


def test_it_learns(whole):
    fitted = [json.loads(line)["loss"] for line in (whole.folder / "fit/metrics.jsonl").read_text().splitlines()]
    assert fitted[-1] < fitted[0]
    lines = [json.loads(line) for line in (whole.folder / "metrics.jsonl").read_text().splitlines()]
    valid = [line["validation"] for line in lines if "validation" in line]
    assert len(losses(whole)) == 24 and len(valid) == 2
    assert all(0 < v["tls"] < 1 and v["kl"] > 0 and v["perplexity"] > 1 for v in valid)
    assert np.mean(losses(whole)[-4:]) < np.mean(losses(whole)[:4])
    assert (whole.folder / "curves.svg").read_text().startswith("<svg")


@pytest.mark.parametrize("stops", [[3], [8, 9], [10, 15, 23]])
def test_killed_runs_go_on_with_the_same_losses(whole, teacher_folder, corpus_run, tmp_path, stops):
    for stop in stops:
        train(run_in(teacher_folder, corpus_run, tmp_path), stop=stop)
    again = run_in(teacher_folder, corpus_run, tmp_path)
    train(again)
    assert losses(again) == losses(whole)
    ours, theirs = (read_checkpoint(run.folder / "checkpoint")[0] for run in (again, whole))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_two_processes_compute_what_one_does(teacher_folder, corpus_run, tmp_path):
    """torchrun on the CPU (gloo): the mean of both processes' gradients is the gradient of all rows."""
    changes = {"batch": {"rows": 4, "rowsPerPass": 2, "length": 32}, "ownText": {"at": []}, "schedule": {"steps": 8}, "fit": {"steps": 3}}
    one, two = (run_in(teacher_folder, corpus_run, tmp_path / name, **changes) for name in ("one", "two"))
    train(one)
    (tmp_path / "run.yaml").write_text(json.dumps(settings(teacher_folder, two.folder, **changes)))
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc_per_node",
        "2",
        "-m",
        "blockffn_distil",
        "train",
        str(tmp_path / "run.yaml"),
    ]
    subprocess.run(command, check=True, cwd=Path(__file__).parents[1], capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert losses(two) == pytest.approx(losses(one), rel=1e-4)
    assert (two.folder / "model/model.safetensors").is_file()


def test_fitting_goes_on_too(whole, teacher_folder, corpus_run, tmp_path):
    from blockffn_distil.fit import fit
    from blockffn_distil.train import build_student

    for stop in (8, None):
        run = run_in(teacher_folder, corpus_run, tmp_path)
        fit(run, build_student(run), stop=stop)
    get = lambda run: [json.loads(line)["loss"] for line in (run.folder / "fit/metrics.jsonl").read_text().splitlines()]
    assert get(run) == get(whole)


def test_other_settings_do_not_go_on(whole, teacher_folder, corpus_run, tmp_path):
    shutil.copytree(whole.folder, tmp_path, dirs_exist_ok=True)
    with pytest.raises(DistilError, match="out"):
        train(run_in(teacher_folder, corpus_run, tmp_path, copiedRate=0.5))


def test_export_is_on_the_grid_and_gives_the_trained_logits(whole):
    folder = export(whole)
    weights = load_file(folder / "model.safetensors")
    assert all(torch.equal(q4_grid(value), value) for name, value in weights.items() if is_matrix(name, value))
    model = CausalLM(shape_of(json.loads((folder / "config.json").read_text()), "config.json"))
    load_weights(model, weights, "model.safetensors")
    student = train(whole)
    ids = torch.arange(20)[None]
    with torch.no_grad():
        assert student.q4 and torch.allclose(student(ids), model(ids), atol=1e-5)
    assert (folder / "tokenizer.json").is_file()
    about = json.loads((folder / "about.json").read_text())
    assert about["teacher"]["licence"] == whole.config["teacher"]["licence"] and about["tokens"] > 0


def test_a_fitted_student_is_nearer_to_its_teacher_than_a_new_one(whole):
    rows = whole.rows()
    new = new_student(whole.teacher, student_shape(whole.teacher.shape, 8, 16), 9)
    before = Distiller(whole, new).validate(rows)
    after = Distiller(whole, train(whole)).validate(rows)
    assert after["kl"] < before["kl"] and after["teacherPerplexity"] == pytest.approx(before["teacherPerplexity"])


def test_draft_head(whole):
    folder = train_eagle(whole)
    weights = load_file(folder / "model.safetensors")
    assert weights["layers.0.self_attn.q_proj.weight"].dtype == torch.bfloat16 and "fc.bias" in weights
    ranking = json.loads((folder / "token_frequency_rank.json").read_text())
    assert sorted(ranking) == list(range(whole.teacher.shape.vocab))
    lines = [json.loads(line) for line in (whole.folder / "eagle/metrics.jsonl").read_text().splitlines()]
    assert len(lines[0]["agreement"]) == 3 and lines[-1]["loss"] < lines[0]["loss"]


def test_second_draft_step_sees_the_first_ones_output(whole):
    student = train(whole)
    head = EagleHead(head_shape(student.shape, 64), 1)
    ids = torch.arange(12)[None] % 20
    with torch.no_grad():
        hidden = student.hidden(ids)
        noise = torch.zeros_like(hidden[:, :-1])
        one, first = draft_losses(head, student, ids, hidden, noise, 1)
        two, both = draft_losses(head, student, ids, hidden, noise, 2)
    assert both[0] == first[0] and two > one
