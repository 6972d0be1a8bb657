from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from whyreid.losses import batch_hard_triplet, weighted_regularised_triplet


@pytest.fixture
def original(vectors) -> dict[str, torch.Tensor]:
    return {key: torch.from_numpy(value) for key, value in vectors("agw_bot_pieces").items()}


def value_and_gradient(loss, features: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    features = features.clone().requires_grad_()
    value = loss(features, labels)
    value.backward()
    return value.detach(), features.grad


def slow_weighted(embeddings: torch.Tensor, labels: torch.Tensor) -> float:
    """The printed formula, without the epsilon of the authors' code."""
    total = 0.0
    for a in range(len(labels)):
        d = [max(float((embeddings[a] - embeddings[b]).pow(2).sum()), 1e-12) ** 0.5 for b in range(len(labels))]
        positive = [d[b] for b in range(len(labels)) if labels[b] == labels[a]]
        negative = [d[b] for b in range(len(labels)) if labels[b] != labels[a]]
        wp = [math.exp(x) / sum(math.exp(y) for y in positive) for x in positive]
        wn = [math.exp(-x) / sum(math.exp(-y) for y in negative) for x in negative]
        gap = sum(w * x for w, x in zip(wp, positive, strict=True)) - sum(
            w * x for w, x in zip(wn, negative, strict=True)
        )
        total += math.log1p(math.exp(gap))
    return total / len(labels)


def slow_batch_hard(embeddings: torch.Tensor, labels: torch.Tensor, margin: float | None) -> float:
    terms = []
    for a in range(len(labels)):
        d = (embeddings[a] - embeddings).norm(dim=1)
        same = labels == labels[a]
        if same.sum() < 2 or same.all():
            continue
        gap = d[same].max() - d[~same].min()
        terms.append(math.log1p(math.exp(gap)) if margin is None else max(float(gap) + margin, 0.0))
    return sum(terms) / len(terms)


def test_weighted_regularised_triplet_agrees_with_the_authors_code(original):
    loss, gradient = value_and_gradient(weighted_regularised_triplet, original["feat"], original["labels"])
    torch.testing.assert_close(loss, original["wrt_agw_loss"], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(gradient, original["wrt_agw_grad"], rtol=2e-3, atol=2e-3)
    torch.testing.assert_close(loss, original["wrt_fastreid_loss"], rtol=1e-4, atol=1e-5)


def test_weighted_regularised_triplet_of_normalised_features_agrees_with_the_authors_code(original):
    def of_normalised(features, labels):
        return weighted_regularised_triplet(F.normalize(features, dim=1), labels)

    loss, gradient = value_and_gradient(of_normalised, original["feat"], original["labels"])
    torch.testing.assert_close(loss, original["wrt_agw_norm_loss"], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(gradient, original["wrt_agw_norm_grad"], rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("case", ["unbalanced", "singleton"])
def test_identities_with_different_numbers_of_pictures_agree_with_the_authors_code(original, case):
    loss = weighted_regularised_triplet(original["feat"], original[f"labels_{case}"])
    torch.testing.assert_close(loss, original[f"wrt_agw_{case}_loss"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("margin", "name"), [(0.3, "bh_bot_m03"), (None, "bh_bot_soft")])
def test_batch_hard_triplet_agrees_with_bot(original, margin, name):
    def loss_of(features, labels):
        return batch_hard_triplet(features, labels, margin=margin)

    loss, gradient = value_and_gradient(loss_of, original["feat"], original["labels"])
    torch.testing.assert_close(loss, original[f"{name}_loss"], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(gradient, original[f"{name}_grad"], rtol=2e-3, atol=2e-3)


def test_pytorchs_label_smoothing_is_that_of_bot_and_torchreid(original):
    def smoothed(logits, targets):
        return F.cross_entropy(logits, targets, label_smoothing=0.1)

    loss, gradient = value_and_gradient(smoothed, original["ce_logits"], original["ce_targets"])
    for name in ("bot", "torchreid"):
        torch.testing.assert_close(loss, original[f"ce_{name}_eps01_loss"], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(gradient, original[f"ce_{name}_eps01_grad"], rtol=2e-3, atol=2e-3)


def test_pytorchs_label_smoothing_differs_from_fastreids_by_the_share_of_the_right_class(original):
    # fast-reid spreads epsilon over the n - 1 other classes, PyTorch over all n: epsilon_torch = epsilon * n / (n - 1)
    classes = original["ce_logits"].shape[1]
    loss = F.cross_entropy(original["ce_logits"], original["ce_targets"], label_smoothing=0.1 * classes / (classes - 1))
    torch.testing.assert_close(loss, original["ce_fastreid_eps01_loss"], rtol=1e-4, atol=1e-5)


def test_a_batch_worked_by_hand():
    # on a line: 0 and 1 are one person, 3 and 7 the other
    embeddings, labels = torch.tensor([[0.0], [1.0], [3.0], [7.0]]), torch.tensor([0, 0, 1, 1])
    # farthest positive - nearest negative: 1-3, 1-2, 4-2, 4-6 = -2, -1, 2, -2
    assert batch_hard_triplet(embeddings, labels, margin=1.5).item() == pytest.approx((0 + 0.5 + 3.5 + 0) / 4)
    soft = sum(math.log1p(math.exp(gap)) for gap in (-2, -1, 2, -2)) / 4
    assert batch_hard_triplet(embeddings, labels).item() == pytest.approx(soft, rel=1e-5)


def test_both_losses_equal_their_slow_loops(generator):
    embeddings = torch.randn(12, 5, generator=generator)
    labels = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 2, 3, 4, 4])
    found = weighted_regularised_triplet(embeddings, labels, epsilon=0.0).item()
    assert found == pytest.approx(slow_weighted(embeddings, labels), rel=1e-4)
    for margin in (None, 0.3):
        found = batch_hard_triplet(embeddings, labels, margin=margin).item()
        assert found == pytest.approx(slow_batch_hard(embeddings, labels, margin), rel=1e-4)


@pytest.mark.parametrize("loss", [weighted_regularised_triplet, batch_hard_triplet])
def test_the_order_of_the_batch_does_not_matter(loss, generator):
    embeddings, labels = torch.randn(12, 5, generator=generator), torch.arange(12) // 3
    order = torch.randperm(12, generator=generator)
    torch.testing.assert_close(loss(embeddings, labels), loss(embeddings[order], labels[order]))


@pytest.mark.parametrize("loss", [weighted_regularised_triplet, batch_hard_triplet])
def test_identical_embeddings_give_a_finite_gradient(loss):
    value, gradient = value_and_gradient(loss, torch.ones(8, 4), torch.arange(8) // 4)
    assert value.item() == pytest.approx(math.log(2), abs=1e-4)
    assert gradient.isfinite().all()


@pytest.mark.parametrize("loss", [weighted_regularised_triplet, batch_hard_triplet])
def test_a_step_against_the_gradient_lowers_the_loss(loss, generator):
    embeddings, labels = torch.randn(16, 6, generator=generator), torch.arange(16) // 4
    value, gradient = value_and_gradient(loss, embeddings, labels)
    assert loss(embeddings - 0.05 * gradient, labels) < value


def test_the_gradient_of_the_weighted_loss_is_exact(generator):
    embeddings = torch.randn(6, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([0, 0, 1, 1, 2, 2])
    assert torch.autograd.gradcheck(lambda x: weighted_regularised_triplet(x, labels), embeddings)


def test_the_authors_epsilon_fades_out_far_negatives():
    embeddings, labels = torch.tensor([[0.0], [0.5], [30.0], [30.5]]), torch.tensor([0, 0, 1, 1])
    assert weighted_regularised_triplet(embeddings, labels, epsilon=0.0).item() < 1e-6  # 0.5 against 30
    # exp(-30) is nothing beside 1e-6: only the positives' 0.5 is left, weighted by softmax(0, 0.5) = 0.6225
    faded = math.log1p(math.exp(0.5 * 0.6225))
    assert weighted_regularised_triplet(embeddings, labels).item() == pytest.approx(faded, rel=1e-3)


def test_a_batch_of_one_identity_is_refused():
    with pytest.raises(ValueError, match="single identity"):
        weighted_regularised_triplet(torch.randn(4, 3), torch.zeros(4, dtype=torch.long))


def test_a_feature_map_is_refused_with_the_fix():
    with pytest.raises(ValueError, match=r"got \[4, 3, 2, 2\] and \[4\]; pool the feature map"):
        weighted_regularised_triplet(torch.randn(4, 3, 2, 2), torch.arange(4))
