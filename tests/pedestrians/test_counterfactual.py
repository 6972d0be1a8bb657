from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
import torch

from whyreid.pedestrians import (
    GROUPS,
    Shot,
    allowed_pixels,
    blend,
    changed_pixels,
    coalitions,
    counterfactual,
    differing_groups,
    edit,
    effect_region,
    render,
)
from whyreid.pedestrians.identity import values_of
from whyreid.pedestrians.world import World


def donors(world: World, group: str):
    """Eight rows of the world, each with a donor whose value in the group differs."""
    chosen = list(world.sightings)[::7][:8]
    people = list(world.people.values())
    pairs = []
    for k, sighting in enumerate(chosen):
        person = world.people[sighting.person]
        donor = next(p for p in people[k:] + people if p.value(group) != person.value(group))
        pairs.append((person, sighting.shot, donor))
    return pairs


@pytest.mark.parametrize("group", GROUPS)
def test_an_edit_touches_its_closure_and_nothing_else(world: World, group: str) -> None:
    persons, shots, others = zip(*donors(world, group), strict=True)
    factual = render(persons, shots)
    edited = render([blend(p, d, [group]) for p, d in zip(persons, others, strict=True)], shots)
    changed = changed_pixels(factual, edited)
    assert changed.any()
    assert not (changed & ~allowed_pixels(factual, edited, [group])).any()


def test_any_subset_at_once_touches_the_union_of_its_closures(world: World) -> None:
    person, shot, donor = donors(world, "upper colour")[0]
    for groups in (
        ["hat", "up"],
        ["clothes", "down", "lower colour"],
        ["backpack", "hair", "upper colour"],
        list(GROUPS),
    ):
        factual, edited = render([person], [shot]), counterfactual(person, shot, donor, groups)
        assert not (changed_pixels(factual, edited) & ~allowed_pixels(factual, edited, groups)).any()
        assert set(differing_groups(person, blend(person, donor, groups))) <= set(groups)


def test_all_groups_of_a_donor_dress_the_person_as_the_donor(world: World) -> None:
    person, _shot, donor = donors(world, "hair")[0]
    twin = blend(person, donor, GROUPS)
    assert twin.attributes() == donor.attributes()
    assert (twin.height, twin.skin, twin.seed) == (person.height, person.skin, person.seed)


def test_no_group_changes_nothing(world: World) -> None:
    person, shot, donor = donors(world, "hair")[1]
    assert torch.equal(counterfactual(person, shot, donor, []).images, render([person], [shot]).images)


def test_a_hidden_attribute_can_be_edited_and_has_no_effect(someone, clear_shot: Shot) -> None:
    # A handbag far below the lower edge of a box around head and chest.
    bust = replace(
        clear_shot, box_y=clear_shot.box_y + 0.30 * clear_shot.box_height, box_height=0.4 * clear_shot.box_height
    )
    person = someone(3, handbag="no handbag", age="adult")
    edited = counterfactual(person, bust, {"handbag": True})
    assert not changed_pixels(render([person], [bust]), edited).any()


def test_values_by_hand(someone, clear_shot: Shot) -> None:
    person = someone(3, upper_colour="white", hat="no hat", up="short sleeve", hair="short hair")
    edited = edit(person, {"upper colour": "red", "hat": True, "up": 0})
    assert {g: edited.value(g) for g in differing_groups(person, edited)} == {
        "upper colour": "red", "hat": "hat", "up": "long sleeve"
    }  # fmt: skip
    assert edit(person, {"upred": 1}) == edit(person, {"upper colour": "red"})
    assert edit(person, {"hair": "short hair", "upblue": 0}) == person
    assert edit(person, {"upper colour": "red"}) == edit(person, {"upper colour": "red"})
    seen = counterfactual(person, clear_shot, {"upper colour": "red"})
    assert torch.equal(seen.images, render([edit(person, {"upper colour": "red"})], [clear_shot]).images)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"upper colour": "red", "upblue": 1}, "can have one value"),
        ({"upred": 1, "upblue": 1}, "can have one value"),
        ({"upper colour": "turquoise"}, "must be one of"),
        ({"umbrella": 1}, "a group with a value"),
        ({"hat": 2}, "a group with a value"),
        ({"upwhite": 0}, "leaves open"),
    ],
)
def test_contradictions_and_unknown_values_are_refused(someone, values, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        edit(someone(3, upper_colour="white"), values)


def test_groups_must_fit_the_donor(someone) -> None:
    person = someone(1)
    with pytest.raises(ValueError, match="groups must be given"):
        blend(person, someone(2))
    with pytest.raises(ValueError, match="must be given, got"):
        blend(person, {"hat": True}, ["hat", "hair"])
    with pytest.raises(ValueError, match="group must be one of"):
        blend(person, someone(2), ["shoes"])


def test_coalitions_are_the_counterfactuals_one_by_one(world: World) -> None:
    person, shot, donor = donors(world, "upper colour")[2]
    groups = ("upper colour", "lower colour", "hat")
    members = torch.tensor(list(product((False, True), repeat=3)))
    images = coalitions(person, shot, donor, members, groups)
    assert images.shape == (8, 3, 128, 64)
    for row, image in zip(members.tolist(), images, strict=True):
        chosen = [group for group, taken in zip(groups, row, strict=True) if taken]
        assert torch.equal(image, counterfactual(person, shot, donor, chosen).images[0])
    with pytest.raises(ValueError, match="members must be bool"):
        coalitions(person, shot, donor, members[:, :2], groups)


def test_the_effect_region_grows_by_the_dilation(world: World) -> None:
    person, shot, donor = donors(world, "hat")[0]
    factual, edited = render([person], [shot]), counterfactual(person, shot, donor, ["hat"])
    region, grown = effect_region(factual, edited), effect_region(factual, edited, dilation=2)
    assert (grown >= region).all()
    assert (region <= changed_pixels(factual, edited)).all()
    row, column = region[0].nonzero()[0].tolist()
    assert grown[0, max(0, row - 2) : row + 3, max(0, column - 2) : column + 3].all()


def test_every_value_of_every_group_can_be_set_on_one_person(someone, clear_shot: Shot) -> None:
    person = someone(6, age="teenager")
    for group in GROUPS:
        for value in values_of(group):
            assert edit(person, {group: value}).value(group) == value
