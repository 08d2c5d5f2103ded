"""Forward passes against the authors' code, transformers and the 4-bit grid of the chat model."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from blockffn_distil.distillation import head_kl
from blockffn_distil.model import CausalLM, is_matrix
from blockffn_distil.quantize import q4_grid, straight_through_q4
from blockffn_distil.sample import sample_rows
from blockffn_distil.shape import official_config, shape_of
from blockffn_distil.student import student_shape
from blockffn_distil.teacher import load_teacher, load_weights
from conftest import shared, tiny_config


def official(name: str) -> tuple[CausalLM, dict]:
    folder = shared(f"golden/models/{name}")
    config = json.loads((folder / "config.json").read_text())
    model = CausalLM(shape_of(config, name))
    load_weights(model, load_file(folder / "model.safetensors"), name)
    return model, load_file(folder / "golden.safetensors")


@pytest.mark.parametrize("name", ["gqa_blocklinear_rms", "gqa_blocklinear_sum"])
def test_logits_of_official_checkpoints(name):
    model, golden = official(name)
    with torch.no_grad():
        logits = model(golden["input_ids"].long()[None])[0]
    assert (logits - golden["logits"]).abs().max() < 1e-4


def test_greedy_tokens_with_a_cache():
    model, golden = official("gqa_blocklinear_rms")
    prompt = golden["input_ids"].long().tolist()
    rows = sample_rows(model, [prompt, prompt[:5]], len(prompt) + 32, [1.0, 1.0], seed=1, greedy=True)
    assert rows[0, len(prompt) :].tolist() == golden["greedy.tokens"].tolist()


def test_transformers_loads_the_same_model():
    hf = pytest.importorskip("blockffn_distil.hf", reason="transformers is not installed")
    folder = shared("golden/models/gqa_blocklinear_rms")
    golden = load_file(folder / "golden.safetensors")
    config = hf.BlockFFNConfig(**json.loads((folder / "config.json").read_text()))
    model = hf.BlockFFNForCausalLM.from_pretrained(folder, config=config)
    with torch.no_grad():
        out = model(golden["input_ids"].long()[None], labels=golden["input_ids"].long()[None])
    assert (out.logits[0] - golden["logits"]).abs().max() < 1e-4
    assert torch.isfinite(out.loss)


def test_dense_teacher_is_transformers_llama(teacher_folder):
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    reference = transformers.LlamaForCausalLM.from_pretrained(teacher_folder).eval()
    ids = torch.arange(20)[None] % tiny_config()["vocab_size"]
    with torch.no_grad():
        ours = load_teacher(teacher_folder).model(ids)
        theirs = reference(ids).logits
    assert (ours - theirs).abs().max() < 1e-4


def test_config_round_trip(teacher_folder):
    shape = student_shape(load_teacher(teacher_folder).shape, 8, 16)
    assert shape_of(json.loads(json.dumps(official_config(shape, {}))), "config.json") == shape


def test_grid_is_its_own_fixed_point_and_spares_routers():
    weight = torch.randn(6, 64, generator=torch.Generator().manual_seed(1))
    weight[0, :32] = 0
    once = q4_grid(weight)
    assert torch.equal(q4_grid(once), once)
    assert all(len(group.unique()) <= 16 for group in once.reshape(-1, 32))
    x = weight.clone().requires_grad_()
    (straight_through_q4(x) * 3).sum().backward()
    assert torch.equal(x.grad, torch.full_like(x, 3))
    assert not is_matrix("model.layers.0.mlp.router_proj.weight", weight) and is_matrix("model.layers.0.mlp.up_proj", weight)
    with pytest.raises(ValueError, match="32"):
        q4_grid(torch.zeros(2, 33))


def test_grid_is_the_chat_models():
    """The shipped weights are their own nearest points, scales and all."""
    file = shared("checkpoints/blockffn-chat/weights.q4")
    data = file.read_bytes()
    size = int.from_bytes(data[:8], "little")
    tensors = json.loads(data[8 : 8 + size])["tensors"]
    for name in ("model.layers.0.self_attn.q_proj.weight", "model.layers.29.mlp.down_proj"):
        entry = tensors[name]
        raw = np.frombuffer(data, np.uint8, entry["bytes"], 8 + size + entry["offset"])
        groups = int(np.prod(entry["shape"])) // 32
        scales = (raw[: groups * 2].copy().view("<u2").astype(np.uint32) << 16).view(np.float32)[:, None]
        codes = np.stack([raw[groups * 2 :] & 15, raw[groups * 2 :] >> 4], 1).reshape(groups, 32).astype(np.float32) - 8
        weight = torch.from_numpy((codes * scales).reshape(entry["shape"]))
        assert torch.equal(q4_grid(weight), weight)


def test_kl_and_its_gradients_are_autograds():
    random = torch.Generator().manual_seed(2)
    ours, theirs = (torch.randn(30, 16, generator=random).requires_grad_() for _ in range(2))
    head, teacher_head = (torch.randn(50, 16, generator=random).requires_grad_() for _ in range(2))
    kl, same = head_kl(ours, theirs.detach(), head, teacher_head.detach())
    kl.backward()
    grads = ours.grad.clone(), head.grad.clone()
    ours.grad = head.grad = None
    a, b = torch.log_softmax(ours @ head.T, -1), torch.log_softmax(theirs @ teacher_head.T, -1).detach()
    plain = (b.exp() * (b - a)).sum(-1).mean()
    plain.backward()
    assert kl.item() == pytest.approx(plain.item(), rel=1e-5)
    assert same.item() == pytest.approx((a.argmax(-1) == b.argmax(-1)).float().mean().item())
    assert torch.allclose(grads[0], ours.grad, atol=1e-6) and torch.allclose(grads[1], head.grad, atol=1e-6)
