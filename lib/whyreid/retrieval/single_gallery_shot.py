"""CUHK03's single-gallery-shot protocol: one picture of each person in the gallery, drawn again and again."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from whyreid.retrieval.checks import RankingLabels
from whyreid.retrieval.match_ranks import SameIdentityIndex, comparable_distances, row_chunks
from whyreid.retrieval.ranking import RankingReport, checked_ranking, cumulative_matches, report_from_chunks


def evaluate_single_gallery_shot(
    distmat: Tensor,
    query_pid: Tensor,
    gallery_pid: Tensor,
    query_camid: Tensor,
    gallery_camid: Tensor,
    *,
    repeats: int = 10,
    seed: int = 0,
    max_rank: int = 20,
) -> RankingReport:
    """:func:`evaluate_ranking` with a CMC whose gallery holds one picture of each person, drawn at random.

    The protocol of the first CUHK03 papers: for every query and every repeat, one picture of each person is drawn
    from the query's valid gallery, and the CMC is the mean over queries and repeats. mAP, mINP and everything
    else of the report are over the whole gallery, as the toolboxes report them. Deviations: the draws come from
    an own generator, so the same seed gives the same numbers whatever ran before; a distractor (pid 0) is a
    person of its own, where the toolboxes take all distractors for one person. The "new protocol" of CUHK03-NP is
    :func:`evaluate_ranking`.

    Args:
        distmat: [Q, G] real, lower = closer, no NaN.
        query_pid: [Q] integers.
        gallery_pid: [G] integers.
        query_camid: [Q] integers.
        gallery_camid: [G] integers.
        repeats: draws per query; at least 1.
        seed: of the draws.
        max_rank: length of the CMC curve.

    Returns:
        :class:`RankingReport` whose ``protocol`` names the single gallery shot.

    Raises:
        TypeError: as :func:`evaluate_ranking`.
        ValueError: as :func:`evaluate_ranking`; ``repeats`` below 1.

    Cost: ``repeats`` * Q * G random numbers.

    Example:
        >>> distmat, pid = torch.tensor([[0.2, 0.1, 0.3]]), torch.tensor([5])
        >>> camids = torch.tensor([0]), torch.tensor([1, 1, 1])
        >>> report = evaluate_single_gallery_shot(distmat, pid, torch.tensor([5, 6, 6]), *camids, repeats=1000)
        >>> round(report.rank1, 1)  # person 6 is shown by the closer or by the farther picture
        0.5
    """
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1, got {repeats}.")
    distmat, labels = checked_ranking(distmat, query_pid, gallery_pid, query_camid, gallery_camid)
    report = report_from_chunks([(0, distmat)], labels, max_rank=max_rank)
    generator = torch.Generator().manual_seed(seed)
    person = _persons(labels)
    index = SameIdentityIndex(labels)
    ranks = []
    for piece in row_chunks(len(report.valid_queries), distmat.shape[1], distmat.device):
        rows = report.valid_queries[piece]
        same = index(rows)
        comparable = comparable_distances(distmat[rows], same, index.junk)
        is_match = torch.zeros_like(comparable, dtype=torch.bool).scatter_reduce_(
            1, same.columns, same.is_match, reduce="amax"
        )
        for _ in range(repeats):
            drawn = draw_one_per_person(comparable.isfinite(), person, generator=generator)
            ranks.append(rank_among_drawn(comparable, is_match & drawn, drawn))
    cmc = cumulative_matches(torch.cat(ranks), max_rank)
    return replace(report, cmc=cmc, protocol=f"{report.protocol}, single gallery shot")


def draw_one_per_person(allowed: Tensor, person: Tensor, *, generator: torch.Generator) -> Tensor:
    """One picture of each person for each query.

    Args:
        allowed: [Q, G] bool, the query's gallery.
        person: [G] int64, 0..P-1.
        generator: on the CPU.

    Returns:
        [Q, G] bool, true once for each person that has an allowed picture.
    """
    lot = torch.rand(allowed.shape, dtype=torch.float64, generator=generator).to(allowed.device)
    lot.masked_fill_(~allowed, 2.0)
    winner = torch.full((len(allowed), int(person.max()) + 1), 2.0, dtype=lot.dtype, device=lot.device)
    winner.scatter_reduce_(1, person.expand_as(lot), lot, reduce="amin")
    return allowed & (lot == winner.gather(1, person.expand_as(lot)))


def rank_among_drawn(comparable: Tensor, drawn_match: Tensor, drawn: Tensor) -> Tensor:
    """Rank [Q] of each query's drawn match among the drawn pictures, ties in gallery order.

    Args:
        comparable: [Q, G] distances.
        drawn_match: [Q, G] bool, true once a row.
        drawn: [Q, G] bool.
    """
    column = drawn_match.int().argmax(dim=1, keepdim=True)
    distance = comparable.gather(1, column)
    position = torch.arange(comparable.shape[1], device=comparable.device)
    before = (comparable < distance) | ((comparable == distance) & (position < column))
    return (before & drawn).sum(dim=1) + 1


def _persons(labels: RankingLabels) -> Tensor:
    """A number 0..P-1 for each gallery picture's person; every distractor is a person of its own."""
    pid = labels.gallery_pid
    is_distractor = pid == 0
    alone = pid.max() + 1 + torch.arange(len(pid), device=pid.device)
    return torch.where(is_distractor, alone, pid).unique(return_inverse=True)[1]
