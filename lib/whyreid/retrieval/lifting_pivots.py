"""Why temporal lifting raised a picture: whose sighting at that camera, and when, gave it its weight."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from whyreid.retrieval.checks import require_integers, require_matrix
from whyreid.retrieval.temporal_lifting import companion_windows


@dataclass(frozen=True, eq=False)
class LiftingPivots:
    """All pivots of all queries, one entry a (query, companion, gallery picture) that `temporal_lift` averages over.

    Attributes:
        query: [N] int64, the query that is lifted.
        companion: [N] int64, the query of the same camera and time, possibly itself, whose similarity made the pivot.
        picture: [N] int64, the gallery picture in which the companion is thought to be seen.
        similarity: [N], of companion and picture.
    """

    query: Tensor
    companion: Tensor
    picture: Tensor
    similarity: Tensor

    def __len__(self) -> int:
        """N, the number of pivots."""
        return len(self.query)

    def of(self, query: int) -> LiftingPivots:
        """Those of one query, most similar first."""
        rows = (self.query == query).nonzero()[:, 0]
        rows = rows[self.similarity[rows].argsort(descending=True, stable=True)]
        return LiftingPivots(self.query[rows], self.companion[rows], self.picture[rows], self.similarity[rows])


def lifting_pivots(
    simmat: Tensor,
    query_camid: Tensor,
    gallery_camid: Tensor,
    query_time: Tensor,
    *,
    tau: float = 100.0,
    k: int = 10,
) -> LiftingPivots:
    """The pivots on which `temporal_lift` with the same arguments rests, named one by one.

    In each gallery camera the pivots of a query are the k most similar (companion, picture) pairs, with every pair
    that ties with the k-th.

    Args:
        simmat: [Q, G] >= 0, higher = closer.
        query_camid: [Q] integers.
        gallery_camid: [G] integers.
        query_time: [Q], in the unit of ``tau``.
        tau: companions are of one camera and less than this far apart in time; > 0.
        k: pivots per query and gallery camera.

    Returns:
        See `LiftingPivots`; in order of queries, then of gallery cameras.

    Raises:
        TypeError: not tensors, or cameras that are no integers.
        ValueError: lengths disagree, or tau or k out of range.

    Cost: one search a query and camera; 0.2 s for 400 queries and 600 pictures, meant for explaining.

    Example:
        >>> camid, time = torch.tensor([0, 0]), torch.tensor([0.0, 30.0])
        >>> simmat = torch.tensor([[0.2, 0.1], [0.9, 0.3]])
        >>> found = lifting_pivots(simmat, camid, torch.tensor([1, 1]), time, k=1)
        >>> list(zip(found.query.tolist(), found.companion.tolist(), found.picture.tolist()))
        [(0, 1, 0), (1, 1, 0)]
    """
    simmat = require_matrix("simmat", simmat, axes="[Q, G]", fix="one row per query.")
    if not (tau > 0 and k >= 1):
        raise ValueError(f"tau must be > 0 and k at least 1, got tau={tau}, k={k}.")
    camids = require_integers("query_camid", query_camid, len(simmat), device=simmat.device)
    searched = require_integers("gallery_camid", gallery_camid, simmat.shape[1], device=simmat.device)
    if query_time.shape != camids.shape:
        raise ValueError(f"query_time must be [{len(simmat)}], one a query, got {list(query_time.shape)}.")
    order, first, last = companion_windows(camids, query_time.to(simmat.device, torch.float64), tau=tau)
    members = [torch.nonzero(searched == camid)[:, 0] for camid in searched.unique()]
    found: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
    for query, place in enumerate(order.argsort().tolist()):
        companions = order[int(first[place]) : int(last[place])].sort().values
        found += [_best_pairs(simmat, query, companions, pictures, k) for pictures in members]
    return LiftingPivots(*map(torch.cat, zip(*found, strict=True)))


def lifting_weights(
    pivots: LiftingPivots, query_count: int, gallery_camid: Tensor, gallery_time: Tensor, *, sigma: float = 200.0
) -> Tensor:
    """The weight that the pivots give to every gallery picture: near 1 where companions were seen just then.

    ``(weights + alpha) * simmat`` is what `temporal_lift` returns.

    Args:
        pivots: from `lifting_pivots`.
        query_count: Q.
        gallery_camid: [G] integers.
        gallery_time: [G], in the unit of ``sigma``.
        sigma: width of the kernel; > 0.

    Returns:
        [Q, G] float64 in 0..1.

    Raises:
        ValueError: sigma is not > 0.
    """
    if not sigma > 0:
        raise ValueError(f"sigma must be > 0, got {sigma}.")
    time = gallery_time.to(torch.float64)
    weights = torch.zeros(query_count, len(gallery_camid), dtype=torch.float64, device=time.device)
    of_pivot = gallery_camid[pivots.picture]
    for camid in gallery_camid.unique():
        here, chosen = torch.nonzero(gallery_camid == camid)[:, 0], of_pivot == camid
        counts = torch.zeros_like(weights)
        ones = torch.ones(int(chosen.sum()), dtype=counts.dtype, device=counts.device)
        counts.index_put_((pivots.query[chosen], pivots.picture[chosen]), ones, accumulate=True)
        counts = counts[:, here] / counts.sum(dim=1, keepdim=True)
        weights[:, here] = counts @ torch.exp(-(((time[here][:, None] - time[here]) / sigma) ** 2))
    return weights


def _best_pairs(
    simmat: Tensor, query: int, companions: Tensor, pictures: Tensor, k: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The pivots of one query in one camera: query, companion, picture, similarity."""
    scores = simmat[companions][:, pictures]
    threshold = scores.flatten().topk(min(k, scores.numel())).values[-1]
    row, column = torch.nonzero(scores >= threshold, as_tuple=True)
    return torch.full_like(row, query), companions[row], pictures[column], scores[row, column]
