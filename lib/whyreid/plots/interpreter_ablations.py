"""Variants of an interpreter side by side: what each scores, what the prior asks, and where the maps lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from torch import Tensor

from whyreid.explain import rank_correlation
from whyreid.losses.attribute_prior import share_bounds
from whyreid.plots.style import DIVERGING_MAP, SEQUENTIAL_MAP

_CONTROL_COLOUR = "#8C6D00"


def ablation_figure(
    statistics: pd.DataFrame,
    measures: Mapping[str, str],
    *,
    controls: pd.DataFrame | None = None,
    page: pd.DataFrame | None = None,
    page_label: str = "this page, one seed",
    reference: tuple[str, float] | None = None,
) -> Figure:
    """Mean and standard deviation of every variant, one row each; one panel a measure, the controls below a rule.

    Args:
        statistics: index variant, columns (measure, "mean") and (measure, "sd") in the unit of the label.
        measures: measure -> label of its axis.
        controls: the same for explanations that explain nothing; NaN = no mark in that panel.
        page: index variant or control, one column a measure: a single run, drawn as a hollow mark where it is known.
        page_label: what that run is.
        reference: name and value of a dotted line in all panels.

    Raises:
        ValueError: no variant or no measure.
    """
    if not len(statistics) or not measures:
        raise ValueError(f"there must be variants and measures, got {len(statistics)} and {len(measures)}.")
    shown = statistics if controls is None else pd.concat([statistics, controls])
    figure, grid = plt.subplots(
        1, len(measures), sharey=True, squeeze=False, layout="constrained",
        figsize=(2.2 + 1.9 * len(measures), 1.0 + 0.29 * len(shown)),
    )  # fmt: skip
    for axes, (measure, label) in zip(grid[0], measures.items(), strict=True):
        _draw_marks(axes, shown, measure, len(statistics))
        if page is not None and measure in page:
            single = page[measure].reindex(shown.index).to_numpy(dtype=float)
            axes.plot(single, np.arange(len(shown)), "D", markersize=8, mfc="none", mec="0.2", label=page_label)
        if reference is not None:
            axes.axvline(reference[1], color="0.3", linewidth=1.4, linestyle="dotted", label=reference[0], zorder=0)
        axes.set_xlabel(label, fontsize=9.5)
        axes.tick_params(labelsize=9)
        axes.margins(x=0.1)
    grid[0, 0].set_yticks(np.arange(len(shown)), list(shown.index), fontsize=9)
    grid[0, 0].set_ylim(len(shown) - 0.5, -0.5)
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
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3.3), layout="constrained")
    for threshold, name, colour in (("root", "√(N / A)", "C0"), ("ratio", "N / A", "C1")):
        bounds = share_bounds(count, num_attributes, threshold=threshold)  # type: ignore[arg-type]
        left.plot(count, 100 * bounds.together, color=colour, label=f"r = {name}")
        inner = slice(1, -1)
        least, most = f"least, exclusive, r = {name}", f"most, common, r = {name}"
        right.plot(count[inner], 100 * bounds.exclusive[inner], color=colour, label=least)
        right.plot(count[inner], 100 * bounds.common[inner], color=colour, linewidth=5, alpha=0.3, label=most)
    right.axhline(100 / num_attributes, color="0.3", linewidth=1.4, linestyle="dotted", label="1 / A, equal shares")
    left.set(xlabel=f"differing attributes N (of A = {num_attributes})", ylabel="all exclusive together (% of d)")
    right.set(xlabel=f"differing attributes N (of A = {num_attributes})", ylabel="each single one (% of d)")
    left.legend(fontsize=8.5)
    right.legend(fontsize=8.5)
    return figure


def share_bias_figure(frames: Mapping[str, pd.DataFrame], quantities: Mapping[str, tuple[str, str]]) -> Figure:
    """Mean share of each attribute against what it ought not to follow; one column a variant, one row a quantity.

    The title gives Spearman's rank correlation over attributes with its 95 % interval.

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
        figsize=(0.9 + 2.7 * len(frames), 0.5 + 2.7 * len(quantities)),
    )  # fmt: skip
    for row, (column, (label, share)) in zip(grid, quantities.items(), strict=True):
        for axes, (name, frame) in zip(row, frames.items(), strict=True):
            known = frame[[column, share]].dropna()
            axes.scatter(known[column], known[share], s=22, alpha=0.75)
            axes.axhline(1, color="0.4", linewidth=1, linestyle="dotted")
            _name_extremes(axes, known, column, share)
            found = rank_correlation(*(torch.tensor(known[name].to_numpy()) for name in (column, share)))
            axes.set_title(f"{name}: ρ = {found.rho:.2f} [{found.low:.2f}, {found.high:.2f}]", fontsize=9)
            axes.set_xlabel(label, fontsize=9)
            axes.tick_params(labelsize=8.5)
            axes.margins(x=0.12, y=0.16)
        row[0].set_ylabel(f"{share}\n(1 = equal shares)", fontsize=9)
    return figure


def mean_map_figure(rows: Mapping[str, Tensor], names: Sequence[str], *, regions: Tensor | None = None) -> Figure:
    """Mean maps of some attributes: one row a variant, one column an attribute; all maps have one scale.

    Args:
        rows: label -> [A, h, w], > 0, each map relative to its own mean: 1 is what a map without any place has.
        names: of the A attributes.
        regions: [A, h, w] in 0..1, where the attributes are; the first row, with a scale of its own.

    Raises:
        ValueError: no map, or names that do not fit.
    """
    if not rows or any(len(maps) != len(names) for maps in rows.values()) or not names:
        raise ValueError(f"rows must hold one map for each of {len(names)} names; choose the same attributes for all.")
    height = len(rows) + (regions is not None)
    figure, grid = plt.subplots(
        height, len(names), squeeze=False, layout="constrained", figsize=(1.5 + 0.62 * len(names), 0.7 + 1.15 * height)
    )
    if regions is not None:
        image = _draw_maps(grid[0], "region", regions, cmap=SEQUENTIAL_MAP, limits=(0.0, 1.0))
        figure.colorbar(image, ax=list(grid[0]), pad=0.01, aspect=9).ax.tick_params(labelsize=8)
    below = grid[height - len(rows) :]
    logarithms = {label: maps.clamp(min=2.0**-9).log2() for label, maps in rows.items()}
    spread = torch.cat([maps.flatten() for maps in logarithms.values()]).nan_to_num().abs().quantile(0.99)
    limit = float(spread.clamp(0.5, 2.0))
    for axes_row, (label, maps) in zip(below, logarithms.items(), strict=True):
        image = _draw_maps(axes_row, label, maps, cmap=DIVERGING_MAP, limits=(-limit, limit))
    bar = figure.colorbar(image, ax=list(below.flat), pad=0.01, aspect=9 * len(rows), extend="both")
    ticks = [-limit, -limit / 2, 0.0, limit / 2, limit]
    bar.set_ticks(ticks, labels=[f"{2**tick:.2g}" for tick in ticks], fontsize=8)
    bar.set_label("attention, 1 = the map's own mean", fontsize=8.5)
    for axes, name in zip(grid[0], names, strict=True):
        axes.set_title(name, fontsize=8.5, rotation=35, ha="left", va="bottom", x=0.2)
    return figure


def _draw_maps(
    panels: Sequence[Axes], label: str, maps: Tensor, *, cmap: str, limits: tuple[float, float]
) -> AxesImage:
    for axes, value in zip(panels, maps, strict=True):
        image = axes.imshow(value.cpu().numpy(), cmap=cmap, vmin=limits[0], vmax=limits[1], aspect="auto")
        axes.set(xticks=[], yticks=[])
        axes.grid(False)
    panels[0].set_ylabel(label, fontsize=9, rotation=0, ha="right", va="center")
    return image


def _draw_marks(axes: Axes, shown: pd.DataFrame, measure: str, variants: int) -> None:
    """Means with their deviations: the first ``variants`` rows as dots, the controls as squares below a rule."""
    mean, deviation = (shown[measure, part].to_numpy(dtype=float) for part in ("mean", "sd"))
    places = np.arange(len(shown))
    kinds = [(slice(0, variants), "o", "C0", "stored variants, mean ± sd")]
    if variants < len(shown):
        kinds.append((slice(variants, None), "s", _CONTROL_COLOUR, "stored controls, mean ± sd"))
        axes.axhline(variants - 0.5, color="0.4", linewidth=1)
    for rows, marker, colour, label in kinds:
        axes.errorbar(
            mean[rows], places[rows], xerr=np.nan_to_num(deviation[rows]), fmt=marker, color=colour, markersize=5.5,
            capsize=3, label=label,
        )  # fmt: skip


def _legend_of(panels: Sequence[Axes]) -> tuple[list[Artist], list[str]]:
    """Every label once, in the order of its first appearance."""
    found: dict[str, Artist] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    return list(found.values()), list(found)


def _name_extremes(axes: Axes, frame: pd.DataFrame, column: str, share: str) -> None:
    """The attributes with the largest and with the smallest share are named, above and below their dots."""
    if not len(frame):
        return
    order = frame.sort_values(share)
    middle = float(frame[column].min() + frame[column].max()) / 2
    for row, up in ((-1, True), (0, False)):
        name, x, y = order.index[row], float(order[column].iloc[row]), float(order[share].iloc[row])
        right = x > middle
        axes.annotate(
            str(name), (x, y), fontsize=8, xytext=(4 if right else -4, 6 if up else -6), textcoords="offset points",
            ha="right" if right else "left", va="bottom" if up else "top",
        )  # fmt: skip
