"""Figures of maps and of what hiding their places does to the distance of a pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from torch import Tensor

from whyreid.plots.pictures import show_picture
from whyreid.plots.style import DIVERGING_MAP, MATCH_COLOUR, NON_MATCH_COLOUR
from whyreid.truth.faithfulness import FaithfulnessCurves
from whyreid.truth.regions import area_resize

PAIR_MARKS = {"match": ("o", MATCH_COLOUR), "impostor": ("D", NON_MATCH_COLOUR)}
_LINES = ("solid", "dashed", "dotted", "dashdot")
FILL_NAMES = {"mean": "hidden by grey", "blur": "hidden by blur"}


def pair_maps_figure(
    paths: Sequence[Path], maps: Mapping[str, tuple[Tensor, Tensor]], *, blocks: tuple[int, int] = (16, 8)
) -> Figure:
    """Query above gallery picture, and beside them the two maps of every method.

    The two maps of a method share one scale, symmetric about zero; methods have their own, because their units differ.

    Args:
        paths: of the query and of the gallery picture.
        maps: method -> map of the query and of the gallery picture, [1, h, w] each, signed.
        blocks: rows and columns of the means that are shown.
    """
    figure, axes = plt.subplots(
        2, 1 + len(maps), figsize=(0.78 * (1 + len(maps)) + 0.7, 3.5), squeeze=False, layout="constrained"
    )
    for row, path in enumerate(paths):
        show_picture(axes[row, 0], path, title=("query", "gallery")[row] if row == 0 else "")
    axes[0, 0].set_ylabel("query", fontsize=9)
    axes[1, 0].set_ylabel("gallery", fontsize=9)
    axes[0, 0].set_title("picture", fontsize=8, pad=3)
    for column, (name, sides) in enumerate(maps.items(), start=1):
        shown = [area_resize(side[0].double(), blocks) for side in sides]
        limit = max(float(side.abs().max()) for side in shown) or 1.0
        for row, values in enumerate(shown):
            _draw_map(axes[row, column], values, limit)
        axes[0, column].set_title("\n".join(name.split(" ", 1)), fontsize=8, pad=3)
    scale = plt.cm.ScalarMappable(Normalize(-1, 1), DIVERGING_MAP)
    bar = figure.colorbar(scale, ax=axes, fraction=0.02, aspect=30, ticks=[-1, 0, 1])
    bar.ax.set_yticklabels(["together", "0", "apart"], fontsize=8)
    return figure


def hiding_curves_figure(curves: Mapping[str, FaithfulnessCurves]) -> Figure:
    """Mean distance while more and more of the gallery picture is hidden, in both orders; one panel a method.

    Args:
        curves: method -> curves of the same pairs, with a distance as response.
    """
    figure, axes = plt.subplots(
        1, len(curves), figsize=(2.4 * len(curves) + 0.4, 3.0), sharey=True, squeeze=False, layout="constrained"
    )
    for panel, (name, found) in zip(axes[0], curves.items(), strict=True):
        shares = 100 * found.shares.numpy()
        together, apart = (side.mean(dim=0).numpy() for side in (found.together_first, found.apart_first))
        panel.plot(shares, together, color="#0072B2", label="what holds together first")
        panel.plot(shares, apart, color="#E69F00", linestyle="dashed", label="what sets apart first")
        panel.fill_between(shares, together, apart, color="0.85")
        panel.set_title(name, fontsize=10)
        panel.set(xlabel="hidden (% of the blocks)", xlim=(0, 100))
    axes[0, 0].set_ylabel("distance, mean over pairs")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=9, frameon=False)
    return figure


def randomisation_figure(rows: pd.DataFrame) -> Figure:
    """How alike maps stay while the target loses its stages from the top: signed, and where they are strong.

    Args:
        rows: one a method and stage, in the order of losing: explainer, randomised, spearman, absolute_spearman.
    """
    panels = {"spearman": "signed", "absolute_spearman": "where the map is strong"}
    stages = rows["randomised"].drop_duplicates().tolist()
    figure, axes = plt.subplots(1, 2, figsize=(7.0, 3.2), sharey=True, layout="constrained")
    for panel, (column, title) in zip(axes, panels.items(), strict=True):
        for (name, part), dashes in zip(rows.groupby("explainer", sort=False), _LINES * len(rows), strict=False):
            places = [stages.index(stage) for stage in part["randomised"]]
            panel.plot(places, part[column], marker="o", markersize=4, linestyle=dashes, label=name)
        panel.set_xticks(range(len(stages)), stages, fontsize=9)
        panel.axhline(0, color="0.4", linewidth=1)
        panel.set_title(title, fontsize=10)
        panel.set_xlabel("stages made random, down to", fontsize=10)
    axes[0].set_ylabel("rank correlation with\nthe trained target's map", fontsize=10)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize=9, frameon=False)
    return figure


def gain_figure(rows: pd.DataFrame) -> Figure:
    """Gain of every method, matches and impostors apart, one panel a fill.

    Args:
        rows: one a method, kind of pairs and fill: explainer, pairs, fill, gain, error; in the order to be drawn.
    """
    names = rows["explainer"].drop_duplicates().tolist()
    fills = [fill for fill in FILL_NAMES if (rows["fill"] == fill).any()]
    figure, axes = plt.subplots(
        1, len(fills), figsize=(7.0, 0.34 * len(names) + 1.5), sharey=True, sharex=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for panel, fill in zip(axes[0], fills, strict=True):
        for shift, (kind, (marker, colour)) in zip((-0.13, 0.13), PAIR_MARKS.items(), strict=True):
            part = rows[(rows["fill"] == fill) & (rows["pairs"] == kind)].set_index("explainer").loc[names]
            places = [place + shift for place in range(len(names))]
            panel.errorbar(
                100 * part["gain"], places, xerr=100 * part["error"], fmt=marker, color=colour, markersize=5.5,
                linewidth=1.5, label=kind,
            )  # fmt: skip
        panel.axvline(0, color="0.4", linewidth=1)
        panel.set_title(FILL_NAMES[fill], fontsize=10)
        panel.set_xlabel("gain (% of the distance)")
    axes[0, 0].set_yticks(range(len(names)), names, fontsize=9)
    axes[0, 0].invert_yaxis()
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=9, frameon=False)
    return figure


def _draw_map(axes: Axes, values: Tensor, limit: float) -> None:
    height, width = values.shape
    axes.imshow(values.cpu().numpy(), cmap=DIVERGING_MAP, vmin=-limit, vmax=limit, extent=(0, width, height, 0))
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
