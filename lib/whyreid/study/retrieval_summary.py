"""The claim *the target finds people again* as a table."""

from __future__ import annotations

import pandas as pd

from whyreid.study.claims import mean_and_deviation

_MEASURES = ["rank-1", "rank-5", "mAP", "mINP"]
_LINE = ["method", "trained on", "tested on"]
_RERANKED = ["rank-1", "mAP"]


def retrieval_summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean ± standard deviation over seeds, in per cent, of everything that was measured.

    Args:
        rows: of `read_claim("retrieval")`.

    Returns:
        Index method, trained on, tested on; text columns rank-1, rank-5, mAP, mINP ("71.2 ± 0.4"; no deviation where
        nothing is random), re-ranked rank-1 and re-ranked mAP, and the numbers of seeds and queries.
    """
    reranked = rows["re-ranked"].astype(bool)
    plain = rows[~reranked]
    shown = _shown(plain, _MEASURES)
    after = _shown(rows[reranked], _RERANKED).add_prefix("re-ranked ")
    shown = shown.join(after)
    grouped = plain.groupby(_LINE, sort=False)
    shown["seeds"] = grouped["seed"].nunique()
    shown["queries"] = grouped["queries"].first()
    return shown


def _shown(rows: pd.DataFrame, measures: list[str]) -> pd.DataFrame:
    statistics = mean_and_deviation(rows, _LINE, measures)
    columns = {}
    for measure in measures:
        mean, deviation = 100 * statistics[measure, "mean"], 100 * statistics[measure, "sd"]
        columns[measure] = [
            f"{m:.1f}" if pd.isna(d) else f"{m:.1f} ± {d:.1f}" for m, d in zip(mean, deviation, strict=True)
        ]
    return pd.DataFrame(columns, index=statistics.index)
