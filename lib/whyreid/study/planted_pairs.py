"""The pairs on which targets with and without a planted fault are compared, and their re-renderings.

They are chosen without looking at any target, so that all targets are asked about the same pairs and each true effect
is measured on the same renderings.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from whyreid.data import ReIDTable
from whyreid.pedestrians import read_visible
from whyreid.study.artifacts import artifact
from whyreid.truth.counterfactual_effects import render_counterfactuals
from whyreid.truth.counterfactual_pairs import CounterfactualPairs, random_pairs

PLANTED = ("backpack", "upper colour")
"""The groups in which the two persons of every pair differ."""

MOST_PLAYERS = 5
"""Pairs that differ in more groups are left out: 2^5 renderings a picture are all coalitions, so effects are exact."""

_LOOKED_AT = 4000


def planted_pairs(table: ReIDTable, *, most: int = 48, seed: int = 0) -> CounterfactualPairs:
    """Random pairs of test persons who differ in both planted groups, with the backpack in view.

    A pair is kept when the two differ in three to five groups, backpack and upper colour among them, when the backpack
    is visible in its owner's picture, and when the query person has not come yet: each is asked about once.

    Args:
        table: Promenade with the splits query and gallery.
        most: pairs at most; there may be fewer, even none, in a small world.
        seed: of the draw.
    """
    pairs = random_pairs(table.select("query"), table.select("gallery"), _LOOKED_AT, seed=seed)
    fits = _backpack_in_view(pairs)
    kept: dict[int, int] = {}
    for number, ((person, _), players) in enumerate(zip(pairs.persons(), pairs.players(), strict=True)):
        if set(PLANTED) <= set(players) and len(players) <= MOST_PLAYERS and fits[number]:
            kept.setdefault(person.person, number)
    return pairs.take(torch.tensor(list(kept.values())[:most], dtype=torch.int64))


def _backpack_in_view(pairs: CounterfactualPairs) -> Tensor:
    """[P] bool: some pixel of either picture shows a backpack."""
    sides = (pairs.query, pairs.query_rows), (pairs.gallery, pairs.gallery_rows)
    counts = [torch.tensor(read_visible(table)["backpack"].to_numpy(copy=True))[rows] for table, rows in sides]
    return (counts[0] + counts[1]) > 0


def planted_renderings(table: ReIDTable, *, most: int = 48, seed: int = 0) -> Path:
    """An artifact: every coalition of `planted_pairs`, rendered once for all targets.

    Cost: about 2 500 pictures of 15 ms on one CPU thread, 60 MB.
    """

    def make(folder: Path) -> None:
        pairs = planted_pairs(table, most=most, seed=seed)
        render_counterfactuals(pairs, folder, most_exact=MOST_PLAYERS)

    inputs = {"table": table, "most": most, "seed": seed}
    code = ["whyreid.study.planted_pairs.planted_renderings", "whyreid.pedestrians.render_promenade"]
    return artifact("planted-renderings", inputs, make, code=code)
