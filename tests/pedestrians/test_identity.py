from __future__ import annotations

from dataclasses import fields

import pytest

from whyreid.pedestrians import GROUPS, Identity, differing_groups
from whyreid.pedestrians.identity import SCHEMA, copy_groups, group_fields, positive_value, value_field, values_of


def test_every_field_belongs_to_at_most_one_group_and_every_group_has_its_value() -> None:
    owners = {
        field.name: [group for group in GROUPS if field.name in group_fields(group)] for field in fields(Identity)
    }
    assert max(len(groups) for groups in owners.values()) == 1
    assert all(owners[value_field(group)] == [group] for group in GROUPS)
    kept = {name for name, groups in owners.items() if not groups}
    assert {"person", "seed", "height", "build", "skin", "shoes"} <= kept


def test_the_thirty_attributes_follow_from_the_groups(someone) -> None:
    values = {
        "up": "short sleeve", "down": "long lower-body clothing", "clothes": "dress", "hair": "long hair", "hat": "hat",
        "age": "teenager", "gender": "female", "upper_colour": "red", "lower_colour": "mixed",
        "backpack": values_of("backpack")[0], "bag": values_of("bag")[1], "handbag": values_of("handbag")[0],
    }  # fmt: skip
    person = someone(3, **values)
    ones = {name for name, value in person.attributes().items() if value}
    assert ones == {"age2", "up", "hair", "hat", "gender", "upred", "bag"}
    assert tuple(person.attributes()) == SCHEMA.names


def test_each_value_sets_exactly_its_attribute(someone) -> None:
    for group in GROUPS:
        for value in values_of(group):
            attributes = someone(1, **{group.replace(" ", "_"): value}).attributes()
            ones = [name for name in SCHEMA.groups[group] if attributes[name]]
            assert ones == [name for name in SCHEMA.groups[group] if positive_value(name) == value]


def test_a_person_survives_a_row_of_text(someone) -> None:
    person = someone(7)
    assert Identity.from_row({name: str(value) for name, value in person.to_row().items()}) == person


def test_copied_groups_bring_all_their_fields_and_nothing_else(someone) -> None:
    person, donor = someone(1, hat="no hat", hair="short hair"), someone(2, hat="hat", hair="long hair")
    mixed = copy_groups(person, donor, ["hat", "hair"])
    copied = {*group_fields("hat"), *group_fields("hair")}
    for field in fields(Identity):
        assert getattr(mixed, field.name) == getattr(donor if field.name in copied else person, field.name)
    assert set(differing_groups(person, mixed)) == {"hat", "hair"}


def test_an_unknown_group_is_refused_by_name(someone) -> None:
    with pytest.raises(ValueError, match="group must be one of"):
        someone(1).value("trousers")
