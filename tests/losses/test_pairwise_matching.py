"""Losses on matching scores: against the original through the matcher, by hand, by loops, at the edges."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from whyreid.losses import batch_hard_matching_loss, pairwise_matching_loss
from whyreid.losses.pairwise_matching import hardest_scores
from whyreid.models import QAConv

LOSSES = {"pair": pairwise_matching_loss, "triplet": batch_hard_matching_loss}
LABELS = torch.tensor([0, 0, 1, 1, 2, 0])


def random_scores(size: int = 6, *, dtype: torch.dtype = torch.float64) -> Tensor:
    return 10 * torch.randn(size, size, generator=torch.Generator().manual_seed(0), dtype=dtype)


def pairwise_reference(scores: Tensor, labels: Tensor) -> Tensor:
    rows = []
    for i in range(len(labels)):
        row = scores.new_zeros(())
        for j in range(len(labels)):
            probability = torch.sigmoid(scores[i, j])
            row = row - torch.log(probability if labels[i] == labels[j] else 1 - probability)
        rows.append(row)
    return torch.stack(rows)


def batch_hard_reference(scores: Tensor, labels: Tensor, margin: float) -> Tensor:
    rows = []
    for i in range(len(labels)):
        positives = [scores[i, j] for j in range(len(labels)) if j != i and labels[j] == labels[i]]
        negatives = [scores[i, j] for j in range(len(labels)) if labels[j] != labels[i]]
        hinge = margin - min(positives) + max(negatives) if positives and negatives else scores.new_zeros(())
        rows.append(hinge if hinge > 0 else scores.new_zeros(()))
    return torch.stack(rows)


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("name", LOSSES)
def test_losses_and_gradients_equal_the_original(vectors, name, mode):
    stored = vectors("qaconv_losses")
    matcher = QAConv(16, 6, 2).train(mode == "train")
    matcher.load_state_dict({key[3:]: torch.from_numpy(stored[key]) for key in stored if key.startswith("sd_")})
    maps, labels = torch.from_numpy(stored["feature"]).float().requires_grad_(), torch.from_numpy(stored["target"])
    scores = matcher(maps, maps)
    torch.testing.assert_close(scores.detach().numpy(), stored[f"selfscore_{mode}"], rtol=1e-4, atol=1e-4)
    loss = LOSSES[name](scores, labels)
    loss.mean().backward()
    torch.testing.assert_close(loss.detach().numpy(), stored[f"{name}_{mode}_loss"], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(maps.grad.numpy(), stored[f"{name}_{mode}_grad_mean"], rtol=2e-3, atol=1e-5)


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_accuracy_from_the_hardest_scores_equals_the_original(vectors, mode):
    stored = vectors("qaconv_losses")
    positive, negative = hardest_scores(
        torch.from_numpy(stored[f"selfscore_{mode}"]), torch.from_numpy(stored["target"])
    )
    np.testing.assert_array_equal((positive >= negative).float(), stored[f"triplet_{mode}_acc"])


def test_hand_worked_hinge():
    scores = torch.tensor([[9.0, 5.0, 2.0], [5.0, 9.0, -20.0], [2.0, -20.0, 9.0]])
    # row 0: 16 - 5 + 2; row 1: 16 - 5 - 20 < 0; row 2 has no other picture of its identity
    assert batch_hard_matching_loss(scores, torch.tensor([0, 0, 1])).tolist() == [13.0, 0.0, 0.0]
    assert batch_hard_matching_loss(scores, torch.tensor([0, 0, 1]), margin=2.0).tolist() == [0.0, 0.0, 0.0]


def test_hand_worked_cross_entropy_counts_the_picture_itself():
    scores = torch.tensor([[4.0, 0.0], [0.0, 4.0]])
    same, other = np.log1p(np.exp(-4.0)), np.log(2.0)
    assert pairwise_matching_loss(scores, torch.tensor([0, 1])).tolist() == pytest.approx([same + other] * 2)


def test_losses_equal_loops_over_pairs():
    scores = random_scores()
    torch.testing.assert_close(pairwise_matching_loss(scores, LABELS), pairwise_reference(scores, LABELS))
    for margin in (0.0, 5.0, 16.0):
        torch.testing.assert_close(
            batch_hard_matching_loss(scores, LABELS, margin=margin), batch_hard_reference(scores, LABELS, margin)
        )


@pytest.mark.parametrize("loss", LOSSES.values())
def test_gradcheck(loss):
    assert torch.autograd.gradcheck(lambda scores: loss(scores, LABELS), random_scores().requires_grad_())


@pytest.mark.parametrize("loss", LOSSES.values())
def test_a_permutation_of_the_batch_permutes_the_rows(loss):
    scores, order = random_scores(), torch.tensor([3, 0, 5, 1, 4, 2])
    torch.testing.assert_close(loss(scores[order][:, order], LABELS[order]), loss(scores, LABELS)[order])


@pytest.mark.parametrize("loss", LOSSES.values())
def test_one_step_lowers_the_loss(loss):
    scores = random_scores().requires_grad_()
    value = loss(scores, LABELS).sum()
    (gradient,) = torch.autograd.grad(value, scores)
    assert loss(scores - 0.1 * gradient, LABELS).sum() < value


@pytest.mark.parametrize("labels", [[0, 0, 0], [0, 1, 2]])
def test_without_a_positive_or_a_negative_the_hinge_is_zero_with_zero_gradient(labels):
    scores = random_scores(3).requires_grad_()
    loss = batch_hard_matching_loss(scores, torch.tensor(labels))
    loss.sum().backward()
    assert loss.tolist() == [0.0] * 3
    assert not scores.grad.any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("loss", LOSSES.values())
def test_extreme_scores_stay_finite_in_every_precision(loss, dtype):
    scores = torch.tensor([[500.0, -500.0], [-500.0, 500.0]], dtype=dtype)
    assert loss(scores, torch.tensor([0, 0])).isfinite().all()


@pytest.mark.parametrize("loss", LOSSES.values())
def test_wrong_input_is_refused_with_the_fix(loss):
    with pytest.raises(TypeError, match=r"scores must be a torch.Tensor, got numpy.ndarray; pass torch.from_numpy"):
        loss(np.zeros((2, 2)), torch.tensor([0, 1]))
    with pytest.raises(ValueError, match=r"scores must be \[B, B\] .* got \[2, 3\] and \[2\]; match the batch against"):
        loss(torch.zeros(2, 3), torch.tensor([0, 1]))
    with pytest.raises(ValueError, match="B > 0"):
        loss(torch.zeros(0, 0), torch.zeros(0, dtype=torch.int64))


def test_a_negative_margin_is_refused():
    with pytest.raises(ValueError, match="margin must be at least 0, got -1"):
        batch_hard_matching_loss(torch.zeros(2, 2), torch.tensor([0, 1]), margin=-1)
