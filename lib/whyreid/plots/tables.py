"""Tables of results: fractions in code, per cent on the page."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import pandas as pd
from pandas.io.formats.style import Styler

from whyreid.retrieval import RankingReport


def ranking_table(reports: Mapping[str, RankingReport], *, protocol: str) -> pd.DataFrame:
    """Rank-1, rank-5, rank-10, mAP and mINP in per cent, with the queries counted and the protocol's name.

    Args:
        reports: label -> ranking report.
        protocol: "cross_camera" or "no_camera", printed in every row.

    Returns:
        One row a report, in their order.
    """
    rows = {
        label: {
            "rank-1": 100 * float(report.cmc[0]),
            "rank-5": 100 * float(report.cmc[min(4, len(report.cmc) - 1)]),
            "rank-10": 100 * float(report.cmc[min(9, len(report.cmc) - 1)]),
            "mAP": 100 * report.mean_ap,
            "mINP": 100 * report.mean_inp,
            "queries": report.num_valid_queries,
            "protocol": protocol,
        }
        for label, report in reports.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def show_table(table: pd.DataFrame, *, digits: int = 1, small: bool = False) -> Styler:
    """The table as the book shows it: `digits` after the point, a dash for what is missing, "±" not at a line's end.

    Args:
        table: numbers and texts.
        digits: after the point.
        small: in smaller print, and cells stay on one line: for tables that would not fit on the page.
    """
    shown = table.map(_unbroken).style.format(precision=digits, na_rep="–", thousands=" ")
    if not small:
        return shown
    small_print = "font-size: 0.78em; padding: 0.15em 0.5em"
    return shown.set_table_styles(
        [{"selector": "th, td", "props": small_print}, {"selector": "td", "props": "white-space: nowrap"}]
    )


def number_sources(table: pd.DataFrame, column: Hashable) -> tuple[pd.DataFrame, str]:
    """Replace a column of long sources by numbers, and list them below the table.

    Args:
        table: has a text column of sources; NaN = none.
        column: its name.

    Returns:
        The table with "[1]", "[2]", ... in order of appearance ("" for none), and one line that spells them out.

    Example:
        >>> table = pd.DataFrame({"mAP": [1, 2, 3], "source": ["paper", None, "paper"]})
        >>> number_sources(table, "source")[1]
        '[1] paper.'
    """
    names = table[column].dropna().unique()
    numbers = {name: f"[{number}]" for number, name in enumerate(names, 1)}
    legend = "; ".join(f"{number} {name}" for name, number in numbers.items())
    changed = table.copy()
    changed[column] = table[column].map(numbers).fillna("")
    return changed, f"{legend}." if legend else ""


def _unbroken(value: object) -> object:
    """A text in which mean and deviation stay on one line; all else as it is."""
    return value.replace(" ± ", "\u00a0±\u00a0") if isinstance(value, str) else value
