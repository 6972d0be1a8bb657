"""Published results, each with where it stands, to be printed beside what is measured here."""

from __future__ import annotations

import pandas as pd

_COLUMNS = ["method", "backbone", "rank-1", "mAP", "mINP", "source"]
_AGW = "Ye et al., arXiv 2001.04193, table in the authors' repository"
_AMD = "Chen et al., arXiv 2103.01451, Table 1 (the target before interpretation)"
_QACONV = "Liao and Shao, authors' repository, direct transfer from MSMT17 (all pictures)"
_RANKINGS: dict[str, list[tuple[str, str, float, float, float | None, str]]] = {
    "market1501": [
        ("BoT", "ResNet-50", 94.5, 85.9, 59.4, _AGW),
        ("AGW", "ResNet-50", 95.1, 87.8, 65.0, _AGW),
        ("SBS", "ResNet-50", 94.77, 87.15, None, _AMD),
        ("QAConv 2.1, trained elsewhere", "ResNet-50 IBN-b", 82.4, 56.9, None, _QACONV),
    ],
    "dukemtmcreid": [
        ("AGW", "ResNet-50", 89.0, 79.6, 45.7, _AGW),
        ("SBS", "ResNet-50", 88.24, 75.54, None, _AMD),
    ],
    "msmt17": [("AGW", "ResNet-50", 68.3, 49.3, 14.7, _AGW)],
    "cuhk03": [("AGW", "ResNet-50", 63.6, 62.0, 50.3, _AGW)],
}


def published_rankings(name: str) -> pd.DataFrame:
    """What is published for a data set under the standard protocol, on the whole set.

    Args:
        name: the table's name, such as "market1501"; "msmt17-v2" finds "msmt17".

    Returns:
        Index method; columns backbone, rank-1, mAP, mINP (per cent, NaN where not given), source. Empty when nothing is
        known.
    """
    rows = next((rows for known, rows in _RANKINGS.items() if name.startswith(known)), [])
    return pd.DataFrame(rows, columns=_COLUMNS).set_index("method")


def published_beside(name: str, method: str, ours: tuple[float, float] | list[float]) -> pd.DataFrame:
    """Published results with a place for ours: filled on a data set that is published, empty on any other.

    Args:
        name: the table's name.
        method: what was run here.
        ours: its rank-1 and mAP in per cent.

    Returns:
        Index (data set, method); columns backbone, rank-1, mAP, mINP, "<method> here: rank-1", "<method> here: mAP"
        (per cent, NaN = not run), source. The lines of one data set when it is published, of all others otherwise.
    """
    known = [data for data in _RANKINGS if name.startswith(data)]
    tables = {data: published_rankings(data) for data in known or _RANKINGS}
    together = pd.concat(tables, names=["data set"])
    values = ours if known else (float("nan"), float("nan"))
    for number, (measure, value) in enumerate(zip(("rank-1", "mAP"), values, strict=True)):
        together.insert(4 + number, f"{method} here: {measure}", value)
    return together
