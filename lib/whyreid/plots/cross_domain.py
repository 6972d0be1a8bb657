"""What is left of each method in another town, and what re-ranking and temporal lifting add there."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from whyreid.plots.style import QUERY_COLOUR

_HOME = "at home, alone"
_STYLES: Mapping[str, tuple[str, str, float]] = {
    _HOME: ("s", "0.55", 0.0),
    "alone": ("o", "#0072B2", 0.0),
    "re-ranked": ("^", "#56B4E9", 0.17),
    "lifted": ("D", "#E69F00", 0.34),
    "re-ranked, then lifted": ("P", "#CC79A7", 0.51),
}
"""Label -> marker, colour, and how far below the method's line it stands."""


def cross_domain_figure(rows: pd.DataFrame, *, page: pd.DataFrame | None = None, measure: str = "mAP") -> Figure:
    """One panel for each data set that was learned, one line for each method: from home to the other town.

    The grey line from square to circle is the drop of the plain ranking; the marks below it are in the other town, too.
    Bars are standard deviations over seeds.

    Args:
        rows: columns method, trained on, tested on, away (bool), ranking, seed and the measure (fractions), as
            `whyreid.study.cross_domain_summary.named_rankings` returns them.
        page: the same of one more seed, drawn as crosses.
        measure: column to draw.

    Raises:
        ValueError: no rows.
    """
    if rows.empty:
        raise ValueError("rows must hold at least one measurement, got none; measure the claim first.")
    learned, methods = list(dict.fromkeys(rows["trained on"])), list(dict.fromkeys(rows["method"]))
    figure, grid = plt.subplots(
        1, len(learned), figsize=(1.5 + 2.9 * len(learned), 1.4 + 0.72 * len(methods)), sharey=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for axes, name in zip(grid[0], learned, strict=True):
        part = rows[rows["trained on"] == name]
        _draw(axes, part, methods, measure)
        if page is not None:
            _draw_page(axes, page[page["trained on"] == name], methods, measure)
        away = ", ".join(dict.fromkeys(part.loc[part["away"], "tested on"]))
        axes.set_title(f"trained on {name}\ntested there and on {away}", fontsize=10)
        axes.set(xlabel=f"{measure} (%)", xlim=(0, 100))
        axes.grid(axis="y", visible=False)
    grid[0, 0].set_yticks([place + 0.25 for place in range(len(methods))], methods)
    grid[0, 0].set_ylim(len(methods) - 0.25, -0.25)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=9)
    return figure


def _draw(axes: Axes, rows: pd.DataFrame, methods: list[str], measure: str) -> None:
    """Means and deviations of one panel."""
    means = {label: _statistics(rows, label, methods, measure) for label in _STYLES}
    places = np.arange(len(methods))
    for place, low, high in zip(places, means["alone"]["mean"], means[_HOME]["mean"], strict=True):
        axes.plot([low, high], [place, place], color="0.75", linewidth=2, zorder=0)
    for label, (marker, colour, below) in _STYLES.items():
        found = means[label]
        if found["mean"].notna().any():
            axes.errorbar(
                found["mean"], places + below, xerr=found["std"].fillna(0), fmt=marker, color=colour, markersize=6,
                capsize=2, linestyle="none", label=label if label == _HOME else f"other town, {label}",
            )  # fmt: skip


def _draw_page(axes: Axes, rows: pd.DataFrame, methods: list[str], measure: str) -> None:
    """One more seed, a cross on each mark."""
    points = [
        (value, place + below)
        for label, (_, _, below) in _STYLES.items()
        for place, value in enumerate(_statistics(rows, label, methods, measure)["mean"])
        if not np.isnan(value)
    ]
    if points:
        axes.plot(*np.array(points).T, "x", color=QUERY_COLOUR, markersize=5, linestyle="none", label="this page")


def _statistics(rows: pd.DataFrame, label: str, methods: list[str], measure: str) -> pd.DataFrame:
    """Mean and standard deviation of each method in per cent, NaN where there is none."""
    away, ranking = label != _HOME, "alone" if label == _HOME else label
    chosen = rows[(rows["away"] == away) & (rows["ranking"] == ranking)]
    statistics: pd.DataFrame = 100 * chosen.groupby("method")[measure].agg(["mean", "std"]).reindex(methods)
    return statistics
