"""Variants of an interpreter side by side: what each scores, what the prior asks, and where the maps lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
import torch
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from whyreid.losses.attribute_prior import share_bounds
from whyreid.plots.style import SEQUENTIAL_MAP

_LINE_STYLES = ("dotted", "dashed", "dashdot", (0, (1, 3)), (0, (6, 3)))


def ablation_figure(
    statistics: pd.DataFrame,
    measures: Mapping[str, str],
    *,
    controls: pd.DataFrame | None = None,
    page: pd.DataFrame | None = None,
) -> Figure:
    """Mean and standard deviation of every variant, one row each; one panel a measure, the controls as lines.

    Args:
        statistics: index variant, columns (measure, "mean") and (measure, "sd") in the unit of the label.
        measures: measure -> label of its axis.
        controls: index name of a control, one column a measure; NaN = no line in that panel.
        page: index variant, one column a measure: a single run, drawn as a hollow mark where it is known.

    Raises:
        ValueError: no variant or no measure.
    """
    if not len(statistics) or not measures:
        raise ValueError(f"there must be variants and measures, got {len(statistics)} and {len(measures)}.")
    lines = pd.DataFrame() if controls is None else controls
    figure, grid = plt.subplots(
        1, len(measures), sharey=True, squeeze=False, layout="constrained",
        figsize=(1.7 + 1.8 * len(measures), 1.2 + 0.3 * len(statistics) + 0.12 * len(lines)),
    )  # fmt: skip
    places = np.arange(len(statistics))
    for axes, (measure, label) in zip(grid[0], measures.items(), strict=True):
        mean, deviation = (statistics[measure, part].to_numpy(dtype=float) for part in ("mean", "sd"))
        axes.errorbar(
            mean, places, xerr=np.nan_to_num(deviation), fmt="o", markersize=6, capsize=3, label="stored, mean ± sd"
        )
        if page is not None and measure in page:
            single = page[measure].reindex(statistics.index).to_numpy(dtype=float)
            axes.plot(single, places, "D", markersize=7, mfc="none", mec="0.2", label="this page, one seed")
        _control_lines(axes, lines, measure)
        axes.set_xlabel(label, fontsize=9.5)
        axes.tick_params(labelsize=9)
    grid[0, 0].set_yticks(places, list(statistics.index), fontsize=9.5)
    grid[0, 0].set_ylim(len(places) - 0.5, -0.5)
    handles, labels = _legend_of(list(grid[0]))
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=8.5)
    return figure


def share_bounds_figure(num_attributes: int) -> Figure:
    """What the prior asks of a pair, by the number of attributes N in which its two persons differ.

    Left the share of all exclusive attributes together, right the bound on each single one: an exclusive attribute must
    have at least so much, a common one at most; for the official code's root of N / A and for N / A itself.

    Args:
        num_attributes: A.
    """
    count = torch.arange(0, num_attributes + 1, dtype=torch.float64)
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.1), layout="constrained")
    for threshold, style in (("root", "solid"), ("ratio", "dashed")):
        bounds = share_bounds(count, num_attributes, threshold=threshold)  # type: ignore[arg-type]
        name = "√(N / A)" if threshold == "root" else "N / A"
        left.plot(count, 100 * bounds.together, linestyle=style, label=f"r = {name}")
        inner = slice(1, -1)
        right.plot(count[inner], 100 * bounds.exclusive[inner], linestyle=style, label=f"least, exclusive ({name})")
        right.plot(
            count[inner], 100 * bounds.common[inner], linestyle=style, linewidth=4, alpha=0.35,
            label=f"most, common ({name})",
        )  # fmt: skip
    right.axhline(100 / num_attributes, color="0.4", linewidth=1, linestyle="dotted", label="1 / A, equal shares")
    left.set(xlabel=f"differing attributes N (of A = {num_attributes})", ylabel="all exclusive together (% of d)")
    right.set(xlabel="differing attributes N", ylabel="each single one (% of d)")
    left.legend(fontsize=8.5)
    right.legend(fontsize=8)
    return figure


def share_bias_figure(frames: Mapping[str, pd.DataFrame], quantities: Mapping[str, tuple[str, str]]) -> Figure:
    """Mean share of each attribute against what it ought not to follow; one column a variant, one row a quantity.

    Args:
        frames: label of a variant -> index attribute, one column each quantity and share.
        quantities: column on the x axis -> (its label, column of the share on the y axis).

    Raises:
        ValueError: nothing to draw.
    """
    if not frames or not quantities:
        raise ValueError("frames and quantities must not be empty; give at least one variant and one quantity.")
    figure, grid = plt.subplots(
        len(quantities), len(frames), squeeze=False, sharex="row", sharey="row", layout="constrained",
        figsize=(0.9 + 3.0 * len(frames), 0.5 + 2.6 * len(quantities)),
    )  # fmt: skip
    for row, (column, (label, share)) in zip(grid, quantities.items(), strict=True):
        for axes, (name, frame) in zip(row, frames.items(), strict=True):
            known = frame[[column, share]].dropna()
            axes.scatter(known[column], known[share], s=22, alpha=0.75)
            axes.axhline(1, color="0.4", linewidth=1, linestyle="dotted")
            _name_extremes(axes, known, column, share)
            rho = float(known.corr(method="spearman").to_numpy()[0, 1]) if len(known) > 2 else float("nan")
            axes.set_title(name + f": ρ = {rho:.2f}", fontsize=10)
            axes.set_xlabel(label, fontsize=9)
            axes.tick_params(labelsize=8.5)
            axes.margins(0.12)
        row[0].set_ylabel(f"{share}\n(1 = equal shares)", fontsize=9)
    return figure


def mean_map_figure(rows: Mapping[str, Tensor], names: Sequence[str]) -> Figure:
    """Mean maps of some attributes: one row a variant, one column an attribute; each row has one scale.

    Args:
        rows: label -> [A, h, w], each map relative to its own mean, or the regions themselves.
        names: of the A attributes.

    Raises:
        ValueError: no map, or names that do not fit.
    """
    if not rows or any(len(maps) != len(names) for maps in rows.values()) or not names:
        raise ValueError(f"rows must hold one map for each of {len(names)} names; choose the same attributes for all.")
    figure, grid = plt.subplots(
        len(rows), len(names), squeeze=False, layout="constrained",
        figsize=(1.3 + 0.56 * len(names), 0.35 + 1.15 * len(rows)),
    )  # fmt: skip
    for axes_row, (label, maps) in zip(grid, rows.items(), strict=True):
        low, high = float(maps.min()), float(maps.max())
        for axes, value in zip(axes_row, maps, strict=True):
            image = axes.imshow(value.cpu().numpy(), cmap=SEQUENTIAL_MAP, vmin=low, vmax=high, aspect="auto")
            axes.set(xticks=[], yticks=[])
            axes.grid(False)
        axes_row[0].set_ylabel(label, fontsize=9, rotation=0, ha="right", va="center")
        figure.colorbar(image, ax=list(axes_row), pad=0.01, aspect=12).ax.tick_params(labelsize=8)
    for axes, name in zip(grid[0], names, strict=True):
        axes.set_title(name, fontsize=8.5)
    return figure


def _control_lines(axes: Axes, controls: pd.DataFrame, measure: str) -> None:
    if measure not in controls:
        return
    colours = sns.color_palette("colorblind")[1:]
    for number, (name, value) in enumerate(controls[measure].items()):
        if np.isfinite(value):
            axes.axvline(
                value, linestyle=_LINE_STYLES[number % len(_LINE_STYLES)], linewidth=1.6,
                color=colours[number % len(colours)], label=str(name), zorder=0,
            )  # fmt: skip


def _legend_of(panels: Sequence[Axes]) -> tuple[list[Artist], list[str]]:
    """Every label once, in the order of its first appearance."""
    found: dict[str, Artist] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    return list(found.values()), list(found)


def _name_extremes(axes: Axes, frame: pd.DataFrame, column: str, share: str) -> None:
    """The two attributes with the largest and the one with the smallest share are named."""
    order = frame.sort_values(share)
    for name in dict.fromkeys([*order.index[-2:], *order.index[:1]]):
        x, y = float(frame.loc[name, column]), float(frame.loc[name, share])
        right = x > float(frame[column].median())
        axes.annotate(
            str(name), (x, y), fontsize=8, xytext=(-4 if right else 4, 4), textcoords="offset points",
            ha="right" if right else "left",
        )  # fmt: skip
