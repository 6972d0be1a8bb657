"""Matching without having learned to match: how far does a target's own map get when it is compared place by place?"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from whyreid.data import ReIDTable
from whyreid.models import QAConv, score_gallery
from whyreid.retrieval import cosine_distances, evaluate_ranking
from whyreid.study.artifacts import artifact
from whyreid.study.correspondence_maps import target_maps
from whyreid.study.qaconv_steps import TrainedQAConv, qaconv_scores
from whyreid.study.steps import TrainedTarget, embeddings
from whyreid.training.device import resolve_device

POOLED, UNLEARNED, LEARNED = "pooled to a vector", "matched, nothing learned", "matched, learned (QAConv 2.1)"


def unlearned_matching(target: TrainedTarget, query: ReIDTable, gallery: ReIDTable, *, device: str = "auto") -> Tensor:
    """Logits of a matcher with equal weights on a target's own feature map, stored at the first call.

    The mean, over the places of both pictures, of the cosine with the best place of the other picture, up to a factor
    and a constant: QAConv before any training, and without its neck.

    Args:
        target: any; its map is used as it is.
        query: the queries.
        gallery: the gallery.
        device: "auto", "cpu" or "cuda".

    Returns:
        [Q, G] float32 on the CPU, higher = more likely the same person.

    Cost: see `whyreid.models.location_matching.match_locations`.
    """

    def make(folder: Path) -> None:
        asked, found = (target_maps(target.model, part, device=device) for part in (query, gallery))
        matcher = QAConv(*asked.shape[1:]).to(resolve_device(device))
        torch.save(score_gallery(matcher, asked, found), folder / "logits.pt")

    inputs = {"target": target.folder, "query": query, "gallery": gallery, "device": resolve_device(device).type}
    code = ["whyreid.study.correspondence_maps", "whyreid.models.score_gallery"]
    folder = artifact("unlearned-matching", inputs, make, code=code)
    stored: Tensor = torch.load(folder / "logits.pt", weights_only=True)
    return stored


def matching_rows(
    trained: TrainedQAConv, target: TrainedTarget, query: ReIDTable, gallery: ReIDTable, *, device: str = "auto"
) -> pd.DataFrame:
    """Does it need the matching or the learning? One network's map, pooled, matched as it is, and QAConv's.

    Args:
        trained: QAConv 2.1.
        target: the target that was trained on for as long.
        query: the queries.
        gallery: the gallery.
        device: "auto", "cpu" or "cuda".

    Returns:
        One row for each of `POOLED`, `UNLEARNED` and `LEARNED`: method, rank-1, mAP (fractions), queries, kind
        "ranking".
    """
    distances = {
        POOLED: cosine_distances(*(embeddings(target, part, device=device) for part in (query, gallery))),
        UNLEARNED: -unlearned_matching(target, query, gallery, device=device),
        LEARNED: -qaconv_scores(trained, query, gallery, device=device),
    }
    rows = []
    for method, distmat in distances.items():
        report = evaluate_ranking(distmat - distmat.min(), query.pids, gallery.pids, query.camids, gallery.camids)
        numbers = {"rank-1": report.rank1, "mAP": report.mean_ap, "queries": report.num_valid_queries}
        rows.append({"kind": "ranking", "method": method, **numbers})
    return pd.DataFrame(rows)
