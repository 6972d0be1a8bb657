"""Figures of local matching: lines between matched locations, what each location adds, and what the matches show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from torch import Tensor

from whyreid.data.loading import read_image
from whyreid.explain.correspondences import CorrespondenceLines
from whyreid.plots.pictures import show_picture
from whyreid.plots.style import DIVERGING_MAP, MATCH_COLOUR, NON_MATCH_COLOUR, QUERY_COLOUR

_RIGHT, _WRONG, _UNKNOWN = "#0072B2", "#E69F00", "#3B4252"
_HEIGHT, _WIDTH, _GAP = 128.0, 64.0, 44.0
_MARKERS = "o^sDvPX"


@dataclass(frozen=True)
class PairPictures:
    """Two pictures that were matched.

    Attributes:
        query: path of the query.
        gallery: path of the gallery picture.
        match: whether they show one person.
        logit: higher = more likely the same person.
    """

    query: Path
    gallery: Path
    match: bool
    logit: float


def correspondence_figure(
    pairs: Sequence[PairPictures], lines: CorrespondenceLines, *, right: Tensor | None = None, columns: int = 3
) -> Figure:
    """Pairs of pictures with lines between the locations that were matched, those that add most to the logit.

    A line is the thicker, the more it adds; the thickest of the figure is the greatest contribution of all pairs.
    Matches have solid green frames, non-matches dashed vermilion ones.

    Args:
        pairs: drawn row by row.
        lines: of the same pairs, from `whyreid.explain.strongest_lines`, of the query's side.
        right: [P, k] bool, whether both ends show the same body part (solid blue, else dashed amber); None = unknown.
        columns: pairs in a row.

    Raises:
        ValueError: no pairs, or lines of other pairs.
    """
    if not pairs or len(pairs) != len(lines.start):
        raise ValueError(f"lines must be of the {len(pairs)} pairs (at least one), got {len(lines.start)}.")
    rows = -(-len(pairs) // columns)
    figure, grid = plt.subplots(
        rows, columns, figsize=(2.5 * columns, 2.15 * rows + 0.4), squeeze=False, layout="constrained"
    )
    for axes in grid.flat[len(pairs) :]:
        axes.axis("off")
    most = max(float(lines.contribution.max()), 1e-9)
    for number, (axes, pair) in enumerate(zip(grid.flat, pairs, strict=False)):
        _show_pair(axes, pair)
        ends = lines.start[number].tolist(), lines.end[number].tolist(), lines.contribution[number].tolist()
        known = [None] * len(ends[0]) if right is None else right[number].tolist()
        for start, end, contribution, same in zip(*ends, known, strict=True):
            _draw_line(axes, start, end, max(contribution, 0.0) / most, same)
    if right is not None:
        figure.legend(handles=_line_legend(), loc="outside lower center", ncols=2, fontsize=9)
    return figure


def contribution_maps_figure(pairs: Sequence[PairPictures], query_maps: Tensor, gallery_maps: Tensor) -> Figure:
    """One row for each pair: the query, what its locations add, the same of the gallery picture, and that picture.

    All maps share one scale, symmetric about their common mean: blue is below it, red above.

    Args:
        pairs: P of them.
        query_maps: [P, h, w] contributions to the logit.
        gallery_maps: [P, h, w].

    Raises:
        ValueError: no pairs.
    """
    if not pairs:
        raise ValueError("pairs must hold at least one pair, got none; check the rule that chose them.")
    both = np.stack([query_maps.numpy(), gallery_maps.numpy()])
    middle = float(both.mean())
    limit = float(np.abs(both - middle).max()) or 1.0
    figure, grid = plt.subplots(
        len(pairs), 4, figsize=(4.6, 1.5 * len(pairs) + 0.35), squeeze=False, layout="constrained"
    )
    for row, pair, query_map, gallery_map in zip(grid, pairs, both[0], both[1], strict=True):
        colour = MATCH_COLOUR if pair.match else NON_MATCH_COLOUR
        show_picture(row[0], pair.query, colour=QUERY_COLOUR)
        show_picture(row[3], pair.gallery, colour=colour, dashed=not pair.match)
        for axes, values in ((row[1], query_map), (row[2], gallery_map)):
            axes.imshow(values, cmap=DIVERGING_MAP, vmin=middle - limit, vmax=middle + limit, aspect="equal")
            axes.set(xticks=[], yticks=[])
            axes.grid(False)
        row[0].set_ylabel(f"logit {pair.logit:.1f}", fontsize=9)
    for axes, title in zip(grid[0], ("query", "adds", "adds", "gallery"), strict=True):
        axes.set_title(title, fontsize=9)
    scale = plt.cm.ScalarMappable(Normalize(middle - limit, middle + limit), DIVERGING_MAP)
    bar = figure.colorbar(scale, ax=grid, fraction=0.03, aspect=30)
    bar.set_label("contribution (units of the logit)", fontsize=9)
    bar.ax.tick_params(labelsize=8)
    return figure


def part_agreement_figure(
    rows: pd.DataFrame, methods: Sequence[str], controls: Sequence[str], views: Sequence[str]
) -> Figure:
    """Share of the person's locations whose match shows the same body part, by how far the view has turned.

    One panel a pair of towns; lines are matchers, grey broken lines controls. Bars are standard deviations over seeds.

    Args:
        rows: columns towns, method, view, agreement (0..1), one row a seed.
        methods: drawn as lines with marks.
        controls: drawn in grey.
        views: from left to right.

    Raises:
        ValueError: no rows.
    """
    if rows.empty:
        raise ValueError("rows must hold at least one measurement, got none.")
    towns = list(dict.fromkeys(rows["towns"]))
    figure, grid = plt.subplots(
        1, len(towns), figsize=(0.9 + 3.3 * len(towns), 4.6), sharey=True, squeeze=False, layout="constrained"
    )
    places = np.arange(len(views))
    for axes, name in zip(grid[0], towns, strict=True):
        part = rows[rows["towns"] == name]
        for style, control in zip(("dotted", "dashed", "dashdot", (0, (8, 3))), controls, strict=False):
            mean = _by_view(part, control, views)["mean"]
            axes.plot(places, mean, linestyle=style, color="0.45", linewidth=1.6, label=control)
        for number, (marker, method) in enumerate(zip(_MARKERS, methods, strict=False)):
            found = _by_view(part, method, views)
            axes.errorbar(
                places + 0.04 * (number - (len(methods) - 1) / 2), found["mean"], yerr=found["std"].fillna(0),
                marker=marker, markersize=5, capsize=2, label=method,
            )  # fmt: skip
        axes.set_title(name, fontsize=11)
        axes.set_xticks(places, views, fontsize=9.5)
        axes.set(ylim=(0, 102), xlim=(-0.3, len(views) - 0.7))
    grid[0, 0].set_ylabel("same body part (% of the person's locations)")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=8.5)
    return figure


def evidence_figure(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Where matches and non-matches are told apart: each part's share of the gap, beside its share of the area.

    Args:
        tables: title of a panel -> index part, columns "share of the gap", "sd" and "share of the area" (0..1).

    Raises:
        ValueError: no table.
    """
    if not tables:
        raise ValueError("tables must hold at least one, got none.")
    figure, grid = plt.subplots(
        1, len(tables), figsize=(1.2 + 3.1 * len(tables), 3.4), sharey=True, squeeze=False, layout="constrained"
    )
    for axes, (title, table) in zip(grid[0], tables.items(), strict=True):
        places = np.arange(len(table))
        axes.barh(
            places, 100 * table["share of the gap"], height=0.6, color=_RIGHT, alpha=0.85, capsize=2,
            xerr=None if table["sd"].isna().any() else 100 * table["sd"],
            label="of the gap between matches and non-matches",
        )  # fmt: skip
        axes.plot(100 * table["share of the area"], places, "D", color="black", markersize=5, label="of the area")
        axes.axvline(0, color="0.4", linewidth=1)
        axes.set_title(title, fontsize=11)
        axes.set_xlabel("share (%)")
        axes.grid(axis="y", visible=False)
    grid[0, 0].set_yticks(places, list(table.index))
    grid[0, 0].invert_yaxis()
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=9)
    return figure


def _show_pair(axes: Axes, pair: PairPictures) -> None:
    """Two pictures of one size beside each other, in a frame each."""
    colour, dash = (MATCH_COLOUR, "solid") if pair.match else (NON_MATCH_COLOUR, (0, (2, 1.2)))
    for left, path, frame, style in (
        (0.0, pair.query, QUERY_COLOUR, "solid"),
        (_WIDTH + _GAP, pair.gallery, colour, dash),
    ):
        axes.imshow(read_image(path), extent=(left, left + _WIDTH, _HEIGHT, 0), interpolation="nearest")
        axes.add_patch(
            Rectangle((left, 0), _WIDTH, _HEIGHT, fill=False, edgecolor=frame, linestyle=style, linewidth=2.5)
        )
    axes.set(xlim=(-3, 2 * _WIDTH + _GAP + 3), ylim=(_HEIGHT + 3, -3), xticks=[], yticks=[], aspect="equal")
    axes.axis("off")
    axes.set_title(f"{'match' if pair.match else 'non-match'}, logit {pair.logit:.1f}", fontsize=9, pad=3)


def _draw_line(axes: Axes, start: Sequence[float], end: Sequence[float], strength: float, same: bool | None) -> None:
    """One correspondence; (y, x) in fractions of the pictures."""
    colour = _UNKNOWN if same is None else _RIGHT if same else _WRONG
    x = start[1] * _WIDTH, _WIDTH + _GAP + end[1] * _WIDTH
    y = start[0] * _HEIGHT, end[0] * _HEIGHT
    dash = (0, (3, 1.2)) if same is False else "solid"
    axes.plot(x, y, color="white", linewidth=1.2 + 2.4 * strength, alpha=0.6)
    axes.plot(x, y, color=colour, linewidth=0.5 + 2.0 * strength, linestyle=dash)
    axes.plot(x, y, ".", color=colour, markersize=3)


def _line_legend() -> list[Line2D]:
    return [
        Line2D([], [], color=_RIGHT, linewidth=2, label="same body part"),
        Line2D([], [], color=_WRONG, linewidth=2, linestyle=(0, (3, 1.2)), label="another part, or no person"),
    ]


def _by_view(rows: pd.DataFrame, method: str, views: Sequence[str]) -> pd.DataFrame:
    """Mean and standard deviation over seeds in per cent, one row a view."""
    chosen = rows[rows["method"] == method]
    found: pd.DataFrame = 100 * chosen.groupby("view")["agreement"].agg(["mean", "std"]).reindex(list(views))
    return found
