from __future__ import annotations

import dataclasses

import pytest
import torch

from whyreid.pedestrians import Part, Preset, read_masks, render_promenade
from whyreid.truth import attention_in_regions, attribute_region_shares, differing_share

GROUPS = ["hat", "colour", "colour"]


def random_case(pictures=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    attention = torch.rand(pictures, 3, 4, 2, generator=generator) + 0.1
    regions = torch.rand(pictures, 3, 4, 2, generator=generator)
    regions[1, 0] = 0  # the hat of the second picture is not worn
    return attention, regions


def reference(attention, regions, weight):
    """The definition, place by place."""
    found = []
    for a in range(3):
        others = [b for b in range(3) if GROUPS[b] != GROUPS[a]]
        sums = {"inside": 0.0, "area": 0.0, "other_maps": 0.0}
        total = 0.0
        for n in range(len(attention)):
            region = regions[n, a]
            if region.sum() == 0:
                continue
            w = float(weight[n, a])
            share = lambda b: float((attention[n, b] * region).sum() / attention[n, b].sum())  # noqa: B023, E731
            sums["inside"] += w * share(a)
            sums["area"] += w * float(region.mean())
            sums["other_maps"] += w * sum(map(share, others)) / len(others)
            total += w
        found.append({name: value / total for name, value in sums.items()})
    return found


def test_three_places_by_hand():
    # map 1: 6 of 10 in place 0, which the hat covers to a half -> 0.3; equal map: 1/3 of a half = 1/6
    attention = torch.tensor([[[[6.0, 2.0, 2.0]], [[1.0, 1.0, 2.0]]]])
    regions = torch.tensor([[[[0.5, 0.0, 0.0]], [[0.0, 0.0, 1.0]]]])
    found = attention_in_regions(attention, regions, ["hat", "bag"])
    assert found.inside.tolist() == pytest.approx([0.3, 0.5])
    assert found.area.tolist() == pytest.approx([1 / 6, 1 / 3])
    assert found.other_maps.tolist() == pytest.approx([0.125, 0.2])
    assert found.overall()["inside"] == pytest.approx(0.4)


@pytest.mark.parametrize("weighted", [False, True])
def test_means_are_those_of_the_definition(weighted):
    attention, regions = random_case()
    weight = torch.rand(5, 3, generator=torch.Generator().manual_seed(1)) if weighted else torch.ones(5, 3)
    found = attention_in_regions(attention, regions, GROUPS, weight=weight if weighted else None)
    for a, expected in enumerate(reference(attention, regions, weight)):
        for name, value in expected.items():
            assert float(getattr(found, name)[a]) == pytest.approx(value)


def test_equal_attention_has_the_area_whatever_its_height():
    attention, regions = random_case()
    found = attention_in_regions(torch.full_like(attention, 0.3), regions, GROUPS)
    torch.testing.assert_close(found.inside, found.area)
    torch.testing.assert_close(found.other_maps, found.area)


def test_the_height_of_a_map_does_not_matter():
    attention, regions = random_case()
    scale = torch.tensor([0.1, 7.0, 3.0]).view(1, 3, 1, 1)
    first, second = (attention_in_regions(value, regions, GROUPS) for value in (attention, attention * scale))
    torch.testing.assert_close(first.inside, second.inside, rtol=1e-6, atol=1e-8)


def test_attributes_of_one_group_are_no_control_for_each_other():
    attention, regions = random_case()
    alone = attention_in_regions(attention[:, 1:], regions[:, 1:], ["colour", "colour"])
    assert alone.other_maps.isnan().all()


def test_an_attribute_that_is_never_seen_is_undefined_and_left_out():
    attention, regions = random_case()
    regions[:, 0] = 0
    found = attention_in_regions(attention, regions, GROUPS)
    assert found.inside[0].isnan()
    assert found.overall()["inside"] == pytest.approx(float(found.inside[1:].mean()))
    nothing = attention_in_regions(attention, torch.zeros_like(regions), GROUPS).overall()
    assert all(value != value for value in nothing.values())


def test_weighted_by_differing_share_it_is_the_mean_over_pairs():
    attention, regions = random_case()
    generator = torch.Generator().manual_seed(2)
    own, others = (torch.rand(n, 3, generator=generator) > 0.5 for n in (5, 7))
    found = attention_in_regions(attention, regions, GROUPS, weight=differing_share(own, others)).overall()
    values = [
        float((attention[n, a] * regions[n, a]).sum() / attention[n, a].sum())
        for n in range(5)
        for m in range(7)
        for a in range(3)
        if own[n, a] != others[m, a] and regions[n, a].sum() > 0
    ]
    assert found["inside"] == pytest.approx(sum(values) / len(values))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a, r: (a, r[:, :2]), "must be \\[N, A, h, w\\] with one group"),
        (lambda a, r: (-a, r), "must be >= 0"),
        (lambda a, r: (a * 0, r), "not 0 everywhere"),
    ],
)
def test_what_cannot_be_compared_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        attention_in_regions(*change(*random_case()), GROUPS)


def test_regions_of_a_rendered_table_cover_what_its_masks_show(tmp_path):
    table = render_promenade(tmp_path, domain="A", preset=Preset(6, 3, 2, 2, 64, 32), workers=1).select("query")
    shares = attribute_region_shares(table, ["upred", "hat", "gender"], (8, 4))
    masks = read_masks(table)
    upper = (masks == Part.UPPER) | (masks == Part.FOREARM_CLOTH)
    assert shares.shape == (len(table), 3, 8, 4)
    torch.testing.assert_close(shares[:, 0].mean(dim=(1, 2)), upper.float().mean(dim=(1, 2)))
    torch.testing.assert_close(shares[0, 0, 2, 1], upper[0, 16:24, 8:16].float().mean())
    assert (shares[:, 2] >= shares[:, 0] - 1e-6).all()  # the whole person is where the garment is
    plain = dataclasses.replace(table, images=table.images.drop(columns="mask"))
    with pytest.raises(ValueError, match="must have the column mask"):
        attribute_region_shares(plain, ["hat"], (8, 4))
