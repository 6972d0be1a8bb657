"""Published results of targets, each with where it stands, and beside them what was measured here."""

from __future__ import annotations

import pandas as pd

MEASURES = ["rank-1", "rank-5", "mAP", "mINP"]
_LINE = ["data set", "target"]
_AGW = "arXiv 2001.04193, authors' repository"
_AMD = "arXiv 2103.01451, Table 1"
_LOG = "arXiv 2103.01451, log in the repository"
_CROSS = "arXiv 2103.01451, Table 2"
_QACONV = "arXiv 2104.01546, authors' repository, trained on all pictures of MSMT17"
_Row = tuple[str, str, float, float | None, float, float | None, str]
_ROWS: list[_Row] = [
    ("market1501", "bot-r50", 94.5, None, 85.9, 59.4, _AGW),
    ("market1501", "agw-r50", 95.1, None, 87.8, 65.0, _AGW),
    ("market1501", "sbs-r18", 92.46, 97.27, 79.51, None, _AMD),
    ("market1501", "sbs-r34", 93.94, 97.74, 83.95, None, _AMD),
    ("market1501", "sbs-r50", 94.77, 98.13, 87.15, None, _AMD),
    ("market1501", "sbs-r50, as released", 94.69, 98.16, 85.81, 56.48, _LOG),
    ("market1501", "sbs-r101", 95.94, 98.40, 88.64, None, _AMD),
    ("market1501", "sbs-r50 from dukemtmcreid", 53.15, 71.26, 24.48, None, _CROSS),
    ("market1501", "QAConv 2.1 from msmt17", 82.4, None, 56.9, None, _QACONV),
    ("dukemtmcreid", "agw-r50", 89.0, None, 79.6, 45.7, _AGW),
    ("dukemtmcreid", "sbs-r18", 82.36, 90.17, 65.00, None, _AMD),
    ("dukemtmcreid", "sbs-r34", 86.67, 92.77, 71.71, None, _AMD),
    ("dukemtmcreid", "sbs-r50", 88.24, 94.17, 75.54, None, _AMD),
    ("dukemtmcreid", "sbs-r50, as released", 87.07, 93.22, 71.92, 25.97, _LOG),
    ("dukemtmcreid", "sbs-r101", 89.33, 95.20, 78.41, None, _AMD),
    ("dukemtmcreid", "sbs-r50 from market1501", 45.02, 61.40, 26.43, None, _CROSS),
    ("msmt17", "agw-r50", 68.3, None, 49.3, 14.7, _AGW),
    ("cuhk03np", "agw-r50", 63.6, None, 62.0, 50.3, _AGW),
]

_PUBLISHED = frozenset(row[0] for row in _ROWS)


def published_rankings() -> pd.DataFrame:
    """What is published under the standard protocol, on whole data sets, before any re-ranking.

    Returns:
        Index data set (as tables are named; "cuhk03np" for boxes that the source does not name), target (a name of
        `whyreid.study.target_networks.TARGETS` where it is one, "from" another data set when it was trained there);
        columns rank-1, rank-5, mAP, mINP (per cent, NaN where not given), source.
    """
    return pd.DataFrame(_ROWS, columns=[*_LINE, *MEASURES, "source"]).set_index(_LINE)


def published_beside(here: pd.DataFrame, *, name: str = "") -> pd.DataFrame:
    """Published results with a place for ours, which stays empty until that target is measured on that data set.

    Args:
        here: measured rows as `read_evaluations` gives them, of fractions; rows of other rankings than "as embedded"
            and "re-ranked" are passed over.
        name: the table that the page is about. Where its data set is published, its lines are shown alone, else all.

    Returns:
        Index data set, target: first what was measured and nobody published, then the published lines. Columns
        (published, measure), (here, measure), (here, re-ranked mAP): per cent, means over the trainings that were
        measured, NaN = empty; (here, trainings); ("", source). Neither a part of a data set nor CUHK03-NP with
        one kind of boxes fills the line of the whole.
    """
    published, ours = published_rankings(), _measured(here)
    together = published.join(ours, how="outer", sort=False)
    order = [line for line in ours.index if line not in published.index] + list(published.index)
    together = together.reindex(order)
    if _base(name) in _PUBLISHED:
        together = together[[_base(data) == _base(name) for data in together.index.get_level_values("data set")]]
    measured = [*MEASURES, "re-ranked mAP", "trainings"]
    ordered = together[[*MEASURES, *(f"here {column}" for column in measured), "source"]]
    groups = [("published", column) for column in MEASURES] + [("here", column) for column in measured]
    return ordered.set_axis(pd.MultiIndex.from_tuples([*groups, ("", "source")]), axis=1)


def _measured(here: pd.DataFrame) -> pd.DataFrame:
    """Index as `published_rankings`; columns "here rank-1", ...; one line a data set and target."""
    lines = here[["network", "trained on", "data set"]].itertuples(index=False)
    named = here.assign(target=[_target(*line) for line in lines])
    plain, reranked = (named[named["ranking"] == ranking].groupby(_LINE, sort=False)
                       for ranking in ("as embedded", "re-ranked"))  # fmt: skip
    table = (100 * plain[MEASURES].mean()).add_prefix("here ")
    table["here re-ranked mAP"] = 100 * reranked["mAP"].mean()
    table["here trainings"] = plain.size().astype("Int64")
    return table


def _target(network: str, trained_on: object, tested_on: str) -> str:
    if not isinstance(trained_on, str):
        return f"{network}, training unknown"
    return network if trained_on == tested_on.partition(",")[0] else f"{network} from {trained_on}"


def _base(data: str) -> str:
    """The published set that a table belongs to: "cuhk03np-labeled" is cuhk03np, "promenade-a" is itself."""
    first = data.partition(",")[0].partition("-")[0]
    return first if first in _PUBLISHED else data
