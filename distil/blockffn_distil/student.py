"""The student before training: the teacher's attention and embeddings, new routers and experts."""

from dataclasses import replace

import torch

from .model import CausalLM
from .shape import Shape
from .teacher import Teacher


def student_shape(teacher: Shape, experts: int, expert_size: int) -> Shape:
    """The teacher's shape with experts in place of its FFN. The scales stay 1, so the copied layers mean what they meant."""
    return replace(teacher, intermediate=0, experts=experts, expert_size=expert_size, router_norm="rms")


def new_student(teacher: Teacher, shape: Shape, seed: int) -> CausalLM:
    """Router scores start as about N(0, 1); up rows are the teacher's gate rows, shuffled, and noise of their size for the rest."""
    student = CausalLM(shape)
    generator = torch.Generator().manual_seed(seed)
    normal = lambda *size: torch.randn(*size, generator=generator)
    source = {name: value.float().cpu() for name, value in teacher.model.state_dict().items()}
    with torch.no_grad():
        for name, target in student.state_dict().items():
            if ".mlp." not in name:
                target.copy_(source[name])
        for index, layer in enumerate(student.model.layers):
            prefix = f"model.layers.{index}.mlp."
            gate, down = source[prefix + "gate_proj.weight"], source[prefix + "down_proj.weight"]
            width = shape.experts * shape.expert_size
            rows = torch.cat([gate, normal(max(0, width - len(gate)), shape.hidden) * gate.std()])
            layer.mlp.up_proj.copy_(rows[torch.randperm(len(rows), generator=generator)[:width]])
            layer.mlp.down_proj.copy_(normal(shape.hidden, width) * (0.3 * down.std()))
            # A normed token is about as long as the norm's weight.
            layer.mlp.router_proj.weight.copy_(normal(shape.experts, shape.hidden) / layer.post_attention_layernorm.weight.norm())
    return student


def new_parameters(student: CausalLM) -> set[str]:
    """Names of what the teacher did not give: routers and experts."""
    return {name for name, _ in student.named_parameters() if ".mlp." in name}
