from __future__ import annotations

import pytest
import torch
from torch import Tensor

from whyreid.explain import (
    attribute_error,
    attribute_errors,
    attribute_shares,
    error_composition,
    rank_list_errors,
)


def problem(generator: torch.Generator, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    shapes = ((4, 12), (6, 12), (3, 12))
    return tuple(torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype) for shape in shapes)


def errors_reference(query: Tensor, gallery: Tensor, weight: Tensor) -> Tensor:
    """Eq. 3.2 as written: four loops."""
    out = torch.zeros(len(query), len(gallery), len(weight), dtype=torch.float64)
    for q in range(len(query)):
        for g in range(len(gallery)):
            for a in range(len(weight)):
                for n in range(weight.shape[1]):
                    out[q, g, a] += (query[q, n] - gallery[g, n]) ** 2 * weight[a, n]
    return out


def composition_reference(query: Tensor, gallery: Tensor, weight: Tensor) -> Tensor:
    out = torch.zeros(len(query), len(gallery), len(weight) + 1, dtype=torch.float64)
    unit = [row / row.pow(2).sum().sqrt() for row in weight]
    for q in range(len(query)):
        for g in range(len(gallery)):
            for n in range(weight.shape[1]):
                square = float(query[q, n] - gallery[g, n]) ** 2
                parts = [max(float(row[n]), 0.0) for row in unit]
                for a, part in enumerate(parts):
                    out[q, g, a] += square * part / sum(parts) if sum(parts) else 0.0
                out[q, g, -1] += square if not sum(parts) else 0.0
    return out


def test_errors_by_hand():
    # squares (1, 4): attribute 0: 1 * 0.5 - 4 * 1 = -3.5; attribute 1: 4 * 2 = 8
    query, gallery = torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, 0.0]])
    assert attribute_errors(query, gallery, torch.tensor([[0.5, -1.0], [0.0, 2.0]])).tolist() == [[[-3.5, 8.0]]]


def test_composition_by_hand():
    # vectors (3, 4, 0) -> (.6, .8, 0) and (0, 10, 0) -> (0, 1, 0); squares (1, 9, 4)
    # neuron 0 -> a; neuron 1 split .8 : 1 -> 4 and 5; neuron 2 unexplained
    query, gallery = torch.tensor([[1.0, 3.0, 2.0]]), torch.zeros(1, 3)
    parts = error_composition(query, gallery, torch.tensor([[3.0, 4.0, 0.0], [0.0, 10.0, 0.0]]))
    torch.testing.assert_close(parts, torch.tensor([[[1 + 4.0, 5.0, 4.0]]]))


def test_errors_equal_four_loops(generator):
    query, gallery, weight = problem(generator)
    torch.testing.assert_close(attribute_errors(query, gallery, weight), errors_reference(query, gallery, weight))


def test_composition_equals_loops(generator):
    query, gallery, weight = problem(generator)
    expected = composition_reference(query, gallery, weight)
    torch.testing.assert_close(error_composition(query, gallery, weight), expected)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_composition_is_complete_and_not_negative(generator, dtype):
    query, gallery, weight = problem(generator, dtype)
    gallery[0] = query[0] + 1e-3  # a close pair must not lose its digits
    parts = error_composition(query, gallery, weight)
    assert parts.min() >= 0
    expected = (query[:, None] - gallery).square().sum(dim=2)
    torch.testing.assert_close(parts.sum(dim=2), expected, rtol=1e-5, atol=0)


def test_composition_does_not_depend_on_the_length_of_attribute_vectors(generator):
    query, gallery, weight = problem(generator)
    scaled = weight * torch.tensor([[0.1], [1.0], [50.0]], dtype=torch.float64)
    torch.testing.assert_close(error_composition(query, gallery, scaled), error_composition(query, gallery, weight))


def test_completeness_holds_for_a_classifier_that_knows_nothing(generator):
    query, gallery, _ = problem(generator)
    parts = error_composition(query, gallery, torch.zeros(3, 12, dtype=torch.float64))
    assert (parts[:, :, :3] == 0).all()
    torch.testing.assert_close(parts[:, :, 3], (query[:, None] - gallery).square().sum(dim=2))


def test_shares_hand_out_every_neuron_once(generator):
    shares = attribute_shares(torch.randn(5, 40, generator=generator))
    assert shares.shape == (6, 40)
    assert shares.min() >= 0
    torch.testing.assert_close(shares.sum(dim=0), torch.ones(40))


def test_identical_embeddings_have_no_error(generator):
    query, _, weight = problem(generator)
    assert (error_composition(query, query, weight).diagonal().abs() == 0).all()


def test_sides_can_be_swapped(generator):
    query, gallery, weight = problem(generator)
    torch.testing.assert_close(
        attribute_errors(query, gallery, weight), attribute_errors(gallery, query, weight).transpose(0, 1)
    )


@pytest.mark.parametrize("workspace", [1, 13, 30, 24 * 12, 10**6])
def test_workspace_changes_nothing(generator, monkeypatch, workspace):
    query, gallery, weight = problem(generator)
    expected = error_composition(query, gallery, weight)
    monkeypatch.setattr(attribute_error, "_WORKSPACE", workspace)
    torch.testing.assert_close(error_composition(query, gallery, weight), expected)
    ranking = torch.arange(6).expand(4, 6)
    torch.testing.assert_close(rank_list_errors(query, gallery, ranking, weight), expected)


@pytest.mark.parametrize(("form", "function"), [("signed", attribute_errors), ("composition", error_composition)])
def test_rank_lists_are_a_gather_of_the_whole(generator, form, function):
    query, gallery, weight = problem(generator)
    ranking = torch.stack([torch.randperm(6, generator=generator)[:3] for _ in range(4)])
    whole = function(query, gallery, weight)
    expected = whole.gather(1, ranking[:, :, None].expand(-1, -1, whole.shape[2]))
    torch.testing.assert_close(rank_list_errors(query, gallery, ranking, weight, form=form), expected)


def test_missing_rank_is_nan(generator):
    query, gallery, weight = problem(generator)
    ranking = torch.tensor([[0, -1], [1, 2], [3, 4], [-1, -1]])
    missing = rank_list_errors(query, gallery, ranking, weight).isnan().all(dim=2)
    assert torch.equal(missing, ranking < 0)


def test_half_precision_is_summed_in_single(generator):
    query, gallery, weight = problem(generator, torch.float16)
    assert attribute_errors(query, gallery, weight).dtype == torch.float32


def test_device(device, generator):
    query, gallery, weight = (part.to(device) for part in problem(generator))
    assert error_composition(query, gallery, weight).device.type == device.type


def test_wrong_inputs_are_refused(generator):
    query, gallery, weight = problem(generator)
    with pytest.raises(TypeError, match=r"torch.from_numpy\(weight\)"):
        attribute_errors(query, gallery, weight.numpy())
    with pytest.raises(ValueError, match=r"weight must be \[A, 12\] as query_embeddings is, got \[12, 3\]"):
        attribute_errors(query, gallery, weight.T)
    with pytest.raises(ValueError, match=r"gallery_embeddings must be \[N, 12\].*got \[6, 11\]"):
        error_composition(query, gallery[:, 1:], weight)
    with pytest.raises(TypeError, match=r"query_embeddings must be floating point, got torch.int64"):
        error_composition(query.long(), gallery, weight)
    with pytest.raises(ValueError, match=r'form must be "signed" or "composition"'):
        rank_list_errors(query, gallery, torch.zeros(4, 1, dtype=torch.int64), weight, form="pie")
    with pytest.raises(ValueError, match=r"gallery rows below 6, got 6"):
        rank_list_errors(query, gallery, torch.full((4, 1), 6), weight)
