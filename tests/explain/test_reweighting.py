from __future__ import annotations

import numpy as np
import pytest
import torch

from whyreid.explain.reweighting import reweighted_distances
from whyreid.retrieval import euclidean_distances, evaluate_ranking

PREFIX = {0.5: "mode4_pm1_p0.50", 1.0: "mode4_pm1_p1.00", 1.95: "mode4_pm1_p1.95"}


@pytest.fixture
def case(vectors):
    arrays = vectors("amd_reweight")
    distmat = euclidean_distances(torch.from_numpy(arrays["q_feat"]), torch.from_numpy(arrays["g_feat"]))
    inputs = [distmat, torch.from_numpy(arrays["dist_att"]).float()]
    inputs += [torch.from_numpy(arrays[name]) > 0 for name in ("q_attr_pm1", "g_attr_pred01")]
    return inputs, arrays


@pytest.mark.parametrize("strength", PREFIX)
def test_equals_the_original_formula_on_labels_coded_as_it_intends(strength, case):
    inputs, arrays = case
    found = reweighted_distances(*inputs, strength=strength)
    torch.testing.assert_close(found, torch.from_numpy(arrays[f"{PREFIX[strength]}_dist"]), rtol=1e-4, atol=1e-5)
    labels = [torch.from_numpy(arrays[name]) for name in ("q_pid", "g_pid", "q_cam", "g_cam")]
    report = evaluate_ranking(found, *labels)
    rank1, _, _, mean_ap, mean_inp = arrays[f"{PREFIX[strength]}_rank1_5_10_mAP_mINP"]
    assert (report.rank1, report.mean_ap, report.mean_inp) == pytest.approx((rank1, mean_ap, mean_inp), abs=1e-6)


def test_the_original_as_shipped_counts_absent_attributes_half(case):
    """Its 0/1 gallery code against the query's -1/+1: we differ from it on purpose."""
    inputs, arrays = case
    found = reweighted_distances(*inputs, strength=1.0)
    assert not torch.allclose(found, torch.from_numpy(arrays["mode4_p1.00_dist"]), rtol=1e-2)


def test_equals_a_loop(case):
    (distmat, parts, query, gallery), _ = case
    found = reweighted_distances(distmat, parts, query, gallery, strength=0.7)
    for q, g in ((0, 0), (3, 17), (19, 69)):
        differing = sum(parts[q, g, k].item() for k in range(26) if query[q, k] != gallery[g, k])
        share = differing / parts[q, g].sum().item()
        assert found[q, g].item() == pytest.approx(distmat[q, g].item() * (1 + 0.7 * share), rel=1e-5)


def test_strength_zero_and_equal_predictions_change_nothing(case):
    (distmat, parts, query, gallery), _ = case
    assert torch.equal(reweighted_distances(distmat, parts, query, gallery, strength=0.0), distmat)
    same = torch.zeros_like(gallery)
    assert torch.equal(reweighted_distances(distmat, parts, same[:20], same, strength=1.0), distmat)


def test_pairs_without_any_attribute_distance_stay_finite():
    found = reweighted_distances(
        torch.ones(1, 1), torch.zeros(1, 1, 2), torch.ones(1, 2) > 0, torch.zeros(1, 2) > 0, strength=1.0
    )
    assert found.item() == 1.0


def test_wrong_input_is_refused_with_the_fix(case):
    (distmat, parts, query, gallery), _ = case
    with pytest.raises(TypeError, match=r"torch\.from_numpy\(distmat\)"):
        reweighted_distances(np.zeros((2, 2)), parts, query, gallery, strength=1.0)
    with pytest.raises(TypeError, match="query_attributes > 0"):
        reweighted_distances(distmat, parts, query.int(), gallery, strength=1.0)
    with pytest.raises(ValueError, match="must agree"):
        reweighted_distances(distmat, parts, query, gallery[:5], strength=1.0)
    with pytest.raises(ValueError, match="strength must be >= 0"):
        reweighted_distances(distmat, parts, query, gallery, strength=-0.1)
