"""Several targets beside each other, at home and in another domain."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

_MARKERS = "osD^vPX"


def target_comparison_figure(rows: pd.DataFrame, *, measure: str = "mAP") -> Figure:
    """One line of dots for each pair of domains: mean and standard deviation over seeds; hollow = re-ranked.

    Args:
        rows: one a training, with columns method, trained on, tested on, re-ranked (bool), seed, and the measure in
            0..1.
        measure: column to draw.
    """
    rows = rows.assign(pair=rows["trained on"] + " → " + rows["tested on"])
    pairs, methods = list(dict.fromkeys(rows["pair"])), list(dict.fromkeys(rows["method"]))
    figure, axes = plt.subplots(figsize=(7.2, 1.4 + 0.7 * len(pairs)), layout="constrained")
    for number, (marker, method) in enumerate(zip(_MARKERS, methods, strict=False)):
        for reranked in (False, True):
            chosen = rows[(rows["method"] == method) & (rows["re-ranked"] == reranked)]
            statistics = 100 * chosen.groupby("pair")[measure].agg(["mean", "std"]).reindex(pairs)
            height = [line + 0.2 * number - 0.1 * (len(methods) - 1) + 0.07 * reranked for line in range(len(pairs))]
            axes.errorbar(
                statistics["mean"],
                height,
                xerr=statistics["std"],
                fmt=marker,
                color=f"C{number}",
                markerfacecolor="white" if reranked else f"C{number}",
                markersize=6,
                capsize=2,
                label=f"{method}{', re-ranked' if reranked else ''}",
            )
    axes.set(xlabel=f"{measure} (%)", xlim=(0, 100), yticks=range(len(pairs)), yticklabels=pairs)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return figure
