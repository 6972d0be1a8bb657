from __future__ import annotations

import pandas as pd
import pytest

from whyreid.data import AttributeSchema, unknown_groups
from whyreid.data.attributes import DUKEMTMCREID_NAMES, MARKET1501_NAMES, standard_group, standard_meaning


def test_default_schema_is_market1501_with_thirty_attributes_in_fifteen_minus_two_groups():
    schema = AttributeSchema()
    # 13 names that are not colours: 4 ages in one group and 9 alone; 9 lower and 8 upper colours in one group each.
    assert len(schema.names) == 30
    assert len(schema.groups) == 1 + 9 + 2
    assert len(schema.groups["lower colour"]) == 9
    assert len(schema.groups["upper colour"]) == 8


def test_market1501_and_dukemtmcreid_share_eighteen_names():
    assert len(DUKEMTMCREID_NAMES) == 23
    assert len(set(MARKET1501_NAMES) & set(DUKEMTMCREID_NAMES)) == 18


@pytest.mark.parametrize(
    ("name", "zero", "one"),
    [
        ("up", "long sleeve", "short sleeve"),
        ("top", "short upper-body clothing", "long upper-body clothing"),  # Duke's runs the other way
        ("clothes", "dress", "pants"),
        ("gender", "male", "female"),
        ("hair", "short hair", "long hair"),
        ("downyellow", "lower body not yellow", "lower body yellow"),
        ("umbrella", "no", "yes"),
        ("upstairs", "no", "yes"),  # begins like a colour and is none
    ],
)
def test_meanings_are_the_published_ones(name, zero, one):
    assert standard_meaning(name) == (zero, one)
    assert AttributeSchema.from_names([name]).describe(name, 0) == zero
    assert AttributeSchema.from_names([name]).describe(name, 1) == one


def test_unpublished_names_form_their_own_groups():
    assert standard_group("umbrella") == "umbrella"
    assert AttributeSchema.from_names(["umbrella", "downred", "downblue"]).groups == {
        "umbrella": ("umbrella",),
        "lower colour": ("downred", "downblue"),
    }


def test_schema_survives_its_dictionary_form():
    schema = AttributeSchema(("a", "b"), {"both": ("a", "b")}, {"a": ("not a", "a"), "b": ("not b", "b")})
    assert AttributeSchema.from_dict(schema.to_dict()) == schema
    assert AttributeSchema.from_dict(AttributeSchema().to_dict()) == AttributeSchema()


def test_dictionary_form_may_leave_out_what_is_published():
    assert AttributeSchema.from_dict({"hat": None, "upred": {"one": "red shirt"}}) == AttributeSchema(
        ("hat", "upred"),
        {"hat": ("hat",), "upper colour": ("upred",)},
        {"hat": ("no hat", "hat"), "upred": ("upper body not red", "red shirt")},
    )


def test_index_is_the_column_of_the_attribute():
    schema = AttributeSchema()
    assert [schema.index(name) for name in schema.names] == list(range(30))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((("a", "a"), {"a": ("a",)}, {"a": ("", "")}), r"unique, got \['a'\]"),
        ((("a", "b"), {"a": ("a",)}, {"a": ("", ""), "b": ("", "")}), r"exactly once, got a mismatch for \['b'\]"),
        ((("a",), {"a": ("a",), "b": ("a",)}, {"a": ("", "")}), r"exactly once, got a mismatch for \['a'\]"),
        ((("a",), {"a": ("a",)}, {}), r"meanings must name every attribute, got a mismatch for \['a'\]"),
    ],
)
def test_contradictory_schemas_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        AttributeSchema(*arguments)


def test_misspelt_attribute_is_refused_with_the_names_that_exist():
    with pytest.raises(ValueError, match=r"one of \['hat'\], got 'hut'"):
        AttributeSchema.from_names(["hat"]).group_of("hut")


def test_misspelt_key_of_a_declared_attribute_is_refused():
    with pytest.raises(ValueError, match=r"'hat' must be given as \{group, zero, one\}"):
        AttributeSchema.from_dict({"hat": {"meaning": "hat"}})


def test_group_without_a_value_is_unknown_and_missing_values_do_not_hide_a_known_one():
    people = pd.DataFrame(
        {
            "hat": pd.array([0, 0, 0, 0], dtype="Int8"),  # alone in its group: 0 is a value, never unknown
            "upred": pd.array([1, 0, None, None], dtype="Int8"),
            "upblue": pd.array([0, 0, 1, 0], dtype="Int8"),
        },
        index=[3, 5, 7, 9],
    )
    unknown = unknown_groups(people)
    assert unknown.columns.tolist() == ["upper colour"]
    assert unknown["upper colour"].to_dict() == {3: False, 5: True, 7: False, 9: True}


def test_unknown_groups_ignores_the_split_column_of_an_annotation_file():
    people = pd.DataFrame({"upred": [0], "upblue": [0], "split": ["train"]}, index=[1])
    assert unknown_groups(people)["upper colour"].tolist() == [True]
