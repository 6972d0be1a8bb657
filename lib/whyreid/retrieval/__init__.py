"""Retrieval: distances, ranking metrics, re-ranking and temporal lifting."""

from __future__ import annotations

from whyreid.retrieval.by_camera import mean_ap_by_camera
from whyreid.retrieval.distances import cosine_distances, euclidean_distances
from whyreid.retrieval.ranking import RankingReport, evaluate_embeddings, evaluate_ranking

__all__ = [
    "RankingReport",
    "cosine_distances",
    "euclidean_distances",
    "evaluate_embeddings",
    "evaluate_ranking",
    "mean_ap_by_camera",
]
