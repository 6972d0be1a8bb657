"""A rank list with matching scores: which confident attributes of the query each picture shares."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from whyreid.plots.pictures import show_picture
from whyreid.plots.rank_lists import RankListRow
from whyreid.plots.style import MATCH_COLOUR, NON_MATCH_COLOUR, QUERY_COLOUR


def matching_scores_figure(
    row: RankListRow, scores: Tensor, names: Sequence[str], *, picture_width: float = 0.95
) -> Figure:
    """The query and its first ranks, under each picture the matching scores of some attributes in per cent.

    A match has a solid green frame, a non-match a dashed vermilion one. All bars share one axis, from 0 to 100 %, or
    further where a score of the printed form does.

    Args:
        row: the query and its ranked pictures.
        scores: [k, n] fractions, one row a rank, one column a name; NaN is left blank.
        names: what the n columns are, with "!" before an attribute that the query is predicted not to have.
        picture_width: inches.

    Raises:
        ValueError: scores do not fit the ranks and names, or there is nothing to draw.
    """
    values = 100 * scores.detach().cpu().double().numpy()
    if values.shape != (len(row.gallery), len(names)) or values.size == 0:
        raise ValueError(
            f"scores must be [{len(row.gallery)}, {len(names)}], one row a rank and one column a name, with at least "
            f"one of each, got {list(values.shape)}; a query without confident attributes has nothing to show."
        )
    figure, grid = plt.subplots(
        2, len(row.gallery) + 1, layout="constrained", squeeze=False,
        figsize=((len(row.gallery) + 1) * picture_width + 0.6, picture_width * 2.3 + 0.2 * len(names) + 0.5),
        height_ratios=(picture_width * 2.3, 0.2 * len(names) + 0.5),
    )  # fmt: skip
    show_picture(grid[0, 0], row.query, title=row.label or "query", colour=QUERY_COLOUR)
    grid[1, 0].axis("off")
    limit = max(100.0, float(np.nanmax(values, initial=0)))
    for rank, path in enumerate(row.gallery):
        match = bool(row.matches[rank])
        colour = MATCH_COLOUR if match else NON_MATCH_COLOUR
        title = f"{rank + 1}: {row.distances[rank]:.2f}"
        show_picture(grid[0, rank + 1], path, title=title, colour=colour, dashed=not match)
        _bars(grid[1, rank + 1], values[rank], colour, limit)
    grid[1, 1].set_yticks(range(len(names)), names, fontsize=8)
    figure.supxlabel("matching score (%)", fontsize=9)
    return figure


def _bars(axes: Axes, values: np.ndarray, colour: str, limit: float) -> None:
    axes.barh(range(len(values)), np.nan_to_num(values), color=colour, height=0.7)
    for place, value in enumerate(values):
        if np.isfinite(value):
            axes.text(limit * 0.04, place, f"{value:.0f}", va="center", fontsize=7, color="black")
    axes.set(xlim=(0, limit * 1.02), xticks=[0, 100], yticks=[], ylim=(len(values) - 0.4, -0.6))
    axes.set_xticklabels(["0", "100"], fontsize=7)
    axes.grid(False)
