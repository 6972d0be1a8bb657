from __future__ import annotations

import itertools
import math
import sys

import numpy as np
import pytest
import torch

from whyreid.models import attribute_distances
from whyreid.truth import attribute_agreement, attribute_agreement_streamed
from whyreid.truth.attribute_ranking import score_pairs
from whyreid.truth.label_agreement import agreement_from_chunks

MEASURES = ("exclusive_map", "common_map", "exclusive_precision", "common_precision")


def random_case(generator, queries=7, gallery=9, attributes=6):
    distances = torch.rand(queries, gallery, attributes, generator=generator)
    query = torch.rand(queries, attributes, generator=generator) < 0.4
    other = torch.rand(gallery, attributes, generator=generator) < 0.4
    other[0], other[1] = query[0], ~query[0]  # pairs with N = 0 and N = A
    return distances, query, other


def average_precision(relevant):
    found = [place for place, flag in enumerate(relevant, start=1) if flag]
    return sum(i / place for i, place in enumerate(found, start=1)) / len(found)


def agreement_reference(distances, query, gallery):
    """Pair by pair from the definitions; needs distinct contributions."""
    measures = {name: [] for name in MEASURES}
    by_attribute = {"exclusive": [[] for _ in query.T], "common": [[] for _ in query.T]}
    for q, g in itertools.product(range(len(query)), range(len(gallery))):
        differs = (query[q] != gallery[g]).tolist()
        order = sorted(range(len(differs)), key=lambda k: -distances[q, g, k].item())
        n, ahead = sum(differs), order[: sum(differs)]
        if n:
            measures["exclusive_map"].append(average_precision([differs[k] for k in order]))
            measures["exclusive_precision"].append(sum(differs[k] for k in ahead) / n)
        if n < len(differs):
            measures["common_map"].append(average_precision([not differs[k] for k in reversed(order)]))
            behind = [k for k in order if k not in ahead]
            measures["common_precision"].append(sum(not differs[k] for k in behind) / len(behind))
        for k, flag in enumerate(differs):
            by_attribute["exclusive" if flag else "common"][k].append((k in ahead) == flag)
    means = {name: np.mean(values) for name, values in measures.items()}
    columns = {side: [np.mean(hits) if hits else math.nan for hits in lists] for side, lists in by_attribute.items()}
    return means, columns


def assert_same(found, other, tolerance=1e-6):
    for name in MEASURES:
        assert getattr(found, name) == pytest.approx(getattr(other, name), abs=tolerance, nan_ok=True), name
    for name in ("exclusive_by_attribute", "common_by_attribute"):
        torch.testing.assert_close(getattr(found, name), getattr(other, name), rtol=0, atol=tolerance, equal_nan=True)
    assert found.num_pairs == other.num_pairs


@pytest.mark.parametrize("case", ["A", "B"])
def test_equals_the_original_evaluation(case, vectors):
    original = vectors("amd_explain_eval")
    query, gallery = (torch.from_numpy(original[f"{case}_{side}_attr"]) > 0 for side in "qg")
    found = attribute_agreement(torch.from_numpy(original[f"{case}_dist"]), query, gallery)
    assert found.exclusive_map == pytest.approx(float(original[f"{case}_Ex_mAP_d"]), abs=1e-6)
    assert found.common_map == pytest.approx(float(original[f"{case}_Ex_mAP_s"]), abs=1e-6)
    assert found.exclusive_precision == pytest.approx(float(original[f"{case}_Ex_Precision_d"]), abs=1e-6)
    assert found.common_precision == pytest.approx(float(original[f"{case}_Ex_Precision_s"]), abs=1e-6)
    for ours, theirs in ((found.exclusive_by_attribute, "diff"), (found.common_by_attribute, "same")):
        expected = torch.from_numpy(original[f"{case}_{theirs}"]).double()
        torch.testing.assert_close(ours, expected, rtol=0, atol=1e-6, equal_nan=True)
    assert found.num_pairs == 600


@pytest.mark.parametrize("case", ["A", "B"])
def test_every_pair_equals_the_original_evaluation(case, vectors):
    original = vectors("amd_explain_eval")
    query, gallery = (torch.from_numpy(original[f"{case}_{side}_attr"]) > 0 for side in "qg")
    differs = (query[:, None] != gallery[None]).flatten(0, 1)
    scores = score_pairs(torch.from_numpy(original[f"{case}_dist"]).flatten(0, 1), differs)
    torch.testing.assert_close(scores.exclusive, torch.from_numpy(original[f"{case}_AP_d"]).flatten())
    torch.testing.assert_close(scores.common, torch.from_numpy(original[f"{case}_AP_s"]).flatten())


def test_equals_a_loop_over_pairs(generator):
    distances, query, gallery = random_case(generator)
    found = attribute_agreement(distances, query, gallery)
    means, columns = agreement_reference(distances, query, gallery)
    for name in MEASURES:
        assert getattr(found, name) == pytest.approx(means[name], abs=1e-6), name
    assert found.exclusive_by_attribute.tolist() == pytest.approx(columns["exclusive"], abs=1e-6, nan_ok=True)
    assert found.common_by_attribute.tolist() == pytest.approx(columns["common"], abs=1e-6, nan_ok=True)


def test_hand_worked_case():
    # Attributes 0 and 2 differ. Descending order: 1, 0, 2, 3. Exclusive at places 2 and 3: AP (1/2 + 2/3) / 2 = 7/12.
    # Ascending order: 3, 2, 0, 1. Common at places 1 and 4: AP (1/1 + 2/4) / 2 = 3/4. Top 2 = {1, 0}: one of two right.
    query, gallery = torch.tensor([[True, True, False, False]]), torch.tensor([[False, True, True, False]])
    found = attribute_agreement(torch.tensor([[[3.0, 4.0, 2.0, 1.0]]]), query, gallery)
    assert found.exclusive_map == pytest.approx(7 / 12)
    assert found.common_map == pytest.approx(3 / 4)
    assert (found.exclusive_precision, found.common_precision) == (0.5, 0.5)
    assert found.exclusive_by_attribute.tolist() == pytest.approx([1, math.nan, 0, math.nan], nan_ok=True)
    assert found.common_by_attribute.tolist() == pytest.approx([math.nan, 0, math.nan, 1], nan_ok=True)


def test_perfect_explanation_scores_one_and_its_reverse_less(generator):
    _, query, gallery = random_case(generator)
    differs = (query[:, None] != gallery[None]).float()
    noise = 0.1 * torch.rand(differs.shape, generator=generator)
    best, worst = (attribute_agreement(sign * differs + noise, query, gallery) for sign in (1, -1))
    assert [getattr(best, name) for name in MEASURES] == pytest.approx([1.0] * 4)
    assert all(getattr(worst, name) < 0.8 for name in MEASURES)
    assert worst.exclusive_precision < 0.3


@pytest.mark.parametrize("attributes", [1, 2, 5])
def test_ties_score_the_mean_over_all_their_orders(attributes, generator):
    values = torch.randint(0, 3, (40, attributes), generator=generator).float()
    differs = torch.rand(40, attributes, generator=generator) < 0.5
    found = score_pairs(values, differs)
    total = torch.zeros(40, 2 + attributes)
    orders = list(itertools.permutations(range(attributes)))
    for order in orders:  # break the ties by every order in turn
        broken = score_pairs(values + 1e-3 * torch.tensor(order), differs)
        total += torch.cat([broken.exclusive[:, None], broken.common[:, None], broken.ahead], dim=1)
    expected = total / len(orders)
    torch.testing.assert_close(found.exclusive, expected[:, 0])
    torch.testing.assert_close(found.common, expected[:, 1])
    torch.testing.assert_close(found.ahead, expected[:, 2:])


def test_nothing_differs_and_everything_differs():
    same = torch.tensor([[True, False, True]])
    nothing = attribute_agreement(torch.tensor([[[9.0, 0.1, 0.1]]]), same, same)
    assert (nothing.common_map, nothing.common_precision, nothing.num_exclusive_pairs) == (1.0, 1.0, 0)
    assert math.isnan(nothing.exclusive_map)
    assert math.isnan(nothing.exclusive_precision)
    everything = attribute_agreement(torch.tensor([[[9.0, 0.1, 0.1]]]), same, ~same)
    assert (everything.exclusive_map, everything.exclusive_precision, everything.num_common_pairs) == (1.0, 1.0, 0)
    assert math.isnan(everything.common_map)
    assert bool(everything.common_by_attribute.isnan().all())


def test_only_the_order_of_a_pair_matters(generator):
    distances, query, gallery = random_case(generator)
    scaled = distances * (torch.rand(7, 9, 1, generator=generator) + 0.1) - 3.0
    assert_same(attribute_agreement(scaled, query, gallery), attribute_agreement(distances, query, gallery))


def test_order_of_pictures_and_attributes_does_not_matter(generator):
    distances, query, gallery = random_case(generator)
    q, g, k = (torch.randperm(n, generator=generator) for n in distances.shape)
    found = attribute_agreement(distances[q][:, g][:, :, k], query[q][:, k], gallery[g][:, k])
    plain = attribute_agreement(distances, query, gallery)
    for name in MEASURES:
        assert getattr(found, name) == pytest.approx(getattr(plain, name), abs=1e-6)
    torch.testing.assert_close(found.common_by_attribute, plain.common_by_attribute[k], equal_nan=True)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_precision_of_the_numbers_does_not_matter(dtype, generator):
    distances = torch.stack([torch.randperm(6, generator=generator) for _ in range(63)]).view(7, 9, 6)
    _, query, gallery = random_case(generator)
    expected = attribute_agreement(distances.float(), query, gallery)
    assert_same(attribute_agreement(distances.to(dtype), query, gallery), expected)


def test_every_device_gives_the_same(device, generator):
    distances, query, gallery = random_case(generator)
    found = attribute_agreement(distances.to(device), query.to(device), gallery.to(device))
    assert_same(found, attribute_agreement(distances, query, gallery))


def test_pairs_in_pieces_and_counted_pairs_equal_the_whole(generator, monkeypatch):
    distances, query, gallery = random_case(generator)
    whole = attribute_agreement(distances, query, gallery)
    monkeypatch.setattr("whyreid.truth.label_agreement.PAIRS", 10)
    assert_same(attribute_agreement(distances, query, gallery), whole)
    weight = torch.randint(1, 4, (7, 9), generator=generator)
    counted = agreement_from_chunks([(distances, query, gallery, weight)])
    rows, columns = torch.nonzero(torch.ones(7, 9), as_tuple=True)
    times = weight.flatten()
    differs = (query[:, None] != gallery[None]).flatten(0, 1).repeat_interleave(times, dim=0)
    none = torch.zeros(1, 6, dtype=torch.bool)
    repeated = distances[rows, columns].repeat_interleave(times, dim=0)
    assert_same(counted, attribute_agreement(repeated[:, None], differs, none))


@pytest.mark.parametrize("query_chunk", [1, 3, 64])
def test_streamed_equals_the_whole_matrix(query_chunk, generator, monkeypatch):
    monkeypatch.setattr(sys.modules["whyreid.models.attribute_distances"], "GALLERY_BLOCK", 4)
    _, query, gallery = random_case(generator)
    x = torch.randn(7, 6, 5, generator=generator) + 20
    y = torch.randn(9, 6, 5, generator=generator) + 20
    found = attribute_agreement_streamed(x, y, query, gallery, query_chunk=query_chunk)
    expected = attribute_agreement(attribute_distances(x.double(), y.double()), query, gallery)
    assert_same(found, expected)


def test_streaming_leaves_the_inputs_alone_and_passes_no_gradient(generator):
    _, query, gallery = random_case(generator)
    x = torch.randn(7, 6, 5, generator=generator, requires_grad=True)
    before = x.detach().clone()
    attribute_agreement_streamed(x, x.detach()[:, :, :].repeat(2, 1, 1)[:9], query, gallery)
    assert torch.equal(x.detach(), before)
    assert x.grad is None


@pytest.mark.parametrize(
    ("distances", "query", "gallery", "error", "message"),
    [
        (np.zeros((2, 3, 4)), "ok", "ok", TypeError, r"torch\.from_numpy\(attribute_distmat\)"),
        (torch.zeros(2, 3, 4), np.ones((2, 4), bool), "ok", TypeError, r"torch\.from_numpy\(query_attributes\)"),
        (torch.zeros(2, 3, 4), "ok", torch.ones(3, 4).to(torch.int8), TypeError, "gallery_attributes > 0"),
        (torch.zeros(2, 3, 5), "ok", "ok", ValueError, r"query_attributes must be \[2, 5\]"),
        (torch.zeros(2, 4), "ok", "ok", ValueError, r"must be \[Q, G, A\]"),
        (torch.full((2, 3, 4), torch.nan), "ok", "ok", ValueError, "finite"),
        (torch.zeros(2, 0, 4), "ok", torch.ones(0, 4) > 0, ValueError, "there must be queries"),
    ],
)
def test_wrong_input_is_refused_with_the_fix(distances, query, gallery, error, message):
    query = torch.ones(2, 4) > 0 if isinstance(query, str) else query
    gallery = torch.ones(3, 4) > 0 if isinstance(gallery, str) else gallery
    with pytest.raises(error, match=message):
        attribute_agreement(distances, query, gallery)


def test_streaming_refuses_other_shapes_and_chunks():
    labels = torch.ones(2, 4) > 0
    with pytest.raises(ValueError, match="share attributes and dimensions"):
        attribute_agreement_streamed(torch.rand(2, 4, 3), torch.rand(2, 4, 5), labels, labels)
    with pytest.raises(ValueError, match="query_chunk must be at least 1, got 0"):
        attribute_agreement_streamed(torch.rand(2, 4, 3), torch.rand(2, 4, 3), labels, labels, query_chunk=0)
    with pytest.raises(TypeError, match=r"torch\.from_numpy\(gallery\)"):
        attribute_agreement_streamed(torch.rand(2, 4, 3), np.zeros((2, 4, 3)), labels, labels)
