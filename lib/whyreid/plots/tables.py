"""Tables of results: fractions in code, per cent on the page."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from pandas.io.formats.style import Styler

from whyreid.retrieval import RankingReport


def ranking_table(reports: Mapping[str, RankingReport], *, protocol: str) -> pd.DataFrame:
    """Rank-1, rank-5, rank-10, mAP and mINP in per cent, with the queries counted and the protocol's name.

    Args:
        reports: label -> ranking report.
        protocol: "cross_camera" or "no_camera", printed in every row.
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


def show_table(table: pd.DataFrame, *, digits: int = 1) -> Styler:
    """The table as the book shows it: `digits` after the point, a dash for what is missing."""
    return table.style.format(precision=digits, na_rep="–", thousands=" ")
