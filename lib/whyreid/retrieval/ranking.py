"""CMC, mAP and mINP: how well a ranking puts the pictures of the query's person first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from whyreid.retrieval.checks import RankingLabels, ranking_labels, require_matrix
from whyreid.retrieval.distances import cosine_distances, euclidean_distances
from whyreid.retrieval.match_ranks import MatchRanks, SameIdentityIndex, match_ranks, row_chunks

METRICS = {"euclidean": euclidean_distances, "cosine": cosine_distances}


@dataclass(frozen=True)
class RankingReport:
    """What a ranking is worth. Fractions, not percent; V = queries that have a match.

    Attributes:
        cmc: [max_rank] float64; entry r - 1 is the fraction of valid queries with a match among the first r.
        mean_ap: mean of ``average_precision``.
        mean_inp: mean of ``inverse_negative_penalty``.
        average_precision: [V] float64; mean over a query's matches of (matches so far) / (rank).
        inverse_negative_penalty: [V] float64; number of matches / rank of the last match.
        valid_queries: [V] int64, the row number of each query that counts.
        num_queries: all queries, with those that have no match.
        num_ties: matches exactly as far as some non-match, so that gallery order decided their rank.
        protocol: ``"cross_camera"``, or ``"no_camera"``: print it beside the numbers.
    """

    cmc: Tensor
    mean_ap: float
    mean_inp: float
    average_precision: Tensor
    inverse_negative_penalty: Tensor
    valid_queries: Tensor
    num_queries: int
    num_ties: int
    protocol: str

    @property
    def num_valid_queries(self) -> int:
        """Queries that have at least one match in their gallery; the means are over these."""
        return len(self.valid_queries)

    @property
    def rank1(self) -> float:
        """Fraction of valid queries whose closest gallery picture is a match."""
        return float(self.cmc[0])


def evaluate_ranking(
    distmat: Tensor,
    query_pid: Tensor,
    gallery_pid: Tensor,
    query_camid: Tensor | None,
    gallery_camid: Tensor | None,
    *,
    max_rank: int = 50,
) -> RankingReport:
    """CMC, mAP and mINP of a distance matrix under the cross-camera protocol.

    A query's gallery is every gallery picture except those of the same person by the same camera [1]. Junk
    (negative pid) is dropped; a distractor (a pid that no query has, 0 on Market-1501) stays and never matches.
    A query without a match is skipped and counted. Equal distances stand in gallery order. The average precision
    is the mean precision at the matches, as the re-id toolboxes compute it, without the interpolation of [1]'s
    own evaluation code; mINP follows [2].

    Args:
        distmat: [Q, G] real, lower = closer, no NaN, any device; half precision is compared as it is.
        query_pid: [Q] integers. A negative pid is junk and never has a match.
        gallery_pid: [G] integers.
        query_camid: [Q] integers, or None with ``gallery_camid`` None: no camera is known, nothing is removed
            from the gallery, and the report says ``no_camera``.
        gallery_camid: [G] integers, or None.
        max_rank: length of the CMC curve; beyond the gallery's end it keeps its last value.

    Returns:
        :class:`RankingReport` with its tensors on the matrix's device.

    Raises:
        TypeError: an input is not a tensor (numpy: ``torch.from_numpy``) or has the wrong kind of numbers.
        ValueError: shapes disagree, a distance is NaN, only one side has cameras, or no query has a match.

    Cost: one vectorised value sort a query, O(Q G log G), in chunks of about a million distances: some 30 MB
    beside the matrix.

    Example:
        >>> distmat = torch.tensor([[0.1, 0.2, 0.3]])
        >>> pid, camid = torch.tensor([7]), torch.tensor([0])
        >>> report = evaluate_ranking(distmat, pid, torch.tensor([7, 8, 7]), camid, torch.tensor([0, 1, 2]))
        >>> report.mean_ap  # the first picture is of the query's own camera: removed
        0.5

    References:
        [1] Zheng et al. Scalable Person Re-identification: A Benchmark. ICCV 2015.
        [2] Ye et al. Deep Learning for Person Re-identification: A Survey and Outlook. arXiv 2001.04193.
    """
    distmat, labels = checked_ranking(distmat, query_pid, gallery_pid, query_camid, gallery_camid)
    return report_from_chunks([(0, distmat)], labels, max_rank=max_rank)


def evaluate_embeddings(
    query_embeddings: Tensor,
    gallery_embeddings: Tensor,
    query_pid: Tensor,
    gallery_pid: Tensor,
    query_camid: Tensor | None,
    gallery_camid: Tensor | None,
    *,
    metric: str = "euclidean",
    max_rank: int = 50,
    query_chunk: int = 256,
) -> RankingReport:
    """:func:`evaluate_ranking` straight from embeddings; the whole distance matrix never exists.

    Args:
        query_embeddings: [Q, D] floating point, any device.
        gallery_embeddings: [G, D], same dtype and device.
        query_pid: as in :func:`evaluate_ranking`, like the three that follow.
        gallery_pid: [G] integers.
        query_camid: [Q] integers or None.
        gallery_camid: [G] integers or None.
        metric: ``"euclidean"`` or ``"cosine"``.
        max_rank: length of the CMC curve.
        query_chunk: queries whose distances are held at a time; it does not change the result.

    Returns:
        :class:`RankingReport`, equal to that of the whole matrix.

    Raises:
        TypeError: as :func:`evaluate_ranking`.
        ValueError: as :func:`evaluate_ranking`; an unknown metric; a chunk below 1.

    Cost: Q G D multiply-adds; memory beside the embeddings ``query_chunk`` * G * 4 bytes and some 100 MB.

    Example:
        >>> embeddings, pid = torch.tensor([[0.0], [1.0], [5.0]]), torch.tensor([1, 1, 2])
        >>> evaluate_embeddings(embeddings[:1], embeddings[1:], pid[:1], pid[1:], None, None).rank1
        1.0
    """
    queries, gallery, labels = checked_embeddings(
        query_embeddings, gallery_embeddings, query_pid, gallery_pid, query_camid, gallery_camid
    )
    chunks = distance_chunks(queries, gallery, metric=metric, query_chunk=query_chunk)
    return report_from_chunks(chunks, labels, max_rank=max_rank)


def checked_ranking(
    distmat: Tensor,
    query_pid: Tensor,
    gallery_pid: Tensor,
    query_camid: Tensor | None,
    gallery_camid: Tensor | None,
) -> tuple[Tensor, RankingLabels]:
    """The matrix and its labels, or a TypeError or ValueError that says what is wrong."""
    distmat = require_matrix("distmat", distmat, axes="[Q, G]", fix="see whyreid.retrieval.euclidean_distances.")
    num_queries, num_gallery = distmat.shape
    people = (query_pid, gallery_pid, query_camid, gallery_camid)
    labels = ranking_labels(*people, num_queries=num_queries, num_gallery=num_gallery, device=distmat.device)
    return distmat, labels


def checked_embeddings(
    query_embeddings: Tensor,
    gallery_embeddings: Tensor,
    query_pid: Tensor,
    gallery_pid: Tensor,
    query_camid: Tensor | None,
    gallery_camid: Tensor | None,
) -> tuple[Tensor, Tensor, RankingLabels]:
    """Both sides' embeddings and their labels, or a TypeError or ValueError that says what is wrong."""
    fix = "one row per picture."
    queries = require_matrix("query_embeddings", query_embeddings, axes="[Q, D]", fix=fix)
    gallery = require_matrix("gallery_embeddings", gallery_embeddings, axes="[G, D]", fix=fix)
    people = (query_pid, gallery_pid, query_camid, gallery_camid)
    labels = ranking_labels(*people, num_queries=len(queries), num_gallery=len(gallery), device=queries.device)
    return queries, gallery, labels


def distance_chunks(queries: Tensor, gallery: Tensor, *, metric: str, query_chunk: int) -> Iterator[tuple[int, Tensor]]:
    """(number of the first row, distances [c, G]) for ``query_chunk`` queries at a time.

    Raises:
        ValueError: an unknown metric, or ``query_chunk`` below 1.
    """
    if metric not in METRICS:
        raise ValueError(f"metric must be one of {sorted(METRICS)}, got {metric!r}.")
    if query_chunk < 1:
        raise ValueError(f"query_chunk must be at least 1, got {query_chunk}.")
    for start in range(0, len(queries), query_chunk):
        yield start, METRICS[metric](queries[start : start + query_chunk], gallery)


def report_from_chunks(chunks: Iterable[tuple[int, Tensor]], labels: RankingLabels, *, max_rank: int) -> RankingReport:
    """The report of a matrix that comes as (number of the first row, rows [c, G]) pieces, in order.

    Raises:
        ValueError: ``max_rank`` below 1, a NaN among the distances, or no query with a match.
    """
    if max_rank < 1:
        raise ValueError(f"max_rank must be at least 1, got {max_rank}.")
    index = SameIdentityIndex(labels)
    scores = [
        _score(match_ranks(distances[piece], index, _row_numbers(first, piece, distances.device)))
        for first, distances in chunks
        for piece in row_chunks(distances.shape[0], distances.shape[1], distances.device)
    ]
    num_ties = sum(score[-1] for score in scores)
    rows, first_rank, precision, penalty = (torch.cat(part) for part in list(zip(*scores, strict=True))[:-1])
    _require_match(rows, labels)
    return RankingReport(
        cmc=cumulative_matches(first_rank, max_rank),
        mean_ap=float(precision.mean()),
        mean_inp=float(penalty.mean()),
        average_precision=precision,
        inverse_negative_penalty=penalty,
        valid_queries=rows,
        num_queries=len(labels.query_pid),
        num_ties=num_ties,
        protocol=labels.protocol,
    )


def cumulative_matches(first_rank: Tensor, max_rank: int) -> Tensor:
    """CMC [max_rank] from the rank [V] of each query's first match (1 = first)."""
    counts = torch.bincount(first_rank.clamp(max=max_rank + 1), minlength=max_rank + 2)
    return counts[1 : max_rank + 1].cumsum(dim=0).double() / len(first_rank)


def _score(found: MatchRanks) -> tuple[Tensor, Tensor, Tensor, Tensor, int]:
    """Row, first rank, average precision and inverse negative penalty of each query, and the ties."""
    ranks = found.ranks.double()
    hits = torch.arange(1, ranks.shape[1] + 1, device=ranks.device, dtype=ranks.dtype)
    precision = torch.where(ranks > 0, hits / ranks.clamp_min(1), 0).sum(dim=1) / found.num_matches
    first_rank = found.ranks[:, :1].flatten()
    penalty = found.num_matches / ranks.amax(dim=1) if len(ranks) else precision
    return found.rows, first_rank, precision, penalty, found.num_ties


def _row_numbers(first: int, piece: slice, device: torch.device) -> Tensor:
    return torch.arange(first + piece.start, first + piece.stop, device=device)


def _require_match(rows: Tensor, labels: RankingLabels) -> None:
    if len(rows) == 0:
        raise ValueError(
            f"no query has a match: none of the {len(labels.query_pid)} query pids stands in the gallery under "
            "another camera; check that pids and camids of both sides come from one data set, or pass None "
            "for both camids (protocol no_camera)."
        )
