"""Rank lists drawn as pictures: the query, then what the model ranked first, right or wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from whyreid.data import ReIDTable
from whyreid.plots.pictures import show_picture
from whyreid.plots.style import MATCH_COLOUR, NON_MATCH_COLOUR, QUERY_COLOUR
from whyreid.retrieval import RankList


@dataclass(frozen=True)
class RankListRow:
    """One query and its ranked gallery.

    Attributes:
        query: path of the query picture.
        gallery: paths in ranked order, best first.
        matches: whether each gallery picture shows the query's person.
        distances: distance of each gallery picture to the query, lower = closer.
        label: what to write left of the row.
    """

    query: Path
    gallery: Sequence[Path]
    matches: Sequence[bool]
    distances: Sequence[float]
    label: str = ""

    def __post_init__(self) -> None:
        if not len(self.gallery) == len(self.matches) == len(self.distances):
            raise ValueError(
                "gallery, matches and distances must have one entry a rank, got "
                f"{len(self.gallery)}, {len(self.matches)} and {len(self.distances)}"
            )


def rank_list_figure(rows: Sequence[RankListRow], *, picture_width: float = 0.85) -> Figure:
    """Rank lists under each other: the query left, then ranks 1, 2, 3, ... with their distances.

    A match has a solid green frame, a non-match a dashed vermilion one; the number above a picture is its distance.

    Args:
        rows: the rank lists; they may differ in length.
        picture_width: inches.

    Raises:
        ValueError: no rows.
    """
    if not rows:
        raise ValueError("rows must hold at least one rank list, got none")
    ranks = max(len(row.gallery) for row in rows)
    figure, grid = plt.subplots(
        len(rows), ranks + 1, figsize=((ranks + 1) * picture_width + 0.7, len(rows) * picture_width * 2.35),
        squeeze=False, layout="constrained",
    )  # fmt: skip
    for axes_row, row in zip(grid, rows, strict=True):
        show_picture(axes_row[0], row.query, title="query", colour=QUERY_COLOUR)
        axes_row[0].set_ylabel(row.label, rotation=0, ha="right", va="center", fontsize=9)
        for axes in axes_row[1 + len(row.gallery) :]:
            axes.axis("off")
        for rank, (path, match, distance) in enumerate(
            zip(row.gallery, row.matches, row.distances, strict=True), start=1
        ):
            colour = MATCH_COLOUR if match else NON_MATCH_COLOUR
            show_picture(axes_row[rank], path, title=f"{rank}: {distance:.2f}", colour=colour, dashed=not match)
    return figure


def rank_list_rows(
    query: ReIDTable, gallery: ReIDTable, ranked: RankList, rows: Sequence[int], *, labels: Sequence[str] | None = None
) -> list[RankListRow]:
    """The pictures of some rank lists, ready for `rank_list_figure`.

    Args:
        query: the queries, in the order in which they were ranked.
        gallery: the gallery, likewise.
        ranked: from `rank_embeddings` or `rank_gallery`.
        rows: the queries to show, by position.
        labels: one a row; "id 7, camera 0" unless given.

    Returns:
        One entry a row; lists end where the gallery does.

    Raises:
        ValueError: tables and rank lists of different lengths.
    """
    if len(query) != len(ranked.indices) or int(ranked.indices.max()) >= len(gallery):
        raise ValueError(
            f"ranked must come from these tables ({len(query)} queries, {len(gallery)} gallery pictures), got "
            f"{len(ranked.indices)} lists with positions up to {int(ranked.indices.max())}"
        )
    asked, found = query.image_paths(), gallery.image_paths()
    result = []
    for number, row in enumerate(rows):
        kept = ranked.indices[row] >= 0
        result.append(
            RankListRow(
                query=asked[row],
                gallery=[found[position] for position in ranked.indices[row][kept].tolist()],
                matches=ranked.is_match[row][kept].tolist(),
                distances=ranked.distances[row][kept].tolist(),
                label=_name(query, row) if labels is None else labels[number],
            )
        )
    return result


def _name(query: ReIDTable, row: int) -> str:
    pid, camid = query.images[["pid", "camid"]].iloc[row]
    return f"id {pid}" if query.camids is None else f"id {pid}\ncamera {camid}"
