"""Who a person is: every number that the renderer reads about a body and its clothes, in attribute groups.

An `Identity` is a flat record. A field that belongs to an attribute group carries the group's name as its own name or
as its prefix (`hair`, `hair_style`, `hair_colour`), so that an edit of a group is: copy these fields, and no others.
All other fields (height, skin, shoes, ...) belong to the person and are never edited.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any

from whyreid.data.attributes import AttributeSchema

SCHEMA = AttributeSchema()
GROUPS: tuple[str, ...] = tuple(SCHEMA.groups)
UPPER_COLOURS = ("black", "blue", "green", "gray", "purple", "red", "white", "yellow")
LOWER_COLOURS = ("black", "blue", "brown", "gray", "green", "pink", "purple", "white", "yellow")
AGES = ("young", "teenager", "adult", "old")
MIXED = "mixed"  # a colour group in which every attribute is 0

# Styles, in the order of their code in the renderer.
TOP_FORMS = ("tee", "shirt", "hoodie", "jacket")
HAIR_STYLES = ("crop", "full", "bob", "straight", "ponytail")
HAT_STYLES = ("cap", "beanie", "brim")
PATTERNS = ("plain", "stripes", "columns", "check", "blocks", "logo", "panel")
CUTS = ("slim", "regular", "wide", "skirt", "dress")
BAG_STYLES = ("cross", "tote")


@dataclass(frozen=True)
class Identity:
    """One person as the renderer knows it. Lengths in metres, colours as `#rrggbb` (sRGB), shares in 0..1.

    Attributes:
        person: the person's number; the pid of the table, except for distractors (pid 0 in the table).
        seed: of the folds of the clothes; no two persons share it, look-alikes included.
        gender_form: outline from masculine (−1) to feminine (+1); the two values of `gender` overlap in it.
        hair, hat, up, down, clothes, backpack, bag, handbag, gender: the attribute in the words of the schema.
        age, upper_colour, lower_colour: the group's value; a colour may be "mixed" (all attributes 0).
    """

    person: int
    seed: int
    height: float
    build: float
    skin: float
    shoes: str
    sole: str
    stride: float
    swing: float
    top_form: str
    top_loose: float
    top_hem: float
    inner: str
    age: str
    age_grey: float
    age_stoop: float
    age_girth: float
    backpack: str
    backpack_colour: str
    backpack_size: float
    bag: str
    bag_colour: str
    bag_style: str
    bag_side: int
    handbag: str
    handbag_colour: str
    handbag_size: float
    handbag_side: int
    clothes: str
    clothes_cut: str
    clothes_flare: float
    down: str
    down_length: float
    up: str
    up_length: float
    hair: str
    hair_style: str
    hair_colour: str
    hair_volume: float
    hat: str
    hat_style: str
    hat_colour: str
    gender: str
    gender_form: float
    lower_colour: str
    lower_colour_shade: str
    lower_colour_second: str
    lower_colour_pattern: str
    lower_colour_scale: float
    upper_colour: str
    upper_colour_shade: str
    upper_colour_second: str
    upper_colour_pattern: str
    upper_colour_scale: float

    def value(self, group: str) -> str:
        """The person's value in an attribute group, in the words of the schema ("short sleeve", "red", "teenager")."""
        return str(getattr(self, value_field(group)))

    def attributes(self) -> dict[str, int]:
        """The 30 binary attributes of the annotation, name -> 0 or 1, in the order of the schema."""
        return {name: int(self.value(SCHEMA.group_of(name)) == positive_value(name)) for name in SCHEMA.names}

    def to_row(self) -> dict[str, Any]:
        """As a row of identities.csv."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Identity:
        """The inverse of `to_row`; more columns are ignored."""
        kinds = {"int": int, "float": float, "str": str}
        return cls(**{field.name: kinds[str(field.type)](row[field.name]) for field in fields(cls)})


def value_field(group: str) -> str:
    """The field that holds a group's value."""
    if group not in GROUPS:
        raise ValueError(f"group must be one of {list(GROUPS)}, got {group!r}; correct the name.")
    return group.replace(" ", "_")


@cache
def group_fields(group: str) -> tuple[str, ...]:
    """The fields of `Identity` that belong to an attribute group: what an edit of the group may write.

    Example:
        >>> group_fields("hat")
        ('hat', 'hat_style', 'hat_colour')
    """
    name = value_field(group)
    return tuple(f.name for f in fields(Identity) if f.name == name or f.name.startswith(f"{name}_"))


@cache
def values_of(group: str) -> tuple[str, ...]:
    """Every value that a group can take, the most specific words first.

    Example:
        >>> values_of("up"), values_of("upper colour")[-2:]
        (('long sleeve', 'short sleeve'), ('yellow', 'mixed'))
    """
    value_field(group)
    listed = {"age": AGES, "upper colour": (*UPPER_COLOURS, MIXED), "lower colour": (*LOWER_COLOURS, MIXED)}
    return listed.get(group) or SCHEMA.meanings[group]


@cache
def positive_value(name: str) -> str:
    """The value of its group that makes a binary attribute 1: `upred` -> `red`, `up` -> `short sleeve`."""
    group = SCHEMA.group_of(name)
    if group == "age":
        return AGES[int(name[-1]) - 1]
    if group in ("upper colour", "lower colour"):
        return name.removeprefix("down").removeprefix("up")
    return SCHEMA.meanings[name][1]


def copy_groups(identity: Identity, donor: Identity, groups: Iterable[str]) -> Identity:
    """The person with these attribute groups taken from the donor: value, shade, texture and shape."""
    names = [name for group in groups for name in group_fields(group)]
    return replace(identity, **{name: getattr(donor, name) for name in names})


def differing_groups(first: Identity, second: Identity) -> tuple[str, ...]:
    """The groups whose values differ between two persons (shades and styles are not compared)."""
    return tuple(group for group in GROUPS if first.value(group) != second.value(group))
