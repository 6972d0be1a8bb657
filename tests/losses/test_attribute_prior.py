from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from whyreid.losses import attribute_prior
from whyreid.losses.attribute_prior import share_bounds

TERMS = {
    "exclusive_sum": "loss_different_sum",
    "common_sum": "loss_same_sum",
    "exclusive_each": "loss_different",
    "common_each": "loss_same",
}


def random_case(generator, batch=6, attributes=8):
    distances = torch.rand(batch, batch, attributes, generator=generator, dtype=torch.float64) + 0.05
    labels = torch.rand(batch, attributes, generator=generator) < 0.4
    labels[1] = labels[0]  # a pair with N = 0
    labels[2] = ~labels[0]  # and one with N = A
    return distances, labels


def prior_reference(distances, labels, *, root=True):
    """The four terms pair by pair, from the definitions in the docstrings."""
    batch, count = labels.shape
    terms = np.zeros(4)
    for i in range(batch):
        for j in range(batch):
            parts = distances[i, j].tolist()
            shares = [1 / count] * count if i == j else [part / sum(parts) for part in parts]
            exclusive = [k for k in range(count) if bool(labels[i, k] != labels[j, k])]
            common = [k for k in range(count) if k not in exclusive]
            n, m = len(exclusive), min(len(exclusive), count - 0.1)
            r, s = (math.sqrt(n / count), math.sqrt(m / count)) if root else (n / count, m / count)
            stretch = math.exp(0.5 * math.log(((count - m) * s + 4e-3) / (m * (1 - s) + 1e-3)))
            terms[0] += max(0, r - sum(shares[k] for k in exclusive))
            terms[1] += max(0, sum(shares[k] for k in common) - (1 - r))
            terms[2] += sum(max(0, r / n / stretch - shares[k]) for k in exclusive)
            terms[3] += sum(max(0, shares[k] - stretch * (1 - r) / (count - n)) for k in common)
    return terms / batch**2


def test_terms_and_gradients_equal_the_original(vectors):
    case = vectors("amd_bool_similarity")
    distances = torch.from_numpy(case["dist_att"]).requires_grad_()
    prior = attribute_prior(distances, torch.from_numpy(case["attributes_pm1"]) > 0)
    for ours, theirs in TERMS.items():
        assert getattr(prior, ours).item() == pytest.approx(float(case[theirs]), rel=1e-5), ours
        (gradient,) = torch.autograd.grad(getattr(prior, ours), distances, retain_graph=True)
        torch.testing.assert_close(gradient, torch.from_numpy(case[f"grad_{theirs}"]), rtol=2e-3, atol=1e-8)


@pytest.mark.parametrize("pair", ["identical", "alldiff", "generic"])
def test_single_pairs_equal_the_original(pair, vectors):
    case = vectors("amd_bool_similarity")
    rows = torch.from_numpy(case[f"pair_{pair}_idx"])
    distances = torch.from_numpy(case["dist_att"])[rows][:, rows]
    prior = attribute_prior(distances, (torch.from_numpy(case["attributes_pm1"]) > 0)[rows])
    for ours, theirs in TERMS.items():
        expected = float(case[f"pair_{pair}_{theirs}"])
        assert getattr(prior, ours).item() == pytest.approx(expected, rel=1e-5, abs=1e-7), ours


def test_bounds_equal_the_original_for_every_number_of_exclusive_attributes(vectors):
    stretch = torch.from_numpy(vectors("amd_bool_similarity")["lamda_table_N0_26_M26"]).double().exp()
    n = torch.arange(27, dtype=torch.float64)
    bounds, r = share_bounds(n, 26), (n / 26).sqrt()
    torch.testing.assert_close(bounds.together, r)
    torch.testing.assert_close(bounds.exclusive[1:], (r / n / stretch)[1:], rtol=1e-5, atol=0)
    torch.testing.assert_close(bounds.common[:-1], (stretch * (1 - r) / (26 - n))[:-1], rtol=1e-5, atol=0)


def test_bounds_are_the_geometric_mean_of_the_average_shares():
    # A = 26, N = 6: r = sqrt(6/26) = 0.4804; sqrt(r (1 - r) / (6 * 20)) = 0.0456.
    bounds = share_bounds(torch.tensor([6.0]), 26)
    assert bounds.together.item() == pytest.approx(0.4804, abs=5e-5)
    assert bounds.exclusive.item() == pytest.approx(0.0456, abs=5e-5)
    assert bounds.common.item() == pytest.approx(0.0456, abs=5e-5)


def test_bounds_with_nothing_to_bound():
    bounds = share_bounds(torch.tensor([0.0, 26.0], dtype=torch.float64), 26)
    assert bounds.together.tolist() == [0.0, 1.0]
    assert bounds.exclusive[0].item() == 0.0
    assert bounds.common.tolist() == pytest.approx([2 / 26, 0.0])


@pytest.mark.parametrize("threshold", ["root", "ratio"])
def test_equals_a_loop_over_pairs(threshold, generator):
    distances, labels = random_case(generator)
    prior = attribute_prior(distances, labels, threshold=threshold)
    expected = prior_reference(distances, labels, root=threshold == "root")
    ours = [prior.exclusive_sum, prior.common_sum, prior.exclusive_each, prior.common_each]
    assert [term.item() for term in ours] == pytest.approx(expected.tolist(), rel=1e-9, abs=1e-12)
    assert prior.total.item() == pytest.approx(expected[:2].sum() + 10 * expected[2:].sum(), rel=1e-9)


def test_the_two_sums_are_the_same_term(generator):
    distances, labels = random_case(generator)
    distances.requires_grad_()
    prior = attribute_prior(distances, labels)
    torch.testing.assert_close(prior.exclusive_sum, prior.common_sum)
    first, second = (
        torch.autograd.grad(term, distances, retain_graph=True)[0] for term in (prior.exclusive_sum, prior.common_sum)
    )
    torch.testing.assert_close(first, second)


def test_hand_worked_case():
    # Two persons, two attributes, shares 1/4 and 3/4, only the first differs: N/A = 1/2, r = 0.70711. For n = 1 the
    # stretch is sqrt((r + 4e-3) / (1 - r + 1e-3)) = 1.55551, so the bounds are r / 1.55551 = 0.45458 for the exclusive
    # and 0.29289 * 1.55551 = 0.45560 for the common attribute. Two of four pairs: half of each shortfall.
    distances = torch.tensor([[[0.0, 0.0], [1.0, 3.0]], [[1.0, 3.0], [0.0, 0.0]]], dtype=torch.float64)
    prior = attribute_prior(distances, torch.tensor([[True, False], [False, False]]))
    assert prior.exclusive_sum.item() == pytest.approx((0.70711 - 0.25) / 2, abs=1e-5)
    assert prior.common_sum.item() == pytest.approx((0.75 - 0.29289) / 2, abs=1e-5)
    assert prior.exclusive_each.item() == pytest.approx((0.45458 - 0.25) / 2, abs=1e-5)
    assert prior.common_each.item() == pytest.approx((0.75 - 0.45560) / 2, abs=1e-5)


def test_satisfied_prior_is_zero():
    labels = torch.tensor([[True, False, False, False], [False, False, False, False]])
    distances = torch.tensor([0.97, 0.01, 0.01, 0.01]).expand(2, 2, 4)
    assert attribute_prior(distances, labels).total.item() == pytest.approx(0, abs=1e-6)


def test_only_shares_matter(generator):
    distances, labels = random_case(generator)
    scale = torch.rand(6, 6, 1, generator=generator, dtype=torch.float64) + 0.1
    torch.testing.assert_close(
        attribute_prior(scale * distances, labels).total, attribute_prior(distances, labels).total
    )


def test_swapping_yes_and_no_of_an_attribute_changes_nothing(generator):
    distances, labels = random_case(generator)
    total = attribute_prior(distances, labels).total
    labels[:, 3] = ~labels[:, 3]
    assert torch.equal(attribute_prior(distances, labels).total, total)


def test_order_of_pictures_and_attributes_does_not_matter(generator):
    distances, labels = random_case(generator)
    rows, columns = torch.randperm(6, generator=generator), torch.randperm(8, generator=generator)
    shuffled = attribute_prior(distances[rows][:, rows][:, :, columns], labels[rows][:, columns])
    torch.testing.assert_close(shuffled.total, attribute_prior(distances, labels).total)


def test_gradient_agrees_with_differences(generator):
    distances, labels = random_case(generator)
    assert torch.autograd.gradcheck(lambda x: attribute_prior(x, labels).total, (distances.requires_grad_(),))


def test_the_diagonal_passes_no_gradient_and_adds_nothing(generator):
    distances, labels = random_case(generator)
    total = attribute_prior(distances, labels).total
    distances.diagonal()[:] = 7 * torch.rand(8, 6, dtype=torch.float64)
    distances.requires_grad_()
    again = attribute_prior(distances, labels).total
    torch.testing.assert_close(again.detach(), total)
    again.backward()
    assert float(distances.grad.diagonal().abs().max()) == 0.0


def test_a_pair_without_distance_is_finite_in_value_and_gradient():
    distances = torch.zeros(3, 3, 4, requires_grad=True)
    prior = attribute_prior(distances, torch.eye(3, 4) > 0)
    prior.total.backward()
    assert math.isfinite(prior.total.item())
    assert bool(distances.grad.isfinite().all())


def test_one_step_lowers_the_loss(generator):
    distances, labels = random_case(generator)
    distances.requires_grad_()
    before = attribute_prior(distances, labels).total
    before.backward()
    assert attribute_prior(distances - 1e-3 * distances.grad, labels).total < before


@pytest.mark.parametrize(
    ("distances", "labels", "error", "message"),
    [
        (np.zeros((2, 2, 3)), torch.ones(2, 3) > 0, TypeError, r"torch\.from_numpy\(attribute_distmat\)"),
        (torch.zeros(2, 2, 3), np.ones((2, 3), bool), TypeError, r"torch\.from_numpy\(attributes\)"),
        (torch.zeros(2, 2, 3), torch.ones(2, 3, dtype=torch.int8), TypeError, "attributes > 0"),
        (torch.zeros(2, 2, 3), torch.ones(2, 4) > 0, ValueError, r"attributes must be \[2, 3\]"),
        (torch.zeros(2, 3, 3), torch.ones(2, 3) > 0, ValueError, "compare a batch with itself"),
        (torch.zeros(2, 2, 3).long(), torch.ones(2, 3) > 0, TypeError, "floating-point"),
    ],
)
def test_wrong_input_is_refused_with_the_fix(distances, labels, error, message):
    with pytest.raises(error, match=message):
        attribute_prior(distances, labels)


def test_unknown_threshold_is_refused():
    with pytest.raises(ValueError, match='"root" or "ratio", got \'linear\''):
        attribute_prior(torch.rand(2, 2, 3), torch.ones(2, 3) > 0, threshold="linear")
