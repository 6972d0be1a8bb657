"""Maps read off through true masks: sums over regions of both pictures, in units of the score."""

from __future__ import annotations

import pytest
import torch

from whyreid.explain import FeatureAblationExplainer, IntegratedGradientsExplainer, PairExplanation
from whyreid.pedestrians import GROUPS, Part
from whyreid.truth.attribute_scores import attribute_scores, group_scores, region_sums
from whyreid.truth.known_evidence import patch_target


def explanation(query_maps, gallery_maps=None, *, score: float = 1.0) -> PairExplanation:
    given = query_maps if query_maps is not None else gallery_maps
    scores = torch.full((len(given),), score)
    return PairExplanation(scores, "distance", None, query_maps, gallery_maps, (), scores.clone())


def halves(size: tuple[int, int] = (4, 4)) -> torch.Tensor:
    """[1, 2, H, W]: upper and lower half."""
    upper = torch.zeros(size, dtype=torch.bool)
    upper[: size[0] // 2] = True
    return torch.stack([upper, ~upper])[None]


def test_both_pictures_count_and_the_remainder_takes_the_rest():
    query, gallery = torch.arange(16.0).view(1, 1, 4, 4), -torch.ones(1, 1, 4, 4)
    found = attribute_scores(explanation(query, gallery, score=5.0), halves(), halves(), ["top", "bottom"])
    assert found.contributions.tolist() == [[28.0 - 8.0, 92.0 - 8.0]]
    assert found.remainder.tolist() == [5.0 - 104.0]
    assert found.attributes == ("top", "bottom")
    assert found.query_maps is query


def test_one_picture_is_enough():
    only_gallery = attribute_scores(explanation(None, torch.ones(1, 1, 2, 2)), halves(), halves(), ["a", "b"])
    assert only_gallery.contributions.tolist() == [[2.0, 2.0]]


@pytest.mark.parametrize("size", [(2, 2), (4, 4), (8, 8), (3, 5)])
def test_regions_that_part_the_picture_share_the_sum_of_the_map_at_every_resolution(size):
    maps = torch.randn(3, *size, generator=torch.Generator().manual_seed(0))
    regions = halves((12, 10)).expand(3, -1, -1, -1)
    torch.testing.assert_close(region_sums(maps, regions).sum(dim=1), maps.sum(dim=(1, 2)))


def test_a_cell_that_a_region_covers_in_part_counts_in_part():
    region = torch.zeros(1, 1, 4, 4, dtype=torch.bool)
    region[:, :, 0] = True  # half of the upper two cells
    assert region_sums(torch.tensor([[[6.0, 2.0], [9.0, 9.0]]]), region).tolist() == [[4.0]]


def test_attributes_that_do_not_differ_get_nothing_when_told_so():
    differs = torch.tensor([[True, False]])
    given = explanation(torch.ones(1, 1, 4, 4))
    found = attribute_scores(given, halves(), halves(), ["top", "bottom"], differs=differs)
    assert found.contributions.tolist() == [[8.0, 0.0]]


def test_planted_evidence_ends_up_with_the_group_that_covers_it():
    size = (32, 16)
    target = patch_target(slice(8, 16), slice(4, 8), size=size, cell=4)
    query, gallery = torch.zeros(2, 1, 3, *size)
    query[0, 0, 8:16, 4:8] = 1.5
    labels = torch.zeros(1, *size, dtype=torch.uint8)
    labels[0, 8:16, 4:8] = int(Part.BACKPACK)
    labels[0, 20:, :] = int(Part.SHIN_CLOTH)
    for explainer in (IntegratedGradientsExplainer(target, steps=4), FeatureAblationExplainer(target, grid=(4, 4))):
        found = group_scores(explainer.explain(query, gallery), labels, labels)
        expected = {group: 3.0 if group in ("backpack", "gender") else 0.0 for group in GROUPS}
        torch.testing.assert_close(found.contributions[0], torch.tensor(list(expected.values())), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda: explanation(torch.ones(2, 1, 4, 4)), r"must be \[2, 2, H, W\]"),
        (lambda: PairExplanation(torch.ones(1), "distance", None, None, None, (), torch.ones(1)), "must have one map"),
    ],
)
def test_explanations_that_cannot_be_read_off_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        attribute_scores(given(), halves(), halves(), ["top", "bottom"])


def test_maps_for_each_attribute_are_refused_because_they_are_read_already():
    both = PairExplanation.from_contributions(
        torch.ones(1), torch.ones(1, 2), kind="distance", attributes=("a", "b"), query_maps=torch.ones(1, 2, 4, 4)
    )
    with pytest.raises(ValueError, match="for the whole score"):
        attribute_scores(both, halves(), halves(), ["a", "b"])


def test_soft_regions_are_refused():
    with pytest.raises(TypeError, match="must be bool"):
        attribute_scores(explanation(torch.ones(1, 1, 4, 4)), halves().float(), halves(), ["a", "b"])
