"""Retrieval: distances, ranking metrics, rank lists, re-ranking and temporal lifting."""

from __future__ import annotations

from whyreid.retrieval.by_camera import mean_ap_by_camera
from whyreid.retrieval.distances import cosine_distances, euclidean_distances
from whyreid.retrieval.paired_gain import PairedGain, paired_gain
from whyreid.retrieval.rank_list import RankList, rank_embeddings, rank_gallery
from whyreid.retrieval.ranking import RankingReport, evaluate_embeddings, evaluate_ranking
from whyreid.retrieval.reranking import k_reciprocal_rerank
from whyreid.retrieval.single_gallery_shot import evaluate_single_gallery_shot
from whyreid.retrieval.temporal_lifting import temporal_lift

__all__ = [
    "PairedGain",
    "RankList",
    "RankingReport",
    "cosine_distances",
    "euclidean_distances",
    "evaluate_embeddings",
    "evaluate_ranking",
    "evaluate_single_gallery_shot",
    "k_reciprocal_rerank",
    "mean_ap_by_camera",
    "paired_gain",
    "rank_embeddings",
    "rank_gallery",
    "temporal_lift",
]
