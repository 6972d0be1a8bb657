"""The claim *the target finds people again* as a table."""

from __future__ import annotations

import pandas as pd

from whyreid.study.claims import mean_and_deviation
from whyreid.study.in_words import means_in_words

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


def by_pair_of_towns(summary: pd.DataFrame) -> pd.DataFrame:
    """The summary in the shape in which it fits on a page.

    Args:
        summary: of `retrieval_summary`.

    Returns:
        Index method, towns ("A → B": trained on, tested on); two levels of columns: as embedded (rank-1, rank-5, mAP,
        mINP) and re-ranked (rank-1, mAP).
    """
    towns = [(method, f"{_short(trained)} → {_short(tested)}") for method, trained, tested in summary.index]
    columns = [("as embedded", measure) for measure in _MEASURES] + [("re-ranked", measure) for measure in _RERANKED]
    chosen = summary[[*_MEASURES, *(f"re-ranked {measure}" for measure in _RERANKED)]]
    index = pd.MultiIndex.from_tuples(towns, names=["method", "towns"])
    return chosen.set_axis(pd.MultiIndex.from_tuples(columns), axis=1).set_axis(index, axis=0)


def _short(name: str) -> str:
    """promenade-a -> A."""
    return name.removeprefix("promenade-").upper() if name.startswith("promenade-") else name


def _shown(rows: pd.DataFrame, measures: list[str]) -> pd.DataFrame:
    statistics = mean_and_deviation(rows, _LINE, measures)
    columns = {}
    for measure in measures:
        mean, deviation = 100 * statistics[measure, "mean"], 100 * statistics[measure, "sd"]
        columns[measure] = means_in_words(mean, deviation)
    return pd.DataFrame(columns, index=statistics.index)
