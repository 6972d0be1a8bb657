"""Colours and settings that all figures share."""

from __future__ import annotations

import pandas as pd
import seaborn as sns

MATCH_COLOUR = "#009E73"
"""Same person: green, always with a solid line."""

NON_MATCH_COLOUR = "#D55E00"
"""Another person: vermilion, always with a dashed line. The pair is told apart by every common colour vision."""

QUERY_COLOUR = "#3B4252"
"""The picture that is asked about."""

SEQUENTIAL_MAP = "viridis"
DIVERGING_MAP = "RdBu_r"
"""For signed values, with limits symmetric about 0."""


def use_book_style() -> None:
    """Set the defaults of the book: figures on white with a light grid, readable at a page's width; tables uncut."""
    sns.set_theme(context="notebook", style="whitegrid", palette="colorblind")
    sns.set_context("notebook", rc={"axes.titlesize": 12, "axes.labelsize": 11, "legend.fontsize": 10})
    pd.set_option("display.max_colwidth", None)
