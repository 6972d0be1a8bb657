"""Published results of QAConv and of temporal lifting in another town, with the backbone that gave them."""

from __future__ import annotations

import pandas as pd

_EARLIER = "Liao and Shao, authors' repository, state of December 2019"
_LIFTING = [
    ("Market-1501", "DukeMTMC-reID", 61.8, 52.4, 66.7, 56.0),
    ("MSMT17 (all)", "DukeMTMC-reID", 78.1, 72.4, 79.5, 76.1),
    ("DukeMTMC-reID", "Market-1501", 68.2, 51.2, 74.4, 56.6),
    ("MSMT17 (all)", "Market-1501", 79.2, 69.1, 85.7, 75.1),
]
_ECCV = "authors' repository: ECCV 2020"
_VERSIONS = "authors' repository: table of versions"
_CVPR = "authors' repository: CVPR 2022"
_R50, _IBN, _R152 = "ResNet-50", "ResNet-50 IBN-b", "ResNet-152"
_TRANSFER: list[tuple[str, str, str, str, str, float, float, float | None, float | None]] = [
    # version, backbone, trained on, tested on, source, rank-1, mAP, then both re-ranked and lifted
    ("1.0", _R152, "Market-1501", "DukeMTMC-reID", _ECCV, 54.4, 33.6, 70.0, 61.2),
    ("1.0", _R152, "MSMT17 (all)", "DukeMTMC-reID", _ECCV, 72.2, 53.4, 82.2, 78.4),
    ("1.0", _R152, "DukeMTMC-reID", "Market-1501", _ECCV, 62.8, 31.6, 78.7, 58.2),
    ("1.0", _R152, "MSMT17 (all)", "Market-1501", _ECCV, 73.9, 46.6, 88.4, 76.0),
    ("1.0", _R152, "Market-1501", "MSMT17", _ECCV, 25.6, 8.2, None, None),
    ("1.0", _R152, "Market-1501", "CUHK03-NP", _ECCV, 14.1, 11.8, None, None),
    ("1.0", _R152, "MSMT17 (all)", "CUHK03-NP", _ECCV, 32.6, 28.1, None, None),
    ("1.0", _R50, "Market-1501", "MSMT17", _VERSIONS, 22.6, 7.0, None, None),
    ("1.0", _R50, "MSMT17 (all)", "Market-1501", _VERSIONS, 72.6, 43.1, None, None),
    ("2.0", _IBN, "Market-1501", "MSMT17", _VERSIONS, 41.2, 15.0, None, None),
    ("2.0", _IBN, "MSMT17 (all)", "Market-1501", _VERSIONS, 80.6, 55.6, None, None),
    ("2.0", _IBN, "RandPerson (rendered)", "Market-1501", _VERSIONS, 74.0, 43.8, None, None),
    ("2.1", _IBN, "Market-1501", "MSMT17", _CVPR, 45.9, 17.2, None, None),
    ("2.1", _IBN, "Market-1501", "CUHK03-NP", _CVPR, 19.1, 18.1, None, None),
    ("2.1", _IBN, "MSMT17", "Market-1501", _CVPR, 79.1, 49.5, None, None),
    ("2.1", _IBN, "MSMT17 (all)", "Market-1501", _CVPR, 82.4, 56.9, None, None),
    ("2.1", _IBN, "RandPerson (rendered)", "Market-1501", _CVPR, 76.7, 46.7, None, None),
]


def published_lifting() -> pd.DataFrame:
    """What temporal lifting added to re-ranked QAConv scores, as its authors measured it.

    Returns:
        Index trained on, tested on; columns re-ranked rank-1, re-ranked mAP, lifted rank-1, lifted mAP (per cent),
        source.
    """
    columns = ["trained on", "tested on", "re-ranked rank-1", "re-ranked mAP", "lifted rank-1", "lifted mAP"]
    table = pd.DataFrame(_LIFTING, columns=columns).assign(source=_EARLIER)
    return table.set_index(columns[:2])


def published_transfer() -> pd.DataFrame:
    """Rank-1 and mAP of QAConv trained on one data set and tested on another, without adapting to it.

    Returns:
        Index QAConv (version), trained on, tested on, backbone; columns rank-1, mAP, "both rank-1", "both mAP"
        (re-ranked and lifted; per cent, NaN where not given), source.
    """
    order = ["QAConv", "backbone", "trained on", "tested on", "source", "rank-1", "mAP", "both rank-1", "both mAP"]
    index = ["QAConv", "trained on", "tested on", "backbone"]
    table = pd.DataFrame(_TRANSFER, columns=order).set_index(index)
    return table[["rank-1", "mAP", "both rank-1", "both mAP", "source"]]
