"""Part agreement: by hand, against loops, at chance for random matches, with background."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from whyreid.explain.correspondences import nearest_locations
from whyreid.truth.part_agreement import location_parts, part_agreement


def test_hand_worked_agreement_and_chance():
    parts = torch.tensor([[[1, 1, 2, -1]]])
    other = torch.tensor([[[1, 2, 2, -1]]])
    # matches: 1 -> 1 agrees, 1 -> 2 not, 2 -> background not; chance: 1/4, 1/4, 2/4 over three counted locations
    found = part_agreement(torch.tensor([[[0, 1, 3, 0]]]), parts, other)
    assert found.agreement.item() == pytest.approx(1 / 3)
    assert found.chance.item() == pytest.approx((1 / 4 + 1 / 4 + 2 / 4) / 3)
    assert found.counted.tolist() == [3]


def test_agreement_and_chance_equal_loops():
    generator = torch.Generator().manual_seed(0)
    parts, other = torch.randint(-1, 3, (2, 5, 4, 3), generator=generator)
    matches = torch.randint(0, 12, (5, 4, 3), generator=generator)
    found = part_agreement(matches, parts, other)
    for pair in range(5):
        counted = [(i, p) for i, p in enumerate(parts[pair].flatten().tolist()) if p >= 0]
        others = other[pair].flatten().tolist()
        same = sum(others[matches[pair].flatten()[i]] == p for i, p in counted)
        expected = sum(others.count(p) / 12 for _, p in counted)
        assert found.agreement[pair].item() == pytest.approx(same / len(counted))
        assert found.chance[pair].item() == pytest.approx(expected / len(counted))


def test_random_matches_agree_at_chance():
    generator = torch.Generator().manual_seed(0)
    parts, other = torch.randint(-1, 4, (2, 400, 6, 3), generator=generator)
    found = part_agreement(torch.randint(0, 18, (400, 6, 3), generator=generator), parts, other)
    standard_error = (found.agreement - found.chance).std() / 400**0.5
    assert abs(found.agreement.mean() - found.chance.mean()) < 4 * standard_error


def test_features_that_name_the_part_agree_wholly():
    parts = torch.stack([torch.randperm(12, generator=torch.Generator().manual_seed(i)).view(4, 3) for i in range(6)])
    maps = F.one_hot(parts).movedim(3, 1).float()
    matches = nearest_locations(maps[:3], maps[3:]).query_matches.view(3, 4, 3)
    found = part_agreement(matches, parts[:3], parts[3:])
    assert found.agreement.tolist() == [1.0] * 3
    torch.testing.assert_close(found.chance, torch.full((3,), 1 / 12, dtype=torch.float64))


def test_a_pair_without_parts_is_not_a_number():
    nowhere = torch.full((1, 2, 2), -1)
    found = part_agreement(torch.zeros(1, 2, 2, dtype=torch.int64), nowhere, nowhere)
    assert found.agreement.isnan().all()
    assert found.counted.tolist() == [0]


def test_a_location_shows_the_part_that_covers_most_of_it():
    masks = torch.full((1, 4, 4), -1)
    masks[0, :2, :2] = torch.tensor([[5, 5], [5, 2]])  # three pixels against one
    masks[0, :2, 2:] = torch.tensor([[3, 3], [0, 0]])  # a tie: the lower number
    masks[0, 2:, 2:] = torch.tensor([[4, -1], [4, -1]])  # a tie with none: none
    assert location_parts(masks, (2, 2)).tolist() == [[[5, 0], [-1, -1]]]


def test_shapes_and_matches_that_do_not_fit_are_refused():
    parts = torch.zeros(1, 2, 2, dtype=torch.int64)
    with pytest.raises(ValueError, match=r"other_parts must be \[P, h, w\] as matches \[1, 2, 2\], got \[1, 4\]"):
        part_agreement(parts, parts, parts.flatten(1))
    with pytest.raises(ValueError, match=r"matches must be locations 0\.\.3, got 4\.\.4"):
        part_agreement(parts + 4, parts, parts)
    with pytest.raises(TypeError, match=r"pass torch\.from_numpy\(parts\)"):
        part_agreement(parts, parts.numpy(), parts)
    with pytest.raises(ValueError, match=r"masks must be \[P, H, W\], got \[2, 2\]"):
        location_parts(parts[0], (1, 1))
