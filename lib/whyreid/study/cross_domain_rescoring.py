"""Match only the first places of a cheap ranking: what it costs and what it keeps."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pandas as pd
import torch

from whyreid.data import ReIDTable
from whyreid.models import distance_from_logits, rescore_top
from whyreid.retrieval import cosine_distances, evaluate_ranking
from whyreid.study.qaconv_steps import TrainedQAConv, qaconv_maps, qaconv_scores
from whyreid.study.steps import TrainedTarget, embeddings


def rescoring_table(
    trained: TrainedQAConv,
    first: TrainedTarget,
    query: ReIDTable,
    gallery: ReIDTable,
    *,
    places: Sequence[int] = (10, 25, 50, 100),
    device: str = "auto",
) -> pd.DataFrame:
    """A target's ranking, the same with its first places put in QAConv's order, and QAConv's ranking of all.

    Places that a picture of the query's person by the query's own camera would take are given to others.

    Args:
        trained: QAConv.
        first: the target whose cosine distances rank the gallery first.
        query: the queries.
        gallery: the gallery.
        places: how many places are matched again; those beyond the gallery's size are left out.
        device: for the pictures; matching is timed where the matcher is.

    Returns:
        Index places matched again (0 = none, G = all); columns pairs matched, rank-1, mAP (per cent), seconds of
        matching (maps are made once for all and not counted; NaN for all pairs, whose logits are stored).
    """
    distmat = cosine_distances(*(embeddings(first, part, device=device) for part in (query, gallery))).clamp_min(0)
    if query.camids is not None and gallery.camids is not None:
        own = (query.pids[:, None] == gallery.pids) & (query.camids[:, None] == gallery.camids)
        distmat = distmat.masked_fill(own, torch.inf)
    asked, found = (qaconv_maps(trained, part, device=device) for part in (query, gallery))
    rows = {}
    for k in (0, *(k for k in places if k < len(gallery)), len(gallery)):
        started = time.perf_counter()
        if k == len(gallery):
            scores, seconds = distance_from_logits(qaconv_scores(trained, query, gallery, device=device)), float("nan")
        else:
            scores = rescore_top(trained.model.matcher, asked, found, distmat, k=k) if k else distmat
            seconds = time.perf_counter() - started if k else 0.0
        report = evaluate_ranking(scores, query.pids, gallery.pids, query.camids, gallery.camids)
        rows[k] = (k * len(query), 100 * report.rank1, 100 * report.mean_ap, seconds)
    columns = ["pairs matched", "rank-1", "mAP", "seconds"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("places matched again")
