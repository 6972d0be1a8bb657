"""What explainers make of a planted fault, beside what the fault really does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from whyreid.plots.style import MATCH_COLOUR, NON_MATCH_COLOUR, QUERY_COLOUR

_CHANCE = "0.6"
_VERDICTS = {
    "revealed": (MATCH_COLOUR, True),
    "quiet": (MATCH_COLOUR, False),
    "missed": (NON_MATCH_COLOUR, False),
    "misled": (NON_MATCH_COLOUR, True),
    "false alarm": (NON_MATCH_COLOUR, True),
}
"""Colour, and whether the dot is full."""


def planted_fault_figure(found: pd.DataFrame, faults: Mapping[str, str], *, chance: str = "none") -> Figure:
    """One panel a fault: how the share of the planted quantity changes, for each explainer and seed.

    Green is right and vermilion wrong, full says that something changed and hollow that nothing did: a full green dot
    reveals a fault, a full vermilion one reports a change that is not there or goes the other way. The line through a
    dot is the 95 % interval, the dotted line the true change, from re-rendering, mean over seeds. Grey crosses are two
    sound targets.

    Args:
        found: one row an explainer, evidence, fault and seed: columns explainer, evidence, fault, seed, quantity,
            change, low, high, true change, verdict (`whyreid.study.planted_fault_claim.revelations`).
        faults: fault -> title of its panel, in order.
        chance: name of the fault that is none.

    Raises:
        ValueError: nothing was found for a fault.
    """
    missing = [fault for fault in faults if not (found["fault"] == fault).any()]
    if missing or not faults:
        raise ValueError(f"found must have rows of every fault, got none of {missing}; measure its units first.")
    names = list(dict.fromkeys(zip(found["explainer"], found["evidence"], strict=True)))
    figure, panels = plt.subplots(
        1, len(faults), figsize=(min(7.4, 2.8 + 2.4 * len(faults)), 0.42 * len(names) + 1.9), sharey=True,
        squeeze=False, layout="constrained",
    )  # fmt: skip
    for axes, (fault, title) in zip(panels[0], faults.items(), strict=True):
        _panel(axes, found, fault, chance, names)
        axes.set_title("\n".join(wrap(title, 22)), fontsize=9.5)
    panels[0, 0].set_yticks(range(len(names)), [_label(*name) for name in names], fontsize=9)
    panels[0, 0].invert_yaxis()
    figure.legend(handles=_legend(), loc="outside lower center", ncols=3, fontsize=9, frameon=False)
    return figure


def _panel(axes: Axes, found: pd.DataFrame, fault: str, chance: str, names: Sequence[tuple[str, str]]) -> None:
    own = found[found["fault"] == fault]
    quantity = own["quantity"].iloc[0]
    sound = found[(found["fault"] == chance) & (found["quantity"] == quantity)]
    for place, (explainer, evidence) in enumerate(names):
        for part, draw in ((sound, _draw_chance), (own, _draw_seed)):
            mine = part[(part["explainer"] == explainer) & (part["evidence"] == evidence)].sort_values("seed")
            for step, (_, row) in enumerate(mine.iterrows()):
                draw(axes, row, place + 0.22 * (step - (len(mine) - 1) / 2))
    axes.axvline(0.0, color="0.3", linewidth=0.8)
    axes.axvline(
        100 * own.drop_duplicates("seed")["true change"].mean(), color=QUERY_COLOUR, linestyle=":", linewidth=2
    )
    axes.set_xlabel(f"share of “{quantity}”:\nchange (% points)", fontsize=9)
    axes.tick_params(axis="x", labelsize=8.5)
    axes.grid(axis="y", visible=False)


def _draw_seed(axes: Axes, row: pd.Series, y: float) -> None:
    colour, full = _VERDICTS[row["verdict"]]
    axes.plot([100 * row["low"], 100 * row["high"]], [y, y], color=colour, linewidth=1.2)
    axes.plot(100 * row["change"], y, "o", color=colour, markerfacecolor=colour if full else "white", markersize=5.5)


def _draw_chance(axes: Axes, row: pd.Series, y: float) -> None:
    axes.plot(100 * row["change"], y, "x", color=_CHANCE, markersize=5)


def _label(explainer: str, evidence: str) -> str:
    return f"{explainer}\n({evidence})" if len(explainer) + len(evidence) > 24 else f"{explainer} ({evidence})"


def _legend() -> list[Line2D]:
    labels = {"revealed": "revealed", "quiet": "rightly quiet", "missed": "missed", "misled": "misled or false alarm"}
    dots = []
    for verdict, label in labels.items():
        colour, full = _VERDICTS[verdict]
        dots.append(Line2D([], [], color=colour, marker="o", markerfacecolor=colour if full else "white", label=label))
    return [
        *dots,
        Line2D([], [], color=_CHANCE, marker="x", linestyle="", label="two sound targets"),
        Line2D([], [], color=QUERY_COLOUR, linestyle=":", linewidth=2, label="true change"),
    ]
