"""Figures of the truth: what differences really do, who explains them, and what agreement with labels is worth."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from whyreid.truth.counterfactual_effects import CounterfactualEffects

EXPLAINER_COLOUR, CONTROL_COLOUR = "#0072B2", "#8A8A8A"


def true_effect_figure(effects: CounterfactualEffects) -> Figure:
    """The true effect of every group, one dot a pair, and what is left of the score, in per cent of the score.

    Args:
        effects: of P pairs.
    """
    figure, axes = plt.subplots(figsize=(6.8, 4.0), layout="constrained")
    shares = 100 * (effects.truth / effects.score[:, None]).numpy()
    sizes = np.nan_to_num(np.array([np.abs(column[~np.isnan(column)]).mean() if (~np.isnan(column)).any() else 0
                                    for column in shares.T]))  # fmt: skip
    order = [k for k in np.argsort(sizes) if (~np.isnan(shares[:, k])).any()]
    spread = np.random.default_rng(0)
    for place, k in enumerate(order):
        values = shares[~np.isnan(shares[:, k]), k]
        axes.scatter(values, place + spread.uniform(-0.22, 0.22, len(values)), s=9, alpha=0.5, color=EXPLAINER_COLOUR)
        axes.plot([values.mean()] * 2, [place - 0.35, place + 0.35], color="black", linewidth=2)
    names = [f"{effects.groups[k]} ({int((~np.isnan(shares[:, k])).sum())})" for k in order]
    axes.set_yticks(range(len(order)), names, fontsize=9)
    axes.axvline(0, color="0.4", linewidth=1)
    axes.set(xlabel="true effect on the distance (% of it; right: sets the pair apart)")
    return figure


def truth_figure(table: pd.DataFrame) -> Figure:
    """The primary endpoint of every explainer and control, with intervals; the summary of the chapter.

    Args:
        table: index explainer; columns rank_correlation, low, high, source, oracle_mask.
    """
    ordered = table.sort_values("rank_correlation", na_position="first")
    figure, axes = plt.subplots(figsize=(6.8, 0.3 * len(ordered) + 1.2), layout="constrained")
    for place, (_, row) in enumerate(ordered.iterrows()):
        colour = EXPLAINER_COLOUR if row["source"] == "explainer" else CONTROL_COLOUR
        face = "white" if row["oracle_mask"] else colour
        axes.plot([row["low"], row["high"]], [place, place], color=colour, linewidth=2)
        marker = "o" if row["source"] == "explainer" else "D"
        axes.plot(row["rank_correlation"], place, marker, color=colour, markerfacecolor=face, markersize=7)
    axes.set_yticks(range(len(ordered)), [str(name) for name in ordered.index], fontsize=9)
    axes.axvline(0, color="0.4", linewidth=1)
    controls = table.loc[table["source"] == "control", "rank_correlation"]
    if controls.notna().any():
        axes.axvline(float(controls.max()), color=CONTROL_COLOUR, linestyle="dashed", linewidth=1.2)
    axes.set(xlabel="rank correlation with the true effects (1 = the same order, 0 = none)")
    axes.legend(handles=_legend(), loc="upper left", bbox_to_anchor=(0, -0.12), fontsize=8.5, ncols=2, frameon=False)
    return figure


def label_agreement_figure(table: pd.DataFrame) -> Figure:
    """Agreement with labels against agreement with the truth, one point an explainer or control.

    Args:
        table: index explainer; columns label_agreement, rank_correlation, source, oracle_mask.
    """
    figure, axes = plt.subplots(figsize=(6.8, 4.6), layout="constrained")
    for _, row in table.iterrows():
        colour = EXPLAINER_COLOUR if row["source"] == "explainer" else CONTROL_COLOUR
        face = "white" if row["oracle_mask"] else colour
        marker = "o" if row["source"] == "explainer" else "D"
        axes.plot(100 * row["label_agreement"], row["rank_correlation"], marker, color=colour, markerfacecolor=face)
    _name_points(axes, table)
    axes.axhline(0, color="0.4", linewidth=1)
    axes.margins(x=0.16, y=0.12)
    axes.set(xlabel="agreement with labels (X-mAP over groups, %)", ylabel="rank correlation with the truth")
    return figure


def _name_points(axes: Axes, table: pd.DataFrame) -> None:
    """Names beside their points, each on the side and height where the least of the others stands."""
    points = np.column_stack([100 * table["label_agreement"], table["rank_correlation"]])
    extent = np.maximum(np.nanmax(points, axis=0) - np.nanmin(points, axis=0), 1e-9)
    scaled = (points - np.nanmin(points, axis=0)) / extent
    taken: list[tuple[float, float]] = []
    lifts = (0.0, 0.04, -0.04, 0.08, -0.08, 0.12, -0.12)
    for name, (x, y), (a, b) in zip(table.index, points, scaled, strict=True):
        options = [(side, lift) for lift in lifts for side in (1, -1)]
        places = [(a + 0.13 * side, b + lift) for side, lift in options]
        clash = [3 * _clashes(*place, taken) + _clashes(*place, scaled.tolist()) for place in places]
        side, lift = options[int(np.argmin(clash))]
        taken.append((a + 0.13 * side, b + lift))
        axes.annotate(
            str(name), (x, y), xytext=(7 * side, 230 * lift), textcoords="offset points",
            fontsize=8.5, ha="left" if side > 0 else "right", va="center",
        )  # fmt: skip


def _clashes(a: float, b: float, others: list[tuple[float, float]]) -> int:
    """How many other points or names stand where a name at (a, b) of the unit square would."""
    return sum(abs(a - x) < 0.24 and abs(b - y) < 0.038 for x, y in others)


def _legend() -> list[Line2D]:
    styles = {
        "explainer": {"marker": "o", "color": EXPLAINER_COLOUR},
        "explainer's map, read through true masks": {
            "marker": "o", "color": EXPLAINER_COLOUR, "markerfacecolor": "white"},
        "control": {"marker": "D", "color": CONTROL_COLOUR},
        "best control": {"color": CONTROL_COLOUR, "linestyle": "dashed"},
    }  # fmt: skip
    return [Line2D([], [], label=label, **({"linestyle": "none"} | style)) for label, style in styles.items()]  # type: ignore[arg-type]
