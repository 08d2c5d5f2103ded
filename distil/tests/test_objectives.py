"""Objectives and the factor schedule against vectors of the authors' own code."""

import pytest
import torch

from blockffn_distil.objectives import (
    activation_shares,
    balance_loss,
    chunk_loss,
    entropy_loss,
    locality_loss,
    sparsity,
    token_balance_loss,
)
from blockffn_distil.routed import BlockFFN
from blockffn_distil.schedule import FactorSchedule, SparsityController, learning_rate_share
from blockffn_distil.shape import Shape
from conftest import close, golden


@pytest.mark.parametrize("case", ["t0_single_doc", "t1_two_docs_pad", "t2_two_docs_saturated", "t3_wide_steep50"])
def test_locality(case):
    index, tensors = golden("transfer")
    info = index[case]
    raw = tensors[f"{case}.raw_router_score"].requires_grad_()
    follows = tensors[f"{case}.segment_shift_indices"] != -1
    loss = locality_loss(raw, follows, info["sigmoid_steep"]) * info["transfer_lambda"]
    loss.backward()
    close(loss, tensors[f"{case}.loss"])
    close(raw.grad, tensors[f"{case}.grad_raw"])
    if "token_balance_factor" in info:
        raw.grad = None
        balance = token_balance_loss(raw, follows, info["sigmoid_steep"]) * info["token_balance_factor"]
        balance.backward()
        close(balance, tensors[f"{case}.token_balance_loss"])
        close(raw.grad, tensors[f"{case}.token_balance_grad_raw"])


@pytest.mark.parametrize("case", ["c0_rms_8", "c1_rms_8_padded", "c2_rms_64", "c3_rms_64_padded"])
def test_chunk(case):
    index, tensors = golden("chunk")
    info = index[case]
    raw = tensors[f"{case}.raw_router_score"].requires_grad_()
    active = torch.relu(raw)
    scores = active * torch.rsqrt(active.square().mean(-1, keepdim=True) + info["eps"])
    close(scores * tensors[f"{case}.router_norm_weight"], tensors[f"{case}.router_score"])
    shares = activation_shares(scores)
    masked = shares * tensors[f"{case}.seq_mask"][:, None]
    loss = chunk_loss(masked, info["chunk_length"])
    loss.backward()
    close(loss, tensors[f"{case}.chunk_loss"])
    close(raw.grad, tensors[f"{case}.grad_raw"])
    close(entropy_loss(shares), tensors[f"{case}.router_entropy"])
    close(balance_loss(masked, masked > 0), tensors[f"{case}.balance_loss"])


@pytest.mark.parametrize("norm", ["rms", "sum", "none"])
def test_layer_and_its_gradients(norm):
    index, tensors = golden("ffn")
    info = index[norm]
    get = lambda name: tensors[f"{norm}.{name}"]
    shape = Shape(
        vocab=1,
        hidden=info["dim_model"],
        layers=1,
        heads=1,
        kv_heads=1,
        head_dim=2,
        eps=info["eps"],
        rope_theta=1.0,
        context=16,
        tied=True,
        experts=info["num_expert"],
        expert_size=info["dim_expert"],
        router_norm=norm,
        norm_scale=info["norm_scale"],
    )
    layer = BlockFFN(shape)
    with torch.no_grad():
        layer.router_proj.weight.copy_(get("w_gate"))
        layer.up_proj.copy_(get("moe_w_in"))
        layer.down_proj.copy_(get("moe_w_out"))
        if norm == "rms":
            layer.router_norm.weight.copy_(get("router_norm.weight"))
    x = get("x").clone().requires_grad_()
    y = layer(x)
    close(y, get("y"))
    close(layer.route(x).weights[0], get("router_score"))
    loss = (y * get("R")).sum()
    loss.backward()
    close(loss, get("main.loss"))
    close(x.grad, get("main.grad.x"))
    close(layer.router_proj.weight.grad, get("main.grad.w_gate"))
    close(layer.up_proj.grad, get("main.grad.moe_w_in"))
    close(layer.down_proj.grad, get("main.grad.moe_w_out"))


@pytest.mark.parametrize("case", ["s0", "s1_rising_hits_max", "s2_accu4_start_step", "s3_falling_warmup"])
def test_factor_schedule_also_from_a_checkpoint(case):
    index, tensors = golden("scheduler")
    info = index[case]
    options = dict(
        start=info["start_val"],
        warmup=info["warmup_iter"],
        stable=info["stable_iter"],
        step=info["step_iter"],
        offset=info["start_step"],
        max_factor=info["max_factor"],
        min_factor=info["min_factor"],
    )
    schedule = FactorSchedule(**options)
    factors, bases, ratios = [], [], []
    for i, loss in enumerate(tensors[f"{case}.loss"].tolist()):
        if i % 37 == 0:
            state, schedule = schedule.state(), FactorSchedule(**options)
            schedule.restore(state)
        iteration = info["start_step"] + i + 1
        factors.append(schedule.next(iteration, loss, iteration % info["accu"] == 0))
        bases.append(schedule.base)
        ratios.append(schedule.ratio)
    for values, name in ((factors, "factor"), (bases, "cur_start_val_after"), (ratios, "target_ratio_after")):
        close(torch.tensor(values, dtype=torch.float64), tensors[f"{case}.{name}"], 1e-9)


def test_sparsity_counts_unions_of_whole_chunks():
    active = torch.zeros(1, 5, 4, dtype=torch.bool)
    active[0, 0, 0] = active[0, 1, 0] = active[0, 2, 1] = active[0, 4, :] = True
    tls, cls2 = sparsity(active, (1, 2)).tolist()
    assert tls == pytest.approx(1 - 7 / 20)
    assert cls2 == pytest.approx(1 - 2 / 8)


def test_controller_follows_its_target():
    controller = SparsityController(0.1, target=0.8)
    for step in range(1, 31):
        controller.after(step, 0.6)
    risen = controller.factor
    assert risen > 0.1
    restored = SparsityController(0.1, target=0.8)
    restored.restore(controller.state())
    for step in range(31, 91):
        controller.after(step, 0.95)
        restored.after(step, 0.95)
    assert controller.factor < risen and restored.factor == controller.factor
    rising = SparsityController(0.1, target=0.8, rise=100)
    assert rising.after(10, 0.7) < 0.1


def test_learning_rate_is_the_typescript_trainers():
    shares = [learning_rate_share(step, 10, 2, 4, 0.1) for step in (1, 2, 3, 6, 7, 10)]
    assert shares == pytest.approx([0.5, 1, 1, 1, 0.775, 0.1])
