"""What is annotated about a person: the names of the attributes, their groups, and what 0 and 1 mean.

Attributes belong to identities, not to pictures: one row of 0/1 per person. Colours are several 0/1 columns that
form one group. In the published annotations a person may have no colour at all set ("all no") or, in
DukeMTMC-reID, several: "all no" means that the colour is unknown or mixed, never that there is none. `unknown_groups`
says for whom that is so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

UPPER_COLOUR = "upper colour"
LOWER_COLOUR = "lower colour"
AGE = "age"

# Market-1501, 27 fields -> 30 binary attributes; spelling of the annotation file (Lin et al., Improving Person
# Re-identification by Attribute and Identity Learning, Pattern Recognition 2019).
MARKET1501_NAMES: tuple[str, ...] = (
    *("age1", "age2", "age3", "age4", "backpack", "bag", "handbag", "clothes", "down", "up", "hair", "hat", "gender"),
    *("downblack", "downblue", "downbrown", "downgray", "downgreen"),
    *("downpink", "downpurple", "downwhite", "downyellow"),
    *("upblack", "upblue", "upgreen", "upgray", "uppurple", "upred", "upwhite", "upyellow"),
)
# DukeMTMC-reID, 23 binary attributes. `top` is 1 for LONG upper-body clothing, Market's `up` is 1 for SHORT sleeves.
DUKEMTMCREID_NAMES: tuple[str, ...] = (
    *("backpack", "bag", "handbag", "boots", "shoes", "top", "gender", "hat"),
    *("downblack", "downblue", "downbrown", "downgray", "downgreen", "downred", "downwhite"),
    *("upblack", "upblue", "upbrown", "upgray", "upgreen", "uppurple", "upred", "upwhite"),
)

# name -> (meaning of 0, meaning of 1); colours and unknown names are derived in `standard_meaning`.
_MEANINGS: dict[str, tuple[str, str]] = {
    "age1": ("not young", "young"),
    "age2": ("not a teenager", "teenager"),
    "age3": ("not an adult", "adult"),
    "age4": ("not old", "old"),
    "backpack": ("no backpack", "backpack"),
    "bag": ("no bag", "bag"),
    "handbag": ("no handbag", "handbag"),
    "clothes": ("dress", "pants"),
    "down": ("long lower-body clothing", "short lower-body clothing"),
    "up": ("long sleeve", "short sleeve"),
    "top": ("short upper-body clothing", "long upper-body clothing"),
    "hair": ("short hair", "long hair"),
    "hat": ("no hat", "hat"),
    "gender": ("male", "female"),
    "boots": ("no boots", "boots"),
    "shoes": ("dark shoes", "light shoes"),
}
_COLOURED = frozenset(name for name in MARKET1501_NAMES + DUKEMTMCREID_NAMES if name not in _MEANINGS)
_BODY = {"up": ("upper body", UPPER_COLOUR), "down": ("lower body", LOWER_COLOUR)}


def _body_and_colour(name: str) -> tuple[str, str]:
    """`upred` -> (`up`, `red`)."""
    body = "down" if name.startswith("down") else "up"
    return body, name.removeprefix(body)


def standard_meaning(name: str) -> tuple[str, str]:
    """What 0 and 1 mean for a name of the published annotations; ("no", "yes") for any other name.

    Example:
        >>> standard_meaning("up"), standard_meaning("upred")
        (('long sleeve', 'short sleeve'), ('upper body not red', 'upper body red'))
    """
    if name in _COLOURED:
        body, colour = _body_and_colour(name)
        return f"{_BODY[body][0]} not {colour}", f"{_BODY[body][0]} {colour}"
    return _MEANINGS.get(name, ("no", "yes"))


def standard_group(name: str) -> str:
    """The group of a name of the published annotations; any other name is its own group.

    Example:
        >>> standard_group("downblue"), standard_group("age3"), standard_group("hat")
        ('lower colour', 'age', 'hat')
    """
    if name in _COLOURED:
        return _BODY[_body_and_colour(name)[0]][1]
    return AGE if name in {"age1", "age2", "age3", "age4"} else name


def _groups_of(names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Group the names, in order of first appearance."""
    groups: dict[str, tuple[str, ...]] = {}
    for name in names:
        groups[standard_group(name)] = (*groups.get(standard_group(name), ()), name)
    return groups


@dataclass(frozen=True)
class AttributeSchema:
    """Names, groups and meanings of binary identity-level attributes. The default is Market-1501's 30.

    Attributes:
        names: column order of every attribute matrix [.., A].
        groups: group -> its members; every name is in exactly one group. Members of one group exclude each other by
            intention (published colours do not always keep to it); an edit of a person changes a whole group.
        meanings: name -> (what 0 means, what 1 means).

    Example:
        >>> schema = AttributeSchema()
        >>> len(schema.names), schema.groups["age"], schema.meanings["clothes"]
        (30, ('age1', 'age2', 'age3', 'age4'), ('dress', 'pants'))
    """

    names: tuple[str, ...] = MARKET1501_NAMES
    groups: dict[str, tuple[str, ...]] = field(default_factory=lambda: _groups_of(MARKET1501_NAMES))
    meanings: dict[str, tuple[str, str]] = field(
        default_factory=lambda: {name: standard_meaning(name) for name in MARKET1501_NAMES}
    )

    def __post_init__(self) -> None:
        """Refuse a schema that contradicts itself."""
        repeated = sorted({name for name in self.names if self.names.count(name) > 1})
        if repeated:
            raise ValueError(f"attribute names must be unique, got {repeated} more than once; rename or drop them.")
        grouped = [name for members in self.groups.values() for name in members]
        if sorted(grouped) != sorted(self.names):
            odd = sorted(set(grouped) ^ set(self.names)) or sorted({n for n in grouped if grouped.count(n) > 1})
            raise ValueError(f"groups must hold every attribute exactly once, got a mismatch for {odd}; mend groups.")
        if set(self.meanings) != set(self.names):
            odd = sorted(set(self.meanings) ^ set(self.names))
            raise ValueError(f"meanings must name every attribute, got a mismatch for {odd}; give (zero, one) of each.")

    @classmethod
    def from_names(cls, names: Iterable[str]) -> AttributeSchema:
        """The schema of these names: published meaning and group where the name is published, else no/yes alone.

        Example:
            >>> AttributeSchema.from_names(["hat", "upred", "umbrella"]).groups
            {'hat': ('hat',), 'upper colour': ('upred',), 'umbrella': ('umbrella',)}
        """
        names = tuple(names)
        return cls(names, _groups_of(names), {name: standard_meaning(name) for name in names})

    def subset(self, names: Iterable[str]) -> AttributeSchema:
        """The schema of some of the attributes, in the order asked for, with the meanings and groups they have here.

        Raises:
            ValueError: a name that is not there, or twice; no name at all.

        Example:
            >>> AttributeSchema().subset(["hat", "upred"]).groups
            {'hat': ('hat',), 'upper colour': ('upred',)}
        """
        names = tuple(names)
        odd = sorted(set(names) - set(self.names))
        if odd or not names:
            raise ValueError(f"names must be some of {list(self.names)}, got {odd or list(names)}; correct the names.")
        groups: dict[str, tuple[str, ...]] = {}
        for name in names:
            groups[self.group_of(name)] = (*groups.get(self.group_of(name), ()), name)
        return AttributeSchema(names, groups, {name: self.meanings[name] for name in names})

    def group_of(self, name: str) -> str:
        """The group that holds the attribute."""
        for group, members in self.groups.items():
            if name in members:
                return group
        raise ValueError(f"attribute must be one of {list(self.names)}, got {name!r}; correct the name.")

    def index(self, name: str) -> int:
        """The column of the attribute in an attribute matrix [.., A]."""
        self.group_of(name)
        return self.names.index(name)

    def describe(self, name: str, value: bool | int) -> str:
        """The words for a value: `describe("up", 1)` is "short sleeve"."""
        self.group_of(name)
        return self.meanings[name][int(bool(value))]

    def to_dict(self) -> dict[str, dict[str, str]]:
        """As written in dataset.yaml: name -> {group, zero, one}, in column order."""
        return {
            name: {"group": self.group_of(name), "zero": self.meanings[name][0], "one": self.meanings[name][1]}
            for name in self.names
        }

    @classmethod
    def from_dict(cls, entries: Mapping[str, Any]) -> AttributeSchema:
        """The inverse of `to_dict`. A missing group, zero or one is filled from the published meaning of the name."""
        groups: dict[str, tuple[str, ...]] = {}
        meanings: dict[str, tuple[str, str]] = {}
        for name, given in entries.items():
            entry = {} if given is None else given
            if not isinstance(entry, Mapping) or set(entry) - {"group", "zero", "one"}:
                raise ValueError(f"attribute {name!r} must be given as {{group, zero, one}}, got {given!r}; mend it.")
            group = str(entry.get("group", standard_group(name)))
            groups[group] = (*groups.get(group, ()), name)
            zero, one = standard_meaning(name)
            meanings[name] = (str(entry.get("zero", zero)), str(entry.get("one", one)))
        return cls(tuple(entries), groups, meanings)


def unknown_groups(attributes: pd.DataFrame, schema: AttributeSchema | None = None) -> pd.DataFrame:
    """For whom a group with several members (colours, age) has no value: unknown or mixed, not "none".

    Args:
        attributes: one row per identity, columns = names of ``schema`` (others are ignored), 0/1/NA.
        schema: by default made from the columns.

    Returns:
        bool, same index, one column per group with at least two members: True where no member is 1.

    Example:
        >>> people = pd.DataFrame({"upred": [1, 0], "upblue": [0, 0]}, index=[7, 8])
        >>> unknown_groups(people)["upper colour"].tolist()
        [False, True]
    """
    schema = schema or AttributeSchema.from_names(name for name in attributes.columns if name != "split")
    unknown = {
        group: ~attributes[list(members)].eq(1).fillna(False).any(axis=1).astype(bool)
        for group, members in schema.groups.items()
        if len(members) > 1
    }
    return pd.DataFrame(unknown, index=attributes.index)
