"""Pairs of a query with its closest true match and with its closest impostor: what faithfulness is measured on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from whyreid.data import ReIDTable
from whyreid.data.loading import ImageStore
from whyreid.explain.attribute_error_explainer import comparable
from whyreid.models import TargetModel
from whyreid.models.target import ImageInput
from whyreid.retrieval import euclidean_distances
from whyreid.training import embed_images


@dataclass(frozen=True, eq=False)
class RetrievalPairs:
    """P pairs of a query and a gallery picture, of one kind.

    Attributes:
        query: the queries' table.
        gallery: the gallery's.
        query_rows: [P] int64, positions in ``query.images``.
        gallery_rows: [P] int64, positions in ``gallery.images``.
        rivals: [P, R] distance of each query to the gallery pictures of other persons, filled with infinity.
    """

    query: ReIDTable
    gallery: ReIDTable
    query_rows: Tensor
    gallery_rows: Tensor
    rivals: Tensor

    def __len__(self) -> int:
        """P, the number of pairs."""
        return len(self.query_rows)

    def pictures(self, image_input: ImageInput) -> tuple[Tensor, Tensor]:
        """The two pictures of each pair, normalised, [P, 3, H, W] each."""
        sides = ((self.query, self.query_rows), (self.gallery, self.gallery_rows))
        first, second = (image_input.prepare(ImageStore(t, image_input.size).fetch(rows)) for t, rows in sides)
        return first, second


def matches_and_impostors(
    target: TargetModel, table: ReIDTable, *, count: int, seed: int, device: str = "auto"
) -> tuple[RetrievalPairs, RetrievalPairs]:
    """Queries drawn at random, each with the true match and with the other person that the target finds closest.

    Distances are those of single pictures, without their mirror images, as explainers see them. Pictures of the
    query's person by the query's camera and junk (negative pid) are left out, as in every ranking.

    Args:
        target: any.
        table: any data set with the splits query and gallery; no attributes and no masks are needed.
        count: queries; fewer when fewer have a match.
        seed: of the draw.
        device: "auto", "cpu" or "cuda".

    Returns:
        The pairs with the closest true match, and those of the same queries with the closest impostor.

    Raises:
        ValueError: no query has both.
    """
    query, gallery = table.select("query"), table.select("gallery")
    distances = euclidean_distances(
        *(
            comparable(embed_images(target, part, device=device, flip=False), target.distance)
            for part in (query, gallery)
        )
    )
    match, other = _relations(query, gallery)
    usable = (match.any(dim=1) & other.any(dim=1)).nonzero()[:, 0]
    if not len(usable):
        raise ValueError(f"table {table.name!r} must have queries with a match and an impostor, got none.")
    order = torch.randperm(len(usable), generator=torch.Generator().manual_seed(seed))[:count]
    rows = usable[order].sort().values
    rivals = distances[rows].masked_fill(~other[rows], torch.inf)
    closest = (distances[rows].masked_fill(~match[rows], torch.inf).argmin(dim=1), rivals.argmin(dim=1))
    matches, impostors = (RetrievalPairs(query, gallery, rows, columns, rivals) for columns in closest)
    return matches, impostors


def _relations(query: ReIDTable, gallery: ReIDTable) -> tuple[Tensor, Tensor]:
    """[Q, G] bool each: valid true matches, and pictures of other persons (distractors too)."""
    same = query.pids[:, None] == gallery.pids
    known = (gallery.pids >= 0)[None]
    asked, found = query.camids, gallery.camids
    if asked is None or found is None:
        return same & known, ~same & known
    return same & (asked[:, None] != found) & known, ~same & known
