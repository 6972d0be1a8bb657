"""Attributes of a data set: how frequent each is, and which go together."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from whyreid.plots.style import DIVERGING_MAP


def attribute_frequency_figure(frequencies: pd.DataFrame) -> Figure:
    """Share of identities that have each attribute, one bar a column of `frequencies`.

    Args:
        frequencies: index attribute, one column a series (a data set, a split), values in [0, 1].
    """
    long = (100 * frequencies).rename_axis("attribute").reset_index()
    long = long.melt(id_vars="attribute", var_name="identities of", value_name="share")
    figure, axes = plt.subplots(figsize=(6.4, 0.27 * len(frequencies) + 0.9), layout="constrained")
    sns.barplot(data=long, y="attribute", x="share", hue="identities of", ax=axes)
    axes.set(xlabel="identities with the attribute (%)", ylabel="", xlim=(0, 100))
    sns.move_legend(axes, "lower right")
    return figure


def co_occurrence_figure(association: pd.DataFrame) -> Figure:
    """Phi coefficients between attributes, in [-1, 1]; blue = avoid each other, red = go together.

    Args:
        association: [A, A], symmetric; NaN where an attribute never varies (drawn grey). The diagonal is left out.
    """
    values = association.to_numpy(dtype=float).copy()
    np.fill_diagonal(values, np.nan)
    figure, axes = plt.subplots(figsize=(7.2, 6.4), layout="constrained")
    axes.set_facecolor("0.85")
    sns.heatmap(
        pd.DataFrame(values, association.index, association.columns), ax=axes, cmap=DIVERGING_MAP, center=0,
        vmin=-1, vmax=1, square=True, xticklabels=True, yticklabels=True, linewidths=0.4,
        cbar_kws={"label": "phi coefficient", "shrink": 0.7},
    )  # fmt: skip
    axes.tick_params(labelsize=8)
    axes.set(xlabel="", ylabel="")
    return figure
