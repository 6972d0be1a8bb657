"""What is published of AMD, to be printed beside what is measured here, and what its agreement with labels is worth."""

from __future__ import annotations

import pandas as pd

_COLUMNS = [
    "gap", "X-mAP exclusive", "X-mAP common", "own R1", "own mAP", "target R1", "target mAP", "source",
]  # fmt: skip
_PAPER = "Chen et al., arXiv 2103.01451, Table 1"
_CROSS = "Chen et al., arXiv 2103.01451, Table 2"
_LOG = "last evaluation in the log of the authors' repository"
_LABELS = "computed here from the annotation file alone, 200,000 pairs of test identities"
_ROWS: list[tuple[str, str, tuple[float | None, ...], str]] = [
    ("Market-1501", "AMD, paper", (1.99, 74.29, 96.59, 94.74, 87.11, 94.77, 87.15), _PAPER),
    ("Market-1501", "AMD, released code", (3.53, 74.18, 96.35, 93.71, 82.45, 94.69, 85.81), _LOG),
    ("Market-1501", "query's labels", (None, 72.8, 95.6, None, None, None, None), _LABELS),
    ("Market-1501", "fixed order", (None, 51.4, 92.3, None, None, None, None), _LABELS),
    ("Market-1501", "uniform or random", (None, 30.8, 80.7, None, None, None, None), _LABELS),
    ("DukeMTMC-reID", "AMD, paper", (1.73, 70.30, 96.03, 87.84, 75.27, 88.24, 75.54), _PAPER),
    ("DukeMTMC-reID", "AMD, released code", (3.80, 67.13, 95.29, 84.87, 66.41, 87.07, 71.92), _LOG),
    ("DukeMTMC-reID", "query's labels", (None, 73.6, 96.2, None, None, None, None), _LABELS),
    ("DukeMTMC-reID", "fixed order", (None, 54.3, 93.2, None, None, None, None), _LABELS),
    ("DukeMTMC-reID", "uniform or random", (None, 31.3, 81.3, None, None, None, None), _LABELS),
    ("Market-1501 to DukeMTMC-reID", "AMD, paper", (2.16, 59.01, 91.47, 47.08, 28.41, 45.02, 26.43), _CROSS),
    ("DukeMTMC-reID to Market-1501", "AMD, paper", (1.56, 59.19, 92.17, 54.48, 25.48, 53.15, 24.48), _CROSS),
]


def published_interpreters(*, crossed: bool = False) -> pd.DataFrame:
    """Published interpreters of a ResNet-50, and controls on the same annotations.

    Args:
        crossed: the rows of interpreters that are tested on another data set than they were trained on, instead.

    Returns:
        Index (data set, method); columns gap, X-mAP exclusive, X-mAP common, own R1, own mAP, target R1, target mAP
        (per cent, NaN where there is none), source.
    """
    rows = [row for row in _ROWS if (" to " in row[0]) == crossed]
    index = pd.MultiIndex.from_tuples([row[:2] for row in rows], names=["data set", "method"])
    return pd.DataFrame([[*values, source] for _, _, values, source in rows], index=index, columns=_COLUMNS)
