from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from whyreid.losses import circle_softmax


def slow_circle(cosines: torch.Tensor, labels: torch.Tensor, scale: float, margin: float) -> torch.Tensor:
    logits = torch.zeros_like(cosines)
    for b in range(cosines.shape[0]):
        for c in range(cosines.shape[1]):
            s = float(cosines[b, c])
            if int(labels[b]) == c:
                logits[b, c] = scale * max(1 + margin - s, 0) * (s - (1 - margin))
            else:
                logits[b, c] = scale * max(s + margin, 0) * (s - margin)
    return logits


def test_logits_worked_by_hand():
    # right class, s = 0.5, m = 0.25: (1.25 - 0.5) (0.5 - 0.75) = -0.1875; the other, s = 0.5: (0.75) (0.25) = 0.1875
    # the last, s = -0.5: relu(-0.25) = 0
    found = circle_softmax(torch.tensor([[0.5, 0.5, -0.5]]), torch.tensor([0]), scale=2.0, margin=0.25)
    assert found.tolist() == [[-0.375, 0.375, 0.0]]


def test_it_equals_the_slow_loop(generator):
    cosines, labels = 2 * torch.rand(6, 9, generator=generator) - 1, torch.arange(6)
    torch.testing.assert_close(circle_softmax(cosines, labels), slow_circle(cosines, labels, 64.0, 0.35))


def test_the_factors_are_constants_for_the_gradient():
    cosines = torch.tensor([[0.2, 0.6]], requires_grad=True)
    circle_softmax(cosines, torch.tensor([0]), scale=1.0, margin=0.25).sum().backward()
    # d logit = a: right class 1.25 - 0.2, other class 0.6 + 0.25
    torch.testing.assert_close(cosines.grad, torch.tensor([[1.05, 0.85]]))


def test_a_step_against_the_gradient_of_the_cross_entropy_lowers_it(generator):
    cosines, labels = (2 * torch.rand(6, 9, generator=generator) - 1).requires_grad_(), torch.arange(6)
    loss = F.cross_entropy(circle_softmax(cosines, labels), labels)
    loss.backward()
    with torch.no_grad():
        assert F.cross_entropy(circle_softmax(cosines - 1e-3 * cosines.grad, labels), labels) < loss


def test_scores_at_their_goals_have_no_gradient():
    # 1 + m and -m are beyond what a cosine can be, so these are scores, not cosines
    goals = torch.where(torch.eye(4).bool(), 1.35, -0.35).requires_grad_()
    loss = F.cross_entropy(circle_softmax(goals, torch.arange(4)), torch.arange(4))
    assert torch.autograd.grad(loss, goals)[0].abs().max() < 1e-6


def test_shapes_that_disagree_are_refused():
    with pytest.raises(ValueError, match=r"got \[2, 3\] and \[3\]; compare embeddings with class weights"):
        circle_softmax(torch.zeros(2, 3), torch.arange(3))
