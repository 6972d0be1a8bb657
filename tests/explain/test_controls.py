"""Controls hand the whole score out, in shares that come from somewhere else, and refuse pairs they do not know."""

from __future__ import annotations

import pytest
import torch

from whyreid.explain import (
    MapControl,
    PairExplainer,
    RandomMapControl,
    RandomShareControl,
    ShareControl,
    centre_prior,
    explain_in_chunks,
    fixed_order_control,
    mask_area_control,
    query_prior_control,
    silhouette_control,
    uniform_control,
)
from whyreid.truth.known_evidence import constant_target, patch_target

SIZE = (32, 16)
NAMES = ("hat", "bag", "red")


def target():
    return patch_target(slice(8, 16), slice(4, 8), size=SIZE, cell=4)


def pairs(count: int = 4):
    return torch.randn(2, count, 3, *SIZE, generator=torch.Generator().manual_seed(0))


def regions(count: int = 4) -> torch.Tensor:
    return torch.rand(count, 3, *SIZE, generator=torch.Generator().manual_seed(1)) > 0.5


ALL = {
    "uniform": lambda model: uniform_control(model, NAMES),
    "random": lambda model: RandomShareControl(model, NAMES),
    "fixed order": lambda model: fixed_order_control(model, NAMES, torch.tensor([0.1, 0.0, 0.3])),
    "query prior": lambda model: query_prior_control(model, NAMES, torch.rand(4, 3), torch.tensor([0.1, 0.5, 0.2])),
    "mask area": lambda model: mask_area_control(model, NAMES, regions(), regions()),
    "silhouette": lambda model: silhouette_control(model, regions()[:, 0], regions()[:, 1]),
    "centre": lambda model: MapControl(model, centre_prior(SIZE)),
    "random map": lambda model: RandomMapControl(model),
}


@pytest.mark.parametrize("name", ALL)
def test_every_control_meets_the_protocol_and_hands_out_the_whole_score(name):
    control = ALL[name](target())
    assert isinstance(control, PairExplainer)
    explanation = control.explain(*pairs())
    torch.testing.assert_close(explanation.remainder, torch.zeros(4), rtol=0, atol=1e-5)
    parts = explanation.contributions if explanation.query_maps is None else explanation.query_maps.flatten(1)
    assert (parts >= 0).all()
    assert parts.any()


@pytest.mark.parametrize("name", ALL)
def test_a_constant_model_leaves_nothing_to_hand_out(name):
    explanation = ALL[name](constant_target(size=SIZE, cell=4)).explain(*pairs())
    values = (explanation.contributions, explanation.query_maps, explanation.gallery_maps, explanation.remainder)
    assert not any(value.any() for value in values if value is not None)


def test_hand_worked_shares():
    explanation = ShareControl(target(), NAMES, torch.tensor([1.0, 0.0, 3.0])).explain(*pairs(2))
    torch.testing.assert_close(explanation.contributions[:, 0], explanation.score / 4)
    torch.testing.assert_close(explanation.contributions[:, 2], 3 * explanation.score / 4)
    assert not explanation.contributions[:, 1].any()


def test_query_prior_weighs_by_the_chance_that_a_random_person_differs():
    has, ratio = torch.tensor([[True, False, True]]), torch.tensor([0.1, 0.1, 0.5])
    control = query_prior_control(target(), NAMES, has, ratio)
    torch.testing.assert_close(control.weights, torch.tensor([[0.9, 0.1, 0.5]]))


def test_mask_area_adds_the_pixels_of_both_pictures():
    query, gallery = torch.zeros(2, 1, 3, 4, 2, dtype=torch.bool)
    query[0, 0, 0] = gallery[0, 0, :2] = query[0, 1, 3] = True
    control = mask_area_control(target(), NAMES, query, gallery)
    torch.testing.assert_close(control.weights * 8, torch.tensor([[2.0 + 4.0, 2.0, 0.0]]))


def test_a_pair_without_any_weight_keeps_its_score_as_remainder():
    explanation = ShareControl(target(), NAMES, torch.zeros(3)).explain(*pairs(2))
    torch.testing.assert_close(explanation.remainder, explanation.score)
    maps = MapControl(target(), torch.zeros(1, 1, 4, 2), centre_prior((4, 2))).explain(*pairs(2))
    torch.testing.assert_close(maps.remainder, maps.score / 2)


def test_silhouette_says_nothing_of_the_background():
    person = torch.zeros(1, *SIZE, dtype=torch.bool)
    person[:, 4:20, 5:9] = True
    explanation = silhouette_control(target(), person, person).explain(*pairs(1))
    assert explanation.query_maps[0, 0][person[0]].unique().numel() == 1
    assert not explanation.query_maps[0, 0][~person[0]].any()


def test_centre_prior_is_symmetric_and_falls_from_the_middle():
    prior = centre_prior((8, 4))[0, 0]
    torch.testing.assert_close(prior, prior.flip(0))
    torch.testing.assert_close(prior, prior.flip(1))
    assert (prior[:4].diff(dim=0) > 0).all()


def test_random_controls_repeat_with_their_seed_and_differ_between_pairs_and_chunks():
    for make in (RandomShareControl, lambda model, names, seed: RandomMapControl(model, seed=seed)):
        one, same, other = (make(target(), NAMES, seed=seed) for seed in (0, 0, 1))
        found = [explain_in_chunks(control, *pairs(), chunk=2) for control in (one, same, other)]
        values = [e.contributions if e.query_maps is None else e.query_maps.flatten(1) for e in found]
        assert torch.equal(values[0], values[1])
        assert not torch.allclose(values[0], values[2])
        shares = values[0] / values[0].sum(dim=1, keepdim=True)
        assert shares.unique(dim=0).shape[0] == 4


def test_controls_of_known_pairs_go_by_rows_in_chunks():
    control = ALL["mask area"](target())
    query, gallery = pairs()
    whole = control.explain(query, gallery)
    part = control.for_pairs(slice(2, 4)).explain(query[2:], gallery[2:])
    torch.testing.assert_close(part.contributions, whole.contributions[2:])
    maps = ALL["silhouette"](target())
    part = maps.for_pairs(torch.tensor([3, 0])).explain(query[[3, 0]], gallery[[3, 0]])
    torch.testing.assert_close(part.gallery_maps, maps.explain(query, gallery).gallery_maps[[3, 0]])


@pytest.mark.parametrize("name", ["mask area", "query prior", "silhouette"])
def test_other_pairs_than_those_it_was_made_for_are_refused(name):
    with pytest.raises(ValueError, match=r"given for 4 pairs, got 3 .*for_pairs"):
        ALL[name](target()).explain(*pairs(3))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: ShareControl(target(), NAMES, torch.ones(2)), ValueError, "for 3 names"),
        (lambda: ShareControl(target(), NAMES, -torch.ones(3)), ValueError, "shares have no sign"),
        (lambda: ShareControl(target(), NAMES, torch.full((3,), torch.nan)), ValueError, "finite"),
        (lambda: MapControl(target(), torch.ones(1, 3, 2, 2)), ValueError, "one map a picture"),
        (lambda: query_prior_control(target(), NAMES, 2 * torch.ones(1, 3), torch.ones(3)), ValueError, "0..1"),
        (lambda: mask_area_control(target(), NAMES, torch.ones(1, 3, 2, 2), regions(1)), TypeError, "must be bool"),
    ],
)
def test_weights_that_are_no_shares_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()
