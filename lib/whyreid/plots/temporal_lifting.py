"""Figures of temporal lifting: whom a query walked with and where they were seen next, and what its settings do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from whyreid.plots.pictures import show_picture
from whyreid.plots.style import MATCH_COLOUR, NON_MATCH_COLOUR, QUERY_COLOUR


@dataclass(frozen=True)
class PivotPicture:
    """One pivot: a companion at the query's camera, and the picture in which it is thought to be seen next.

    Attributes:
        companion: path of the companion's picture.
        picture: path of the gallery picture.
        elapsed: seconds from the query to the companion.
        time: seconds at the gallery camera, counted as the weights are.
        right: whether both pictures show one person.
    """

    companion: Path
    picture: Path
    elapsed: float
    time: float
    right: bool


def lifting_figure(
    query: Path, pivots: Sequence[PivotPicture], curve: tuple[np.ndarray, np.ndarray], matches: Sequence[float]
) -> Figure:
    """Why pictures of one camera are lifted: the pivots in pictures, and the weight that they give over time.

    Args:
        query: path of the query.
        pivots: most similar first.
        curve: (times in seconds, weight 0..1), each [n].
        matches: times of the pictures that show the query's person.

    Raises:
        ValueError: no pivots.
    """
    if not pivots:
        raise ValueError("pivots must hold at least one, got none; ask for a camera that has pictures.")
    columns = len(pivots) + 1
    figure = plt.figure(figsize=(0.85 * columns + 0.6, 6.2), layout="constrained")
    parts = figure.subfigures(2, 1, squeeze=False, height_ratios=(3.9, 2.3))
    above, below = parts[0, 0], parts[1, 0]
    grid = above.subplots(2, columns, squeeze=False)
    show_picture(grid[0, 0], query, title="query", colour=QUERY_COLOUR)
    grid[1, 0].axis("off")
    for axes, pivot in zip(grid[:, 1:].T, pivots, strict=True):
        colour = MATCH_COLOUR if pivot.right else NON_MATCH_COLOUR
        show_picture(axes[0], pivot.companion, title=f"{pivot.elapsed:+.0f} s", colour=QUERY_COLOUR)
        show_picture(axes[1], pivot.picture, title=f"at {pivot.time:.0f} s", colour=colour, dashed=not pivot.right)
    grid[0, 1].set_ylabel("companion", fontsize=9)
    grid[1, 1].set_ylabel("seen next?", fontsize=9)
    axes = below.subplots()
    axes.plot(*curve, color=QUERY_COLOUR, label="weight")
    for right, style, label in ((True, "solid", "pivot, right"), (False, "dashed", "pivot, wrong")):
        times = [pivot.time for pivot in pivots if pivot.right == right]
        colour = MATCH_COLOUR if right else NON_MATCH_COLOUR
        axes.vlines(times, 0, 0.12, color=colour, linestyle=style, linewidth=2, label=label)
    axes.plot(list(matches), [1.05] * len(matches), "v", color="black", markersize=8, label="the person sought")
    axes.set(xlabel="time at the gallery camera (s)", ylabel="weight", ylim=(0, 1.15))
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), fontsize=8, ncols=4)
    return figure


def sensitivity_figure(
    rows: pd.DataFrame, *, published: Mapping[str, float], line: str, measure: str = "mAP", plain: float | None = None
) -> Figure:
    """A ranking measure over each setting of temporal lifting, the others as published.

    Args:
        rows: columns setting, value, the measure (fractions), and the one named by ``line``; several rows a value are
            averaged, and their range is shaded.
        published: setting -> published value, marked by a dotted line.
        line: column that names a line, such as "towns".
        measure: column to draw.
        plain: the measure without lifting, drawn as a dashed line.
    """
    figure, grid = plt.subplots(2, 2, figsize=(7.4, 5.6), sharey=True, layout="constrained")
    units = {"tau": " (s)", "sigma": " (s)"}
    for axes, name in zip(grid.flat, published, strict=True):
        chosen = rows[rows["setting"] == name]
        values = sorted(chosen["value"].unique())
        places = {value: place for place, value in enumerate(values)}
        for marker, (label, part) in zip("osD^", chosen.groupby(line, sort=False), strict=False):
            found = 100 * part.groupby("value")[measure].agg(["mean", "min", "max"])
            axes.plot(found.index.map(places), found["mean"], marker=marker, markersize=5, label=str(label))
            axes.fill_between(found.index.map(places), found["min"], found["max"], alpha=0.15)
        axes.axvline(places[published[name]], color="black", linestyle="dotted")
        if plain is not None:
            axes.axhline(100 * plain, color="0.4", linestyle="dashed", label="not lifted")
        axes.set(xlabel=name + units.get(name, ""), xticks=range(len(values)), ylim=(0, 100))
        axes.set_xticklabels([f"{value:g}" for value in values])
    for axes in grid[:, 0]:
        axes.set_ylabel(f"{measure} (%)")
    lines, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(lines, labels, loc="outside upper center", ncols=len(labels), fontsize=9)
    return figure
