"""Regions of groups, exact resizing by area, growing."""

from __future__ import annotations

import pytest
import torch

from whyreid.pedestrians import GROUPS, Part, attribute_regions
from whyreid.pedestrians.identity import SCHEMA
from whyreid.truth.regions import area_resize, dilate, group_regions, person_region


def random_labels() -> torch.Tensor:
    return torch.randint(0, len(Part), (3, 8, 6), generator=torch.Generator().manual_seed(0)).to(torch.uint8)


def test_groups_have_the_regions_of_their_attributes():
    labels = random_labels()
    of_groups, of_attributes = group_regions(labels), attribute_regions(labels)
    for index, name in enumerate(SCHEMA.names):
        assert torch.equal(of_attributes[:, index], of_groups[:, GROUPS.index(SCHEMA.group_of(name))])


def test_the_person_is_neither_background_nor_occluder_nor_somebody_else():
    labels = random_labels()
    others = torch.zeros_like(labels, dtype=torch.bool)
    for part in (Part.BACKGROUND, Part.OCCLUDER, Part.OTHER_PERSON):
        others |= labels == int(part)
    assert torch.equal(person_region(labels), ~others)


@pytest.mark.parametrize("size", [(4, 3), (8, 6), (16, 12), (3, 4), (5, 7), (1, 1), (11, 2)])
def test_resizing_equals_going_through_a_grid_that_both_divide(size):
    values = torch.rand(2, 8, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    fine = values.repeat_interleave(size[0], dim=1).repeat_interleave(size[1], dim=2)
    expected = fine.view(2, size[0], 8, size[1], 6).mean(dim=(2, 4))
    torch.testing.assert_close(area_resize(values, size), expected)


def test_resizing_keeps_the_mean_and_the_same_size_changes_nothing():
    values = torch.randn(2, 3, 9, 5, generator=torch.Generator().manual_seed(0))
    for size in ((4, 2), (7, 11), (9, 5)):
        torch.testing.assert_close(area_resize(values, size).mean(dim=(2, 3)), values.mean(dim=(2, 3)))
    torch.testing.assert_close(area_resize(values, (9, 5)), values)


def test_masks_become_shares_of_cells():
    mask = torch.tensor([[True, True, False, False], [True, False, False, False]])
    torch.testing.assert_close(area_resize(mask, (1, 2)), torch.tensor([[0.75, 0.0]]))


def test_growing_adds_a_square_frame_and_keeps_what_is_there():
    region = torch.zeros(2, 3, 7, 7, dtype=torch.bool)
    region[0, 1, 3, 3] = True
    grown = dilate(region, 2)
    assert grown.sum() == 25
    assert grown[0, 1, 1:6, 1:6].all()
    assert torch.equal(dilate(region, 0), region)
    assert not dilate(torch.zeros_like(region), 3).any()
