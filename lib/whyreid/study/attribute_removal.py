"""The true effect of an attribute on the distances of a rank list: render the picture again without it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from whyreid.data import ReIDTable
from whyreid.models import TargetModel
from whyreid.study.rerendered import rerender


@dataclass(frozen=True, eq=False)
class RemovalEffects:
    """Pairs of the lists in which one of the two persons has the attribute, and what its removal does.

    Attributes:
        queries: [P] positions of the queries.
        ranks: [P] 0-based ranks.
        gallery: [P] positions of the gallery pictures.
        of_query: [P] bool, True where the query has the attribute, False where the gallery picture has it.
        before: [P] squared distance of the pair as it is.
        effect: [P] by how much it falls without the attribute; positive = the attribute kept the two apart.
    """

    queries: Tensor
    ranks: Tensor
    gallery: Tensor
    of_query: Tensor
    before: Tensor
    effect: Tensor

    def __len__(self) -> int:
        """Number of pairs."""
        return len(self.queries)


def removal_effects(
    target: TargetModel,
    query: ReIDTable,
    gallery: ReIDTable,
    vectors: tuple[Tensor, Tensor],
    ranking: Tensor,
    attribute: str,
    *,
    most: int = 60,
) -> RemovalEffects:
    """Take an attribute away from the one person of a pair that has it, and measure the distance again.

    Shot, light, noise and everything else of the picture stay; see `whyreid.pedestrians.counterfactual` for what
    an edit may touch. The pairs are the first in the order of queries and ranks; strangers (pid 0) are left out.

    Args:
        target: in evaluation mode.
        query: Promenade's queries, in the order of the ranking.
        gallery: its gallery, likewise.
        vectors: comparable embeddings of both, [Q, D] and [G, D].
        ranking: [Q, k] gallery positions, negative = no picture.
        attribute: a binary attribute that has a group of its own, such as "backpack" or "hat".
        most: pairs at most.

    Returns:
        See `RemovalEffects`; without pairs when the lists hold none.

    Raises:
        ValueError: the tables were not rendered, or the attribute cannot be taken away alone.
    """
    pairs = _differing_pairs(query, gallery, ranking, attribute)[:most]
    q, k = pairs.T
    g = ranking[q, k]
    of_query = _has(query, attribute)[q]
    asked, found = vectors
    before = (asked[q] - found[g]).square().sum(dim=1)
    if len(q) == 0:
        return RemovalEffects(q, k, g, of_query, before, before)
    asked_without, found_without = asked[q].clone(), found[g].clone()
    for side, rows, place, without in ((query, q, of_query, asked_without), (gallery, g, ~of_query, found_without)):
        if bool(place.any()):
            without[place] = rerender(target, side, rows[place].tolist(), {attribute: 0}).vectors
    after = (asked_without - found_without).square().sum(dim=1)
    return RemovalEffects(q, k, g, of_query, before, before - after)


def _differing_pairs(query: ReIDTable, gallery: ReIDTable, ranking: Tensor, attribute: str) -> Tensor:
    """[P, 2] query and rank of listed pairs whose persons differ in the attribute."""
    differs = _has(query, attribute)[:, None] != _has(gallery, attribute)[ranking]
    listed = (ranking >= 0) & (gallery.pids > 0)[ranking]
    return torch.nonzero(differs & listed)


def _has(table: ReIDTable, attribute: str) -> Tensor:
    """[N] bool."""
    if table.schema is None:
        raise ValueError(f"table {table.name!r} must have attributes, got none; only Promenade can be rendered again.")
    return table.attribute_tensor(missing=False)[:, table.schema.index(attribute)]
