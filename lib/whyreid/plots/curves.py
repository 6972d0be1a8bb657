"""Curves: cumulative match characteristic, and the course of a training."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from whyreid.plots.style import MATCH_COLOUR, NON_MATCH_COLOUR, SEQUENTIAL_MAP
from whyreid.retrieval import RankingReport


def cmc_figure(reports: Mapping[str, RankingReport], *, max_rank: int = 20) -> Figure:
    """Share of queries with a match among the first k ranks, for several models.

    Args:
        reports: label -> ranking report; drawn in this order.
        max_rank: the largest k shown.
    """
    figure, axes = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
    for marker, (label, report) in zip("osD^vPX*", reports.items(), strict=False):
        cmc = report.cmc[:max_rank].cpu().numpy()
        ranks = np.arange(1, len(cmc) + 1)
        axes.plot(ranks, 100 * cmc, marker=marker, markersize=4, label=f"{label} (rank-1 {100 * cmc[0]:.1f} %)")
    axes.set(xlabel="rank k", ylabel="queries matched by rank k (%)", ylim=(0, 101), xlim=(0.5, max_rank + 0.5))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(loc="best")
    return figure


def training_figure(history: pd.DataFrame, *, columns: Mapping[str, str]) -> Figure:
    """Course of a training, one panel a quantity.

    Args:
        history: one row an epoch, with a column "epoch".
        columns: column of `history` -> label of its axis.
    """
    figure, grid = plt.subplots(1, len(columns), figsize=(4.2 * len(columns), 3.0), squeeze=False, layout="constrained")
    for axes, (column, label) in zip(grid[0], columns.items(), strict=True):
        sns.lineplot(data=history, x="epoch", y=column, ax=axes, marker="o", markersize=4)
        axes.set(xlabel="epoch", ylabel=label)
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def distance_histogram(match: np.ndarray, non_match: np.ndarray, *, unit: str) -> Figure:
    """Distances of matching and of other pairs, each as a density, on one axis.

    Args:
        match: [P] distances of pairs of one person, lower = closer.
        non_match: [N] distances of pairs of two persons.
        unit: label of the axis, such as "cosine distance".
    """
    figure, axes = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
    bins = np.histogram_bin_edges(np.concatenate([match, non_match]), bins=60).tolist()
    for values, colour, style, label in (
        (match, MATCH_COLOUR, "solid", "same person"),
        (non_match, NON_MATCH_COLOUR, "dashed", "another person"),
    ):
        axes.hist(
            values,
            bins=bins,
            density=True,
            histtype="step",
            color=colour,
            linestyle=style,
            linewidth=2,
            label=label,
        )
        axes.hist(values, bins=bins, density=True, histtype="stepfilled", color=colour, alpha=0.15)
    axes.set(xlabel=f"{unit} (lower = closer)", ylabel="density")
    axes.legend()
    return figure


def camera_pair_figure(mean_ap: Tensor) -> Figure:
    """The mAP in per cent for each camera of the query (row) and of the gallery (column).

    Args:
        mean_ap: [C, C] fractions; NaN is left blank.
    """
    cameras = len(mean_ap)
    figure, axes = plt.subplots(figsize=(0.75 * cameras + 2.2, 0.6 * cameras + 1.2), layout="constrained")
    values = 100 * mean_ap.cpu().numpy()
    sns.heatmap(
        values, ax=axes, annot=True, fmt=".0f", cmap=SEQUENTIAL_MAP, vmin=0, vmax=100, cbar_kws={"label": "mAP (%)"}
    )
    axes.set(xlabel="camera searched (camid)", ylabel="camera of the query")
    axes.grid(False)
    return figure
