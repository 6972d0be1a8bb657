"""Scoring galleries: chunks, precisions, pairs and the top of a ranking all say what the matcher says."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from whyreid.models import QAConv, distance_from_logits, rescore_top, score_gallery, score_pairs


def unit_maps(count: int, *, seed: int = 0) -> Tensor:
    return F.normalize(torch.randn(count, 5, 3, 2, generator=torch.Generator().manual_seed(seed)), dim=1)


def trained_matcher(version: str = "2.1") -> QAConv:
    generator = torch.Generator().manual_seed(0)
    matcher = QAConv(5, 3, 2, version=version)
    for value in matcher.state_dict().values():
        if value.is_floating_point():
            value.copy_(0.5 + torch.rand(value.shape, generator=generator))
    return matcher


QUERY, GALLERY = unit_maps(4, seed=1), unit_maps(9, seed=2)


def logits(query: Tensor = QUERY, gallery: Tensor = GALLERY, version: str = "2.1") -> Tensor:
    return trained_matcher(version).eval()(query, gallery).detach()


@pytest.mark.parametrize("version", ["1.0", "2.1"])
@pytest.mark.parametrize("chunk", [1, 2, 4, 100])
def test_chunks_change_nothing(version, chunk):
    found = score_gallery(trained_matcher(version), QUERY, GALLERY, chunk=chunk)
    torch.testing.assert_close(found, logits(version=version))


@pytest.mark.parametrize("version", ["1.0", "2.1"])
@pytest.mark.parametrize("chunk", [2, 4, 100])
def test_a_gallery_against_itself_equals_the_gallery_against_its_copy(version, chunk):
    found = score_gallery(trained_matcher(version), GALLERY, GALLERY, chunk=chunk)
    torch.testing.assert_close(found, logits(GALLERY, GALLERY.clone(), version))


def test_maps_in_half_precision_come_near(device):
    found = score_gallery(trained_matcher().to(device), QUERY.half(), GALLERY.half(), dtype=torch.float16)
    assert (found.dtype, found.device.type) == (torch.float32, "cpu")
    torch.testing.assert_close(found, logits(), rtol=5e-3, atol=5e-3)


def test_training_flag_and_running_statistics_are_left_alone_also_after_an_error():
    matcher = trained_matcher().train()
    matcher.bn.eval()
    before = {key: value.clone() for key, value in matcher.state_dict().items()}
    score_gallery(matcher, QUERY, GALLERY)
    with pytest.raises(ValueError, match="as this matcher was built for"):
        score_gallery(matcher, QUERY, GALLERY[..., :1])
    assert (matcher.training, matcher.bn.training, matcher.logit_bn.training) == (True, False, True)
    assert all(torch.equal(value, before[key]) for key, value in matcher.state_dict().items())


def test_no_gradient_is_kept():
    assert not score_gallery(trained_matcher(), QUERY.clone().requires_grad_(), GALLERY).requires_grad


def test_an_empty_gallery_gives_no_columns():
    assert score_gallery(trained_matcher(), QUERY, GALLERY[:0]).shape == (4, 0)


def test_pairs_are_the_entries_of_the_whole_matrix():
    candidates = torch.tensor([[0, 8], [3, 3], [2, 1], [7, 0]])
    torch.testing.assert_close(
        score_pairs(trained_matcher(), QUERY, GALLERY, candidates), logits().gather(1, candidates)
    )


def test_hand_worked_top_two_of_a_ranking():
    matcher, scores = trained_matcher(), logits()
    distmat = torch.tensor([[0.5, 0.1, 0.2, 0.9, 0.4, 0.6, 0.7, 0.8, 1.0]]).repeat(4, 1)
    found = rescore_top(matcher, QUERY, GALLERY, distmat, k=2)
    # places 1 and 2 of every query: pictures 1 and 2, now in the matcher's order; the rest as before, behind them
    torch.testing.assert_close(found[:, 1:3], distance_from_logits(scores[:, 1:3]))
    torch.testing.assert_close(found[:, 3:], 1 + distmat[:, 3:])
    for row in range(4):
        first = [1, 2] if scores[row, 1] > scores[row, 2] else [2, 1]
        assert found[row].argsort().tolist() == [*first, 4, 0, 5, 6, 7, 3, 8]


def test_rescoring_all_places_is_the_matchers_ranking():
    distmat = torch.rand(4, 9, generator=torch.Generator().manual_seed(0))
    for k in (9, 50):
        found = rescore_top(trained_matcher(), QUERY, GALLERY, distmat, k=k)
        assert torch.equal(found.argsort(dim=1), logits().argsort(dim=1, descending=True))


def test_pictures_ruled_out_by_infinity_are_not_matched_before_others():
    distmat = torch.rand(4, 9, generator=torch.Generator().manual_seed(0))
    distmat[:, 4] = torch.inf
    assert rescore_top(trained_matcher(), QUERY, GALLERY, distmat, k=8)[:, 4].isinf().all()


def test_wrong_input_is_refused_with_the_fix():
    matcher, distmat = trained_matcher(), torch.zeros(4, 9)
    with pytest.raises(TypeError, match=r"query_maps must be .* pass torch.from_numpy\(query_maps\)"):
        score_gallery(matcher, np.zeros((1, 5, 3, 2)), GALLERY)
    with pytest.raises(ValueError, match="chunk must be at least 1, got 0"):
        score_gallery(matcher, QUERY, GALLERY, chunk=0)
    with pytest.raises(ValueError, match=r"candidates must be \[4, k\], got \[3, 2\]; one row a query"):
        score_pairs(matcher, QUERY, GALLERY, torch.zeros(3, 2, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"distmat must be \[4, 9\] as the maps are, got \[9, 4\]"):
        rescore_top(matcher, QUERY, GALLERY, distmat.T)
    with pytest.raises(ValueError, match="a similarity is no distance"):
        rescore_top(matcher, QUERY, GALLERY, distmat - 1)
    with pytest.raises(ValueError, match="k must be at least 1"):
        rescore_top(matcher, QUERY, GALLERY, distmat, k=0)
