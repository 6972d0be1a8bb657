"""The rank list of each query: who the model says it is, best first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from whyreid.retrieval.checks import RankingLabels
from whyreid.retrieval.match_ranks import SameIdentityIndex, comparable_distances, row_chunks
from whyreid.retrieval.nearest import smallest_in_row
from whyreid.retrieval.ranking import checked_embeddings, checked_ranking, distance_chunks


@dataclass(frozen=True)
class RankList:
    """The first k gallery pictures of each query; a gallery of fewer is padded.

    Attributes:
        indices: [Q, k] int64 gallery positions, closest first; -1 in the padding.
        distances: [Q, k] lower = closer; NaN in the padding.
        is_match: [Q, k] bool, the picture shows the query's person; False in the padding.
    """

    indices: Tensor
    distances: Tensor
    is_match: Tensor


def rank_gallery(
    distmat: Tensor,
    query_pid: Tensor,
    gallery_pid: Tensor,
    query_camid: Tensor | None,
    gallery_camid: Tensor | None,
    *,
    top_k: int = 10,
) -> RankList:
    """The ``top_k`` closest gallery pictures of every query, under the protocol of ``evaluate_ranking``.

    Pictures of the query's person by the query's camera and junk are left out; ties stand in gallery order.

    Args:
        distmat: [Q, G] real, lower = closer, no NaN.
        query_pid: [Q] integers.
        gallery_pid: [G] integers.
        query_camid: [Q] integers, or None with ``gallery_camid`` None: no camera is known, nothing is left out.
        gallery_camid: [G] integers or None.
        top_k: length of the lists; at least 1.

    Returns:
        :class:`RankList`; every query has a row, with or without a match.

    Raises:
        TypeError: an input is not a tensor or has the wrong kind of numbers.
        ValueError: shapes disagree, a distance is NaN, only one side has cameras, ``top_k`` below 1.

    Example:
        >>> distmat, pid = torch.tensor([[0.1, 0.3, 0.2]]), torch.tensor([7])
        >>> rank_gallery(distmat, pid, torch.tensor([7, 7, 8]), None, None, top_k=2).is_match
        tensor([[ True, False]])
    """
    distmat, labels = checked_ranking(distmat, query_pid, gallery_pid, query_camid, gallery_camid)
    return _rank_list([(0, distmat)], labels, top_k=top_k)


def rank_embeddings(
    query_embeddings: Tensor,
    gallery_embeddings: Tensor,
    query_pid: Tensor,
    gallery_pid: Tensor,
    query_camid: Tensor | None,
    gallery_camid: Tensor | None,
    *,
    metric: str = "euclidean",
    top_k: int = 10,
    query_chunk: int = 256,
) -> RankList:
    """:func:`rank_gallery` straight from embeddings; the whole distance matrix never exists.

    Args:
        query_embeddings: [Q, D] floating point.
        gallery_embeddings: [G, D], same dtype and device.
        query_pid: as in :func:`rank_gallery`, like the three that follow.
        gallery_pid: [G] integers.
        query_camid: [Q] integers or None.
        gallery_camid: [G] integers or None.
        metric: ``"euclidean"`` or ``"cosine"``; the distances of the list are in its unit.
        top_k: length of the lists.
        query_chunk: queries whose distances are held at a time.

    Returns:
        :class:`RankList`.

    Raises:
        TypeError: as :func:`rank_gallery`.
        ValueError: as :func:`rank_gallery`; an unknown metric; a chunk below 1.

    Example:
        >>> embeddings, pid = torch.tensor([[0.0], [4.0], [1.0]]), torch.tensor([1, 1, 2])
        >>> rank_embeddings(embeddings[:1], embeddings[1:], pid[:1], pid[1:], None, None).indices[0, :2]
        tensor([1, 0])
    """
    queries, gallery, labels = checked_embeddings(
        query_embeddings, gallery_embeddings, query_pid, gallery_pid, query_camid, gallery_camid
    )
    chunks = distance_chunks(queries, gallery, metric=metric, query_chunk=query_chunk)
    return _rank_list(chunks, labels, top_k=top_k)


def _rank_list(chunks: Iterable[tuple[int, Tensor]], labels: RankingLabels, *, top_k: int) -> RankList:
    if top_k < 1:
        raise ValueError(f"top_k must be at least 1, got {top_k}.")
    index = SameIdentityIndex(labels)
    parts = []
    for first, distances in chunks:
        for piece in row_chunks(distances.shape[0], distances.shape[1], distances.device):
            rows = torch.arange(first + piece.start, first + piece.stop, device=distances.device)
            parts.append(_first_ranks(distances[piece], index, labels, rows, top_k))
    return RankList(*(torch.cat(part) for part in zip(*parts, strict=True)))


def _first_ranks(
    distances: Tensor, index: SameIdentityIndex, labels: RankingLabels, rows: Tensor, top_k: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Indices, distances and matches [c, top_k] of one chunk of queries."""
    comparable = comparable_distances(distances, index(rows), index.junk)
    indices = smallest_in_row(comparable, top_k)
    listed = comparable.gather(1, indices).isfinite()
    is_match = labels.gallery_pid[indices] == labels.query_pid[rows, None]
    found = (
        torch.where(listed, indices, -1),
        torch.where(listed, distances.gather(1, indices).to(comparable.dtype), torch.nan),
        is_match & listed,
    )
    missing = top_k - indices.shape[1]
    padding = (-1, torch.nan, False)
    return tuple(  # type: ignore[return-value]
        torch.nn.functional.pad(part, (0, missing), value=value) for part, value in zip(found, padding, strict=True)
    )
