"""The same ranking, camera by camera: where do queries come from that fail, and where are they looked for?"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from whyreid.retrieval.ranking import evaluate_embeddings


def mean_ap_by_camera(
    query_embeddings: Tensor,
    gallery_embeddings: Tensor,
    query_pid: Tensor,
    gallery_pid: Tensor,
    query_camid: Tensor,
    gallery_camid: Tensor,
    *,
    metric: str = "euclidean",
) -> Tensor:
    """The mAP of the queries of one camera in the gallery of one other camera, for every pair of cameras.

    Args:
        query_embeddings: [Q, D] floating point.
        gallery_embeddings: [G, D].
        query_pid: [Q] integers.
        gallery_pid: [G] integers; distractors and junk as in `evaluate_ranking`.
        query_camid: [Q] integers from 0.
        gallery_camid: [G] integers from 0.
        metric: "euclidean" or "cosine".

    Returns:
        [C, C] float64 fractions, row = camera of the query, column = camera of the gallery, C = the highest camid + 1.
        NaN where no query has a match: on the diagonal, and between cameras that share nobody.
    """
    cameras = int(torch.cat([query_camid, gallery_camid]).max()) + 1
    result = torch.full((cameras, cameras), math.nan, dtype=torch.float64)
    for asked in range(cameras):
        q = query_camid == asked
        for searched in range(cameras):
            g = gallery_camid == searched
            if asked == searched or not torch.isin(query_pid[q], gallery_pid[g]).any():
                continue
            result[asked, searched] = evaluate_embeddings(
                query_embeddings[q], gallery_embeddings[g], query_pid[q], gallery_pid[g], query_camid[q],
                gallery_camid[g], metric=metric,
            ).mean_ap  # fmt: skip
    return result
