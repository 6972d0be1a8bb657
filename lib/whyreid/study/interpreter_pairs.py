"""Which pair a chapter shows: the first query that the target gets wrong, chosen by rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from whyreid.data import ReIDTable
from whyreid.data.loading import ImageStore
from whyreid.models import TargetModel
from whyreid.retrieval import rank_embeddings


@dataclass(frozen=True)
class Mistake:
    """A query, the other person's picture that stands first, and the nearest picture of the right person.

    Attributes:
        query: position of the query.
        gallery: positions of the wrong and of the right picture.
        match_rank: rank of the right one, 1 = first.
    """

    query: int
    gallery: tuple[int, int]
    match_rank: int


def first_mistake(
    query_embeddings: Tensor,
    gallery_embeddings: Tensor,
    query: ReIDTable,
    gallery: ReIDTable,
    *,
    attributes: Sequence[str] | None = None,
    differing: int = 0,
) -> Mistake:
    """The first query, in table order, with another labelled person before its first match.

    The picture of the other person is the nearest one; distractors, of whom no label is known, are passed over. Where
    ``differing`` is given, the nearest other person must differ from the query in so many attributes. If no query
    meets this, it is the first one with another person before its first match, and if there is none, the first with a
    match.

    Args:
        query_embeddings: [Q, D], compared by Euclidean distance.
        gallery_embeddings: [G, D].
        query: whom the queries show.
        gallery: whom the gallery shows.
        attributes: those that count; None = all of the tables.
        differing: least number of attributes in which the two persons differ.

    Raises:
        ValueError: no query has a match and another person in its gallery.
    """
    people = (query.pids, gallery.pids, query.camids, gallery.camids)
    ranked = rank_embeddings(query_embeddings, gallery_embeddings, *people, top_k=len(gallery))
    listed = ranked.indices >= 0
    labelled = (gallery.pids > 0)[ranked.indices.clamp(min=0)]
    matches, others = ranked.is_match & listed, listed & labelled & ~ranked.is_match
    first_match, first_other = (_first(found) for found in (matches, others))
    both = torch.nonzero(matches.any(dim=1) & others.any(dim=1)).flatten()
    if len(both) == 0:
        raise ValueError(f"{query.name} must have a query with a match and another person in its gallery, got none.")
    wrong = both[first_other[both] < first_match[both]]
    nearest = ranked.indices.gather(1, first_other.clamp(max=len(gallery) - 1)[:, None])[:, 0]
    apart = wrong[_differences(query, gallery, wrong, nearest[wrong], attributes) >= differing] if differing else wrong
    row = int(next(rows[0] for rows in (apart, wrong, both) if len(rows)))
    match = int(first_match[row])
    return Mistake(row, (int(nearest[row]), int(ranked.indices[row, match])), match + 1)


def prepared_pairs(
    target: TargetModel, query: ReIDTable, gallery: ReIDTable, mistake: Mistake
) -> tuple[Tensor, Tensor]:
    """The query twice and both gallery pictures, [2, 3, H, W] each, as the target wants them."""
    size = target.image_input.size
    asked = ImageStore(query, size).fetch(torch.tensor([mistake.query] * 2))
    found = ImageStore(gallery, size).fetch(torch.tensor(mistake.gallery))
    return target.image_input.prepare(asked), target.image_input.prepare(found)


def _differences(
    query: ReIDTable, gallery: ReIDTable, rows: Tensor, columns: Tensor, attributes: Sequence[str] | None
) -> Tensor:
    """[n] in how many attributes the persons of each pair of pictures differ; unknown labels do not differ."""
    sides = []
    for part, chosen in ((query, rows), (gallery, columns)):
        table = part if attributes is None else part.select_attributes(attributes)
        sides.append((table.attribute_tensor(missing=False)[chosen], table.attribute_known()[chosen]))
    (asked, asked_known), (found, found_known) = sides
    return ((asked != found) & asked_known & found_known).sum(dim=1)


def _first(found: Tensor) -> Tensor:
    """[N] column of the first True of each row; one past the end without any."""
    columns = torch.arange(found.shape[1]).expand_as(found)
    return columns.where(found, found.shape[1]).amin(dim=1)
