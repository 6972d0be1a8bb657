"""How well embeddings rank a table's gallery, as they stand or after re-ranking."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from whyreid.data import ReIDTable
from whyreid.retrieval import (
    RankingReport,
    euclidean_distances,
    evaluate_embeddings,
    evaluate_ranking,
    k_reciprocal_rerank,
)

METRICS = ("cosine", "euclidean")


def evaluate_target_ranking(
    asked: Tensor, found: Tensor, query: ReIDTable, gallery: ReIDTable, *, metric: str, reranked: bool = False
) -> RankingReport:
    """CMC, mAP and mINP of embeddings under the table's protocol.

    Args:
        asked: [Q, D] embeddings of the queries, floating point.
        found: [G, D] embeddings of the gallery.
        query: Q pictures, in the order of ``asked``.
        gallery: G pictures, in the order of ``found``.
        metric: "cosine" or "euclidean", as the target compares.
        reranked: move pictures closer whose neighbours agree, see `reranked_distances`.

    Raises:
        ValueError: shapes disagree, another metric, or no query has a match.
    """
    people = query.pids, gallery.pids, query.camids, gallery.camids
    if not reranked:
        return evaluate_embeddings(asked, found, *people, metric=metric)
    return evaluate_ranking(reranked_distances(asked, found, metric=metric), *people)


def reranked_distances(asked: Tensor, found: Tensor, *, metric: str) -> Tensor:
    """Distances after k-reciprocal re-ranking with its published settings (see `k_reciprocal_rerank`).

    The method squares lengths. Where embeddings are compared by their angle, it gets the distance of their directions
    (both scaled to length one), whose square is twice the cosine distance; so the order that it starts from is the
    target's own.

    Args:
        asked: [Q, D] embeddings of the queries, floating point.
        found: [G, D] embeddings of the gallery, with nothing in it that is to be ignored.
        metric: "cosine" or "euclidean", as the target compares.

    Returns:
        [Q, G] in [0, 1], lower = closer.

    Raises:
        ValueError: shapes disagree or another metric.

    Cost: (Q + G)^2 distances, all held, and what `k_reciprocal_rerank` says.
    """
    if metric not in METRICS:
        raise ValueError(f"metric must be one of {', '.join(METRICS)}, got {metric!r}; give the target's distance.")
    if metric == "cosine":
        asked, found = F.normalize(asked, dim=1), F.normalize(found, dim=1)
    pairs = [euclidean_distances(*sides) for sides in ((asked, found), (asked, asked), (found, found))]
    with torch.inference_mode():
        return k_reciprocal_rerank(*pairs)
