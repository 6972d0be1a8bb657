from __future__ import annotations

import numpy as np
import pytest
import torch

from whyreid.losses import metric_distillation
from whyreid.losses.metric_distillation import combine_attributes


def random_distances(generator, batch=5, attributes=4, dtype=torch.float64):
    values = torch.rand(batch, batch, attributes, generator=generator, dtype=dtype) + 0.5
    return values + values.transpose(0, 1)


def distillation_reference(distmat, attribute_distmat, over_attributes):
    total, batch = 0.0, len(distmat)
    for i in range(batch):
        for j in range(batch):
            parts = attribute_distmat[i, j].tolist()
            explained = sum(parts) / (len(parts) if over_attributes == "mean" else 1)
            total += 0.0 if i == j else abs(distmat[i, j].item() - explained)
    return total / batch**2


@pytest.mark.parametrize("over_attributes", ["mean", "sum"])
def test_equals_a_loop_over_pairs(over_attributes, generator):
    attribute_distmat = random_distances(generator)
    distmat = random_distances(generator)[:, :, 0]
    loss = metric_distillation(distmat, attribute_distmat, over_attributes=over_attributes)
    expected = distillation_reference(distmat, attribute_distmat, over_attributes)
    assert loss.item() == pytest.approx(expected, rel=1e-12)


def test_hand_worked_case():
    # Three pictures, two attributes; only the pair (0, 1) is off: mean |4 - (1 + 5) / 2| = 1, sum |4 - 6| = 2.
    distmat = torch.tensor([[0.0, 4.0, 0.0], [4.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    attribute_distmat = torch.zeros(3, 3, 2)
    attribute_distmat[0, 1] = attribute_distmat[1, 0] = torch.tensor([1.0, 5.0])
    assert metric_distillation(distmat, attribute_distmat).item() == pytest.approx(2 * 1 / 9)
    assert metric_distillation(distmat, attribute_distmat, over_attributes="sum").item() == pytest.approx(2 * 2 / 9)


def test_the_diagonal_never_counts(generator):
    attribute_distmat, distmat = random_distances(generator), random_distances(generator)[:, :, 0]
    loss = metric_distillation(distmat, attribute_distmat)
    torch.diagonal(attribute_distmat)[:] = 99.0
    assert torch.equal(metric_distillation(distmat, attribute_distmat), loss)


def test_uniform_explanation_has_no_loss_although_it_says_nothing(generator):
    distmat = random_distances(generator)[:, :, 0]
    assert metric_distillation(distmat, distmat[:, :, None].expand(-1, -1, 7)).item() == pytest.approx(0, abs=1e-12)


def test_teacher_gets_no_gradient_and_the_student_gets_the_right_one(generator):
    distmat = random_distances(generator)[:, :, 0].requires_grad_()
    attribute_distmat = random_distances(generator).requires_grad_()
    metric_distillation(distmat, attribute_distmat).backward()
    assert distmat.grad is None
    assert torch.autograd.gradcheck(lambda x: metric_distillation(distmat, x), (attribute_distmat,))


def test_one_step_lowers_the_loss(generator):
    distmat, student = random_distances(generator)[:, :, 0], random_distances(generator).requires_grad_()
    before = metric_distillation(distmat, student)
    before.backward()
    assert metric_distillation(distmat, student - 0.1 * student.grad) < before


def test_order_of_pictures_does_not_matter(generator):
    distmat, attribute_distmat = random_distances(generator)[:, :, 0], random_distances(generator)
    order = torch.randperm(5, generator=generator)
    shuffled = metric_distillation(distmat[order][:, order], attribute_distmat[order][:, order])
    torch.testing.assert_close(shuffled, metric_distillation(distmat, attribute_distmat))


@pytest.mark.parametrize(
    ("distmat", "attribute_distmat", "error", "message"),
    [
        (np.zeros((2, 2)), torch.zeros(2, 2, 3), TypeError, r"torch\.from_numpy\(distmat\)"),
        (torch.zeros(2, 2), np.zeros((2, 2, 3)), TypeError, r"torch\.from_numpy\(attribute_distmat\)"),
        (torch.zeros(3, 3), torch.zeros(2, 2, 3), ValueError, r"distmat must be \[2, 2\]"),
        (torch.zeros(2, 3), torch.zeros(2, 3, 3), ValueError, "compare a batch with itself"),
        (torch.zeros(1, 1), torch.zeros(1, 1, 3), ValueError, "B >= 2"),
        (torch.zeros(2, 2), torch.zeros(2, 2), ValueError, r"must be \[B, B, A\], got \[2, 2\]"),
    ],
)
def test_wrong_input_is_refused_with_the_fix(distmat, attribute_distmat, error, message):
    with pytest.raises(error, match=message):
        metric_distillation(distmat, attribute_distmat)


def test_unknown_form_is_refused():
    with pytest.raises(ValueError, match='"mean" or "sum", got \'median\''):
        combine_attributes(torch.zeros(2, 2, 3), "median")
