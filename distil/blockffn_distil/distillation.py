"""Cross entropy of two heads over a large vocabulary without keeping their logits."""

import torch
import torch.nn.functional as F
from torch import Tensor

CHUNK = 8192


def _chunk(student: Tensor, teacher: Tensor, head: Tensor, teacher_head: Tensor, weight: float) -> tuple[Tensor, Tensor, Tensor]:
    ours = torch.log_softmax(F.linear(student, head).float(), -1)
    theirs = torch.log_softmax(F.linear(teacher, teacher_head).float(), -1)
    p = theirs.exp()
    gradient = ((ours.exp() - p) * weight).to(student.dtype)
    return (p * (theirs - ours)).sum(), gradient, (ours.argmax(-1) == theirs.argmax(-1)).float().sum()


class _HeadKL(torch.autograd.Function):
    """Gradients are formed in the forward pass, chunk by chunk, so that [tokens, vocab] never exists."""

    @staticmethod
    def forward(ctx, student, teacher, head, teacher_head, chunk):
        """[tokens, hidden] twice, [vocab, hidden] twice -> KL and the share of equal first choices."""
        n = student.shape[0]
        table = head.to(student.dtype)
        d_student, d_head = torch.empty_like(student), torch.zeros(head.shape, device=head.device, dtype=torch.float32)
        total = torch.zeros((), device=student.device)
        same = torch.zeros((), device=student.device)
        for at in range(0, n, CHUNK):
            part = slice(at, at + CHUNK)
            loss, gradient, agree = chunk(student[part], teacher[part], table, teacher_head, 1.0 / n)
            total += loss
            same += agree
            d_student[part] = gradient @ table
            d_head += gradient.t() @ student[part]
        ctx.save_for_backward(d_student, d_head)
        agreement = same / n
        ctx.mark_non_differentiable(agreement)
        return total / n, agreement

    @staticmethod
    def backward(ctx, grad, _):
        d_student, d_head = ctx.saved_tensors
        return (d_student * grad).to(d_student.dtype), None, d_head * grad if ctx.needs_input_grad[2] else None, None, None


def head_kl(student: Tensor, teacher: Tensor, head: Tensor, teacher_head: Tensor, chunk=_chunk) -> tuple[Tensor, Tensor]:
    """Mean KL(teacher || student) over tokens in nats, and the share of tokens with the same likeliest next one.

    student, teacher: [tokens, hidden]; head, teacher_head: [vocab, hidden]. Gradients flow to `student` and `head`.
    `chunk`: the inner function, compiled or not.
    """
    return _HeadKL.apply(student, teacher, head, teacher_head, chunk)


kl_chunk = _chunk
