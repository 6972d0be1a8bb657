"""Energy, pointing and area under the curve: by hand, against slow loops, and where nothing can be said."""

from __future__ import annotations

import math

import pytest
import torch
from sklearn.metrics import roc_auc_score

from whyreid.explain import centre_prior
from whyreid.truth.localisation import localise, soft_auc


def random_case(seed: int, *, pairs: int = 3, attributes: int = 2, size: tuple[int, int] = (8, 6)):
    generator = torch.Generator().manual_seed(seed)
    maps = torch.randn(pairs, 1, *size, generator=generator)
    regions = torch.rand(pairs, attributes, *size, generator=generator) > 0.6
    return maps, regions


def test_hand_worked_measures_of_a_signed_map():
    maps = torch.tensor([[[[2.0, -6.0], [1.0, 1.0]]]])
    region = torch.tensor([[[[True, False], [False, False]]]])
    found = {kind: localise(maps, region, evidence=kind) for kind in ("absolute", "positive", "negative")}
    assert found["absolute"].energy.item() == pytest.approx(0.2)
    assert found["positive"].energy.item() == pytest.approx(0.5)
    assert found["negative"].energy.item() == 0
    assert [found[kind].pointing.item() for kind in found] == [0.0, 1.0, 0.0]
    assert found["absolute"].auc.item() == pytest.approx(2 / 3)
    assert found["negative"].auc.item() == pytest.approx(1 / 3)  # below one, tied with two
    assert found["absolute"].area.item() == 0.25


def test_hard_masks_give_the_usual_area_under_the_curve():
    maps, regions = random_case(0)
    maps = (maps * 2).round() / 2  # ties
    found = localise(maps, regions, evidence="positive")
    for pair in range(3):
        for a in range(2):
            labels, values = regions[pair, a].flatten(), maps[pair, 0].clamp_min(0).flatten()
            assert found.auc[pair, a].item() == pytest.approx(roc_auc_score(labels, values))


def test_soft_area_under_the_curve_equals_a_loop_over_all_pairs_of_places():
    generator = torch.Generator().manual_seed(0)
    strength = torch.randint(0, 4, (2, 12), generator=generator).double()
    covered = torch.rand(2, 12, generator=generator).double()
    for row in range(2):
        wins = total = 0.0
        for i in range(12):
            for j in range(12):
                weight = covered[row, i] * (1 - covered[row, j])
                total += weight
                wins += weight * (1.0 if strength[row, i] > strength[row, j] else 0.0)
                wins += weight * (0.5 if strength[row, i] == strength[row, j] else 0.0)
        assert soft_auc(strength, covered)[row].item() == pytest.approx(float(wins / total))


def test_a_map_that_is_the_same_everywhere_has_the_energy_of_the_area_and_no_order():
    _, regions = random_case(0)
    found = localise(torch.ones(3, 1, 4, 3), regions)
    torch.testing.assert_close(found.energy, found.area)
    torch.testing.assert_close(found.pointing, found.area)
    torch.testing.assert_close(found.auc, torch.full((3, 2), 0.5, dtype=torch.float64))


def test_the_mask_itself_is_perfect_and_its_complement_is_not():
    _, regions = random_case(0, attributes=1)
    perfect, wrong = localise(regions.float(), regions), localise((~regions).float(), regions)
    for value in (perfect.energy, perfect.pointing, perfect.auc):
        torch.testing.assert_close(value, torch.ones_like(value))
    for value in (wrong.energy, wrong.pointing, wrong.auc):
        torch.testing.assert_close(value, torch.zeros_like(value))


def test_scaling_a_map_changes_nothing():
    maps, regions = random_case(1)
    one, other = localise(maps, regions), localise(1e-4 * maps, regions)
    for name in vars(one):
        torch.testing.assert_close(getattr(one, name), getattr(other, name), rtol=1e-6, atol=1e-9)


def test_invisible_attributes_and_empty_maps_are_left_out():
    maps, regions = random_case(0)
    regions[1, 0] = False
    maps[2] = 0
    found = localise(maps, regions)
    assert found.energy.isnan().tolist() == [[False, False], [True, False], [True, True]]
    assert found.area.isnan().tolist() == [[False, False], [True, False], [False, False]]
    assert found.means()["energy"] == pytest.approx(found.energy[~found.energy.isnan()].mean().item())
    assert found.by_attribute()["energy"][0].item() == found.energy[0, 0].item()
    nothing = localise(torch.zeros_like(maps), regions)
    assert math.isnan(nothing.means()["auc"])


def test_few_pixels_can_count_as_invisible():
    regions = torch.zeros(1, 2, 4, 4, dtype=torch.bool)
    regions[0, 0, 0, 0] = regions[0, 1, :2] = True
    found = localise(torch.rand(1, 1, 4, 4), regions, least_pixels=5)
    assert found.energy.isnan().tolist() == [[True, False]]


def test_a_grown_region_forgives_a_near_miss():
    region = torch.zeros(1, 1, 8, 8, dtype=torch.bool)
    region[0, 0, 3, 3] = True
    near = torch.zeros(1, 1, 8, 8)
    near[0, 0, 3, 5] = 1.0
    assert localise(near, region).pointing.item() == 0
    assert localise(near, region, dilation=2).pointing.item() == 1
    hidden = localise(near, torch.zeros_like(region), dilation=2)
    assert hidden.energy.isnan().all()  # growing makes nothing visible


def test_coarse_maps_count_cells_in_part():
    region = torch.zeros(1, 1, 4, 4, dtype=torch.bool)
    region[0, 0, 0] = True
    found = localise(torch.tensor([[[[3.0, 1.0], [0.0, 0.0]]]]), region)
    assert found.energy.item() == pytest.approx(0.5)
    assert found.pointing.item() == pytest.approx(0.5)


def test_each_attribute_may_have_its_own_map():
    maps, regions = random_case(0)
    own = torch.cat([maps, -3 * maps.flip(2)], dim=1)
    together, alone = localise(own, regions), localise(own[:, 1:], regions[:, 1:])
    torch.testing.assert_close(together.auc[:, 1:], alone.auc)


def test_controls_go_through_the_same_function():
    centre = torch.zeros(1, 1, 8, 8, dtype=torch.bool)
    centre[0, 0, 2:6, 2:6] = True
    assert localise(centre_prior((8, 8)), centre).auc.item() == 1


@pytest.mark.parametrize(
    ("maps", "regions", "evidence", "message"),
    [
        (torch.ones(2, 1, 4, 4), torch.ones(3, 2, 4, 4, dtype=torch.bool), "absolute", "must be"),
        (torch.ones(3, 3, 4, 4), torch.ones(3, 2, 4, 4, dtype=torch.bool), "absolute", "2 or 1"),
        (torch.ones(3, 1, 4, 4), torch.ones(3, 2, 4, 4, dtype=torch.bool), "strong", "absolute, positive, negative"),
    ],
)
def test_maps_that_do_not_fit_are_refused(maps, regions, evidence, message):
    with pytest.raises(ValueError, match=message):
        localise(maps, regions, evidence=evidence)
