"""Numbers as tables and sentences print them."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd


def mean_in_words(mean: float, deviation: float, *, digits: int = 1) -> str:
    """For instance "71.9 ± 0.2"; "71.9" of one seed, "–" of none."""
    if pd.isna(mean):
        return "–"
    number = f"{round(mean, digits) + 0.0:.{digits}f}"  # + 0.0: no minus before a zero
    return number if pd.isna(deviation) else f"{number} ± {deviation:.{digits}f}"


def means_in_words(means: Iterable[float], deviations: Iterable[float], *, digits: int = 1) -> list[str]:
    """`mean_in_words` of each pair.

    Raises:
        ValueError: not as many means as deviations.
    """
    pairs = zip(means, deviations, strict=True)
    return [mean_in_words(mean, deviation, digits=digits) for mean, deviation in pairs]


def seeds_in_words(summary: pd.DataFrame) -> str:
    """How many seeds the lines of a summary rest on: "3 seeds", "1 to 3 seeds", "no seed"."""
    found = summary["seeds", "n"]
    if not len(found):
        return "no seed"
    least, most = int(found.min()), int(found.max())
    if least != most:
        return f"{least} to {most} seeds"
    return "1 seed" if most == 1 else f"{most} seeds"


def points_in_words(difference: float) -> str:
    """A difference of two percentages: "1.5 points above", "0.7 points below"."""
    return f"{abs(difference):.1f} points {'above' if difference >= 0 else 'below'}"
