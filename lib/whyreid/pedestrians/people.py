"""Many persons as tensors: one entry per field of `Identity`, first axis = person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import torch
from torch import Tensor

from whyreid.pedestrians.identity import (
    BAG_STYLES,
    CUTS,
    HAIR_STYLES,
    HAT_STYLES,
    PATTERNS,
    SCHEMA,
    TOP_FORMS,
    Identity,
)

# Fields with words: the tensor holds the word's place in this list.
_CODES: dict[str, Sequence[str]] = {
    "top_form": TOP_FORMS,
    "hair_style": HAIR_STYLES,
    "hat_style": HAT_STYLES,
    "clothes_cut": CUTS,
    "bag_style": BAG_STYLES,
    "upper_colour_pattern": PATTERNS,
    "lower_colour_pattern": PATTERNS,
}
_YES = {name: SCHEMA.meanings[name][1] for name in ("hat", "backpack", "bag", "handbag")}


def linear_colour(colour: str) -> list[float]:
    """`#rrggbb` as linear light in 0..1; the renderer's gamma is 2, so that square and square root are exact."""
    return [(int(colour[i : i + 2], 16) / 255.0) ** 2 for i in (1, 3, 5)]


def stack_people(identities: Sequence[Identity], device: torch.device | str = "cpu") -> dict[str, Tensor]:
    """Persons as tensors.

    Returns:
        field -> [N] float32 for numbers and codes of styles, [N] int64 for `seed`, [N, 3] float32 linear light for
        colours, [N] bool for hat, backpack, bag and handbag.
    """
    people: dict[str, Tensor] = {}
    for field in fields(Identity):
        values = [getattr(identity, field.name) for identity in identities]
        if field.name == "seed":
            people["seed"] = torch.tensor(values, dtype=torch.int64)
        elif field.type in ("int", "float"):
            people[field.name] = torch.tensor(values, dtype=torch.float32)
        elif field.name in _CODES:
            codes = [_CODES[field.name].index(value) for value in values]
            people[field.name] = torch.tensor(codes, dtype=torch.float32)
        elif field.name in _YES:
            people[field.name] = torch.tensor([value == _YES[field.name] for value in values])
        elif values and values[0].startswith("#"):
            people[field.name] = torch.tensor([linear_colour(value) for value in values], dtype=torch.float32)
    people["build"] = people["build"] + people["age_girth"]
    people["young"] = torch.tensor([float(identity.age == "young") for identity in identities])
    return {name: value.to(device) for name, value in people.items()}
