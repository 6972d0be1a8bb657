"""A rank list with attribute-related errors: what the distance to each picture is put down to."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from torch import Tensor

from whyreid.plots.pictures import show_picture
from whyreid.plots.rank_lists import RankListRow
from whyreid.plots.style import MATCH_COLOUR, NON_MATCH_COLOUR, QUERY_COLOUR

_OTHER, _UNEXPLAINED = "0.75", "0.92"


def error_composition_figure(
    row: RankListRow,
    composition: Tensor,
    names: Sequence[str],
    *,
    signed: Tensor | None = None,
    named: int = 6,
    picture_width: float = 0.95,
) -> Figure:
    """The query and its first ranks, under each picture the pie of its squared distance, and signed bars if given.

    Every pie is whole by construction; its slices say how the distance is handed out, not how large it is (that is the
    number above the picture). The attributes with the largest parts over all ranks keep one colour each.

    Args:
        row: the query and its ranked pictures.
        composition: [k, A+1] of `error_composition`, the last column unexplained.
        names: the A attributes.
        signed: [k, A] of `attribute_errors`; drawn for the named attributes on one axis that all ranks share.
        named: how many attributes get a colour; the others are one grey slice.
        picture_width: inches.

    Raises:
        ValueError: parts do not fit the ranks and names.
    """
    parts = composition.detach().cpu().double().numpy()
    _check(parts, len(row.gallery), len(names))
    chosen = np.argsort(-np.nansum(parts[:, :-1], axis=0), kind="stable")[:named]
    colours = sns.color_palette("colorblind", len(chosen))
    rows = 2 if signed is None else 3
    heights = [picture_width * 2.3, picture_width * 1.1, 0.2 * len(chosen) + 0.5][:rows]
    figure, grid = plt.subplots(
        rows, len(row.gallery) + 1, layout="constrained", squeeze=False,
        figsize=((len(row.gallery) + 1) * picture_width + 0.6, sum(heights) + 0.4), height_ratios=heights,
    )  # fmt: skip
    _pictures(grid[0], row)
    for axes, part in zip(grid[1, 1:], parts, strict=True):
        _pie(axes, part, chosen, colours)
    if signed is not None:
        _signed_bars(grid[2], signed.detach().cpu().double().numpy()[:, chosen], [names[a] for a in chosen], colours)
    for axes in grid[1:, 0]:
        axes.axis("off")
    _legend(figure, [names[a] for a in chosen], colours)
    return figure


def _pictures(axes_row: np.ndarray, row: RankListRow) -> None:
    show_picture(axes_row[0], row.query, title=row.label or "query", colour=QUERY_COLOUR)
    for rank, path in enumerate(row.gallery):
        match = bool(row.matches[rank])
        colour = MATCH_COLOUR if match else NON_MATCH_COLOUR
        title = f"{rank + 1}: {row.distances[rank]:.2f}"
        show_picture(axes_row[rank + 1], path, title=title, colour=colour, dashed=not match)


def _pie(axes: Axes, part: np.ndarray, chosen: np.ndarray, colours: Sequence[tuple[float, float, float]]) -> None:
    if not np.isfinite(part).all() or part.sum() == 0:
        axes.axis("off")
        return
    slices = [*part[chosen], part[:-1].sum() - part[chosen].sum(), part[-1]]
    axes.pie(
        np.clip(slices, 0, None), colors=[*colours, _OTHER, _UNEXPLAINED], startangle=90, counterclock=False,
        wedgeprops={"linewidth": 0.4, "edgecolor": "white"}, radius=1.2,
    )  # fmt: skip


def _signed_bars(
    axes_row: np.ndarray, values: np.ndarray, names: list[str], colours: Sequence[tuple[float, float, float]]
) -> None:
    limit = float(np.nanmax(np.abs(values), initial=0)) or 1.0
    for axes, value in zip(axes_row[1:], values, strict=True):
        axes.barh(range(len(names)), np.nan_to_num(value), color=colours, height=0.7)
        axes.axvline(0, color="0.3", linewidth=0.8)
        axes.set(xlim=(-1.05 * limit, 1.05 * limit), xticks=[0], yticks=[], ylim=(len(names) - 0.4, -0.6))
        axes.grid(False)
        axes.tick_params(labelsize=7)
    axes_row[1].set_yticks(range(len(names)), names, fontsize=8)
    middle = axes_row[1 + len(values) // 2]
    middle.set_xlabel(f"signed error (axis ±{limit:.2g}; right: apart)", fontsize=8)


def _legend(figure: Figure, names: list[str], colours: Sequence[tuple[float, float, float]]) -> None:
    labels = [*names, "other attributes", "unexplained"]
    fills: list[tuple[float, float, float] | str] = [*colours, _OTHER, _UNEXPLAINED]
    patches = [Patch(facecolor=fill, edgecolor="0.6", label=label) for label, fill in zip(labels, fills, strict=True)]
    figure.legend(handles=patches, loc="outside lower center", ncols=min(len(labels), 8), fontsize=8, frameon=False)


def _check(parts: np.ndarray, ranks: int, attributes: int) -> None:
    if parts.shape != (ranks, attributes + 1) or ranks == 0:
        raise ValueError(
            f"composition must be [{ranks}, {attributes + 1}] (ranks, attributes and the unexplained part) with at "
            f"least one rank, got {list(parts.shape)}; pass one query's rows of error_composition."
        )
