"""Figures of the truth: what differences really do, who explains them, and what agreement with labels is worth."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MultipleLocator

from whyreid.truth.counterfactual_effects import CounterfactualEffects

EXPLAINER_COLOUR, CONTROL_COLOUR = "#0072B2", "#8A8A8A"
_SETTING = ["target", "trained on", "tested on"]
_SETTING_MARKERS = "osD^vPX"
_LIFTS = (0.0, *(sign * step * 0.05 for step in range(1, 6) for sign in (1, -1)))


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
        style = _marker(row)
        axes.plot([row["low"], row["high"]], [place, place], color=style["color"], linewidth=2)
        axes.plot(row["rank_correlation"], place, **style)
    axes.set_yticks(range(len(ordered)), [str(name) for name in ordered.index], fontsize=9)
    axes.axvline(0, color="0.4", linewidth=1)
    controls = table.loc[table["source"] == "control", "rank_correlation"]
    if controls.notna().any():
        axes.axvline(float(controls.max()), color=CONTROL_COLOUR, linestyle="dashed", linewidth=1.2)
    axes.set(xlabel="rank correlation with the true effects (1 = the same order, 0 = none)")
    figure.legend(handles=_legend(), loc="outside lower center", fontsize=8.5, ncols=2, frameon=False)
    return figure


def settings_figure(rows: pd.DataFrame) -> Figure:
    """The primary endpoint in every stored setting: small dots are training seeds, large ones their mean.

    Args:
        rows: stored rows of the claim: columns target, "trained on", "tested on", seed, explainer, source,
            oracle_mask, rank_correlation.
    """
    names = rows.groupby("explainer")["rank_correlation"].mean().sort_values().index.tolist()
    panels = sorted(rows.groupby(_SETTING), key=_home_first)
    figure, grid = plt.subplots(
        1, len(panels), figsize=(min(7.2, 3.2 + 1.6 * len(panels)), 0.27 * len(names) + 1.9), sharex=True, sharey=True,
        squeeze=False, layout="constrained",
    )  # fmt: skip
    for axes, (setting, part) in zip(grid[0], panels, strict=True):
        _setting_panel(axes, part, names)
        seeds = part["seed"].nunique()
        axes.set_title(f"{_setting_name(setting)}\n{seeds} {'seed' if seeds == 1 else 'seeds'}", fontsize=9)
        axes.set_xlabel("rank correlation", fontsize=9)
        axes.xaxis.set_major_locator(MultipleLocator(0.5))
        axes.tick_params(labelsize=8.5)
    grid[0, 0].set_yticks(range(len(names)), names, fontsize=9)
    figure.legend(handles=_legend(), loc="outside lower center", fontsize=8.5, ncols=2, frameon=False)
    return figure


def localisation_figure(rows: pd.DataFrame) -> Figure:
    """Where the maps of every explainer and control lie, in every stored setting: means and deviations over seeds.

    The dashed lines are what a map has that is the same everywhere.

    Args:
        rows: stored rows of the claim: columns target, "trained on", "tested on", seed, explainer, source,
            "energy over area", pointing, auc, "pointing of a flat map"; rows without them are left out.
    """
    rows = rows.dropna(subset=["energy over area"])
    names = rows.groupby("explainer")["energy over area"].mean().sort_values().index.tolist()
    flat = {"energy over area": 1.0, "pointing": float(rows["pointing of a flat map"].mean()), "auc": 0.5}
    settings = sorted(rows.groupby(_SETTING), key=_home_first)
    size = (7.2, (0.26 + 0.07 * len(settings)) * len(names) + 1.6)
    figure, grid = plt.subplots(1, 3, figsize=size, sharey=True, layout="constrained")
    for axes, (measure, value) in zip(grid, flat.items(), strict=True):
        for number, (_, part) in enumerate(settings):
            offset = 0.18 * ((len(settings) - 1) / 2 - number)  # the first setting on top
            _setting_spread(axes, part, names, measure, offset, _SETTING_MARKERS[number % len(_SETTING_MARKERS)])
        axes.axvline(value, color=CONTROL_COLOUR, linestyle="dashed", linewidth=1.2)
        axes.set_xlabel(measure, fontsize=9)
        axes.tick_params(labelsize=8.5)
    grid[0].set_yticks(range(len(names)), names, fontsize=9)
    figure.legend(handles=_setting_legend(settings), loc="outside lower center", fontsize=8.5, ncols=3, frameon=False)
    return figure


def label_agreement_figure(table: pd.DataFrame) -> Figure:
    """Agreement with labels against agreement with the truth, one point an explainer or control.

    Args:
        table: index explainer; columns label_agreement, rank_correlation, source, oracle_mask.
    """
    figure, axes = plt.subplots(figsize=(6.8, 4.8), layout="constrained")
    axes.axhline(0, color="0.4", linewidth=1)
    for _, row in table.iterrows():
        axes.plot(100 * row["label_agreement"], row["rank_correlation"], **_marker(row))
    axes.margins(x=0.22, y=0.12)
    axes.set(xlabel="agreement with labels (X-mAP over groups, %)", ylabel="rank correlation with the truth")
    _name_points(axes, table)
    figure.legend(handles=_legend()[:3], loc="outside lower center", fontsize=8.5, ncols=3, frameon=False)
    return figure


def _setting_panel(axes: Axes, part: pd.DataFrame, names: list[str]) -> None:
    for place, name in enumerate(names):
        mine = part[part["explainer"] == name]
        if not len(mine):
            continue
        style = _marker(mine.iloc[0])
        axes.plot(mine["rank_correlation"], [place] * len(mine), ".", color=style["color"], markersize=5, alpha=0.6)
        axes.plot(mine["rank_correlation"].mean(), place, **style)
    axes.axvline(0, color="0.4", linewidth=1)
    controls = part[part["source"] == "control"].groupby("explainer")["rank_correlation"].mean()
    if len(controls):
        axes.axvline(float(controls.max()), color=CONTROL_COLOUR, linestyle="dashed", linewidth=1.2)


def _setting_spread(axes: Axes, part: pd.DataFrame, names: list[str], measure: str, offset: float, marker: str) -> None:
    """Mean and deviation over seeds of one setting, one point a name."""
    for place, name in enumerate(names):
        values = part.loc[part["explainer"] == name, measure]
        if not len(values):
            continue
        told = (part.loc[part["explainer"] == name, "source"] == "explainer").any()
        axes.errorbar(
            values.mean(), place + offset, xerr=0.0 if len(values) < 2 else values.std(), fmt=marker, markersize=4.5,
            color=EXPLAINER_COLOUR if told else CONTROL_COLOUR, elinewidth=1.2,
        )  # fmt: skip


def _setting_legend(settings: list[tuple[Any, pd.DataFrame]]) -> list[Line2D]:
    handles = [
        Line2D([], [], label=_setting_name(setting), marker=_SETTING_MARKERS[number % len(_SETTING_MARKERS)],
               color="0.2", linestyle="none", markersize=5)
        for number, (setting, _) in enumerate(settings)
    ]  # fmt: skip
    return [*handles, Line2D([], [], label="flat map", color=CONTROL_COLOUR, linestyle="dashed")]


def _home_first(panel: tuple[Any, pd.DataFrame]) -> tuple[bool, Any]:
    """To sort settings: those tested in the town of their training come first."""
    (_, trained, tested), _ = panel
    return trained != tested, panel[0]


def _setting_name(setting: tuple[Hashable, ...]) -> str:
    """As "thin, A on B": target, trained on, tested on."""
    target, trained, tested = map(str, setting)
    return f"{target}, {_town(trained)} on {_town(tested)}"


def _town(dataset: str) -> str:
    """As "A": promenade-a."""
    return dataset.removeprefix("promenade-").upper() if dataset.startswith("promenade-") else dataset


def _marker(row: pd.Series) -> dict[str, Any]:
    """How an explainer or control is drawn."""
    told = row["source"] == "explainer"
    colour = EXPLAINER_COLOUR if told else CONTROL_COLOUR
    face = "white" if row["oracle_mask"] else colour
    return {"marker": "o" if told else "D", "color": colour, "markerfacecolor": face, "markersize": 6.5}


def _name_points(axes: Axes, table: pd.DataFrame) -> None:
    """Names in the free space around their points, those of a crowd one above the other with a thin line each."""
    points = np.column_stack([100 * table["label_agreement"], table["rank_correlation"]])
    extent = np.maximum(np.nanmax(points, axis=0) - np.nanmin(points, axis=0), 1e-9)
    scaled = (points - np.nanmin(points, axis=0)) / extent
    taken: list[tuple[float, float]] = []
    for place in np.argsort(-scaled[:, 1], kind="stable"):
        (a, b), name = scaled[place], str(table.index[place])
        options = [(side, lift) for lift in _LIFTS for side in (1, -1)]
        clash = [
            4 * _clashes(a + 0.13 * side, b + lift, taken)
            + 2 * _clashes(a + 0.13 * side, b + lift, scaled.tolist())
            + 8 * abs(lift)
            for side, lift in options
        ]
        side, lift = options[int(np.argmin(clash))]
        taken.append((a + 0.13 * side, b + lift))
        axes.annotate(
            name, points[place], xytext=(9 * side, 270 * lift), textcoords="offset points", fontsize=8.5,
            ha="left" if side > 0 else "right", va="center",
            arrowprops={"arrowstyle": "-", "color": "0.6", "linewidth": 0.7, "shrinkA": 0, "shrinkB": 4},
        )  # fmt: skip


def _clashes(a: float, b: float, others: list[tuple[float, float]]) -> int:
    """How many other points or names stand where a name at (a, b) of the unit square would."""
    return sum(abs(a - x) < 0.24 and abs(b - y) < 0.045 for x, y in others)


def _legend() -> list[Line2D]:
    styles = {
        "explainer": {"marker": "o", "color": EXPLAINER_COLOUR},
        "control": {"marker": "D", "color": CONTROL_COLOUR},
        "hollow: a map, read through true masks": {"marker": "o", "color": "0.2", "markerfacecolor": "white"},
        "best control": {"color": CONTROL_COLOUR, "linestyle": "dashed"},
    }  # fmt: skip
    return [Line2D([], [], label=label, **({"linestyle": "none"} | style)) for label, style in styles.items()]  # type: ignore[arg-type]
