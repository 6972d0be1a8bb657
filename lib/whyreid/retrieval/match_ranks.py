"""The ranks of the few true matches of each query, found without ordering the gallery.

A ranking metric asks only at which ranks the true matches stand. The rank of a match is one more than the number
of valid gallery pictures that are closer, and counting needs the *values* of a row in order, never the pictures:
sorting bare float values runs on the processor's vector units and is about ten times as fast as an argsort. Then
two binary searches per match count the closer pictures and show ties; only where a match ties with a non-match,
the equal pictures before it are counted one by one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from whyreid.retrieval.checks import RankingLabels, working_dtype

CPU_CHUNK = 2**20  # distances handled at a time: they stay in the processor's cache
DEVICE_CHUNK = 2**26


@dataclass(frozen=True)
class MatchRanks:
    """Where the matches of some queries stand.

    Attributes:
        rows: [V] row numbers of the queries that have a match.
        ranks: [V, m] int64, 1 = first, ascending; zero behind a query's last match.
        num_matches: [V] int64, at least 1.
        num_ties: matches that are exactly as far as some valid non-match, summed over queries.
    """

    rows: Tensor
    ranks: Tensor
    num_matches: Tensor
    num_ties: int


@dataclass(frozen=True)
class SameIdentity:
    """The gallery pictures that carry a query's pid, in gallery order, padded to the longest list.

    Attributes:
        columns: [Q, S] gallery positions; 0 in the padding.
        is_match: [Q, S] taken by another camera (or no camera is known).
        is_excluded: [Q, S] taken by the query's own camera: not part of its gallery.
    """

    columns: Tensor
    is_match: Tensor
    is_excluded: Tensor


class SameIdentityIndex:
    """Finds :class:`SameIdentity` lists for any rows, in time proportional to the lists' length."""

    def __init__(self, labels: RankingLabels) -> None:
        self._labels = labels
        gallery_pid = labels.gallery_pid
        self._order = torch.argsort(gallery_pid, stable=True)
        self._sorted_pid = gallery_pid[self._order]
        self.junk = torch.nonzero(gallery_pid < 0)[:, 0]

    def __call__(self, rows: Tensor) -> SameIdentity:
        """The lists of the queries in ``rows`` [c]; a negative pid is junk and has no list."""
        labels = self._labels
        pid = labels.query_pid[rows]
        first = torch.searchsorted(self._sorted_pid, pid)
        length = torch.searchsorted(self._sorted_pid, pid, right=True) - first
        length = torch.where(pid < 0, 0, length)
        offset = torch.arange(int(length.max()), device=pid.device)
        listed = offset < length[:, None]
        position = torch.where(listed, first[:, None] + offset, 0)
        columns = torch.where(listed, self._order[position], 0)
        if labels.query_camid is None or labels.gallery_camid is None:
            return SameIdentity(columns, listed, torch.zeros_like(listed))
        same_camera = labels.query_camid[rows, None] == labels.gallery_camid[columns]
        return SameIdentity(columns, listed & ~same_camera, listed & same_camera)


def row_chunks(num_rows: int, num_columns: int, device: torch.device) -> Iterator[slice]:
    """Slices of rows that hold about a million distances each (64 million on a GPU)."""
    budget = CPU_CHUNK if device.type == "cpu" else DEVICE_CHUNK
    step = max(1, budget // num_columns)
    for start in range(0, num_rows, step):
        yield slice(start, min(start + step, num_rows))


def comparable_distances(distances: Tensor, same: SameIdentity, junk: Tensor) -> Tensor:
    """A copy of ``distances`` [c, G] in which everything outside a query's gallery is infinitely far.

    Infinite distances inside the gallery become the largest finite number, so that they stay before it.

    Raises:
        ValueError: a distance is NaN.
    """
    dtype = working_dtype(distances.dtype)
    comparable = distances.to(dtype).clamp(max=torch.finfo(dtype).max)
    if comparable.amax().isnan():
        raise ValueError(
            "distmat must not hold NaN, got at least one; look for a division by zero or an overflow "
            "in half precision where the embeddings are made."
        )
    row, entry = torch.nonzero(same.is_excluded, as_tuple=True)
    comparable[row, same.columns[row, entry]] = torch.inf
    return comparable.index_fill_(1, junk, torch.inf)


def match_ranks(distances: Tensor, index: SameIdentityIndex, rows: Tensor) -> MatchRanks:
    """Ranks of the true matches for one chunk of queries.

    Args:
        distances: [c, G], lower = closer, no NaN.
        index: of the labels that belong to the whole matrix.
        rows: [c] the numbers of these queries in the whole matrix.

    Returns:
        :class:`MatchRanks` of those queries that have at least one match; ties in gallery order.

    Cost: O(G log G) vectorised value sort a query; three times the memory of ``distances``.
    """
    same = index(rows)
    comparable = comparable_distances(distances, same, index.junk)
    kept = torch.nonzero(same.is_match.any(dim=1))[:, 0]
    is_match, columns = same.is_match[kept], same.columns[kept]
    if len(kept) < len(rows):
        comparable = comparable[kept]
    matched = comparable.gather(1, columns).masked_fill_(~is_match, torch.inf)
    matched, order = matched.sort(dim=1, stable=True)
    ranks, tied = _ranks_by_counting(matched, _sorted_values(comparable))
    row, place = torch.nonzero(tied, as_tuple=True)
    ranks[row, place] += _equals_before(comparable, row, columns.gather(1, order)[row, place], matched[row, place])
    num_matches = is_match.sum(dim=1)
    present = torch.arange(ranks.shape[1], device=ranks.device) < num_matches[:, None]
    return MatchRanks(rows[kept], ranks.where(present, 0), num_matches, int((tied & present).sum()))


def _sorted_values(values: Tensor) -> Tensor:
    """Each row ascending. On the CPU by numpy, whose value sort is vectorised and torch's is not."""
    if values.device.type != "cpu":
        return values.sort(dim=1).values
    return torch.from_numpy(np.sort(values.numpy(), axis=1))


def _ranks_by_counting(matched: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Ranks [V, m] of sorted match distances among sorted rows, and which of them tie with a non-match.

    Where they tie with matches only, these stand in order; where they tie with a non-match, the rank is the first
    of all the equals.
    """
    closer = torch.searchsorted(values, matched)
    not_farther = torch.searchsorted(values, matched, right=True)
    closer_matches = torch.searchsorted(matched, matched)
    matches_not_farther = torch.searchsorted(matched, matched, right=True)
    tied = not_farther - closer > matches_not_farther - closer_matches
    tied &= matched.isfinite()
    place = torch.arange(matched.shape[1], device=matched.device)
    return closer + torch.where(tied, 0, place - closer_matches) + 1, tied


def _equals_before(comparable: Tensor, row: Tensor, column: Tensor, value: Tensor) -> Tensor:
    """How many pictures before ``column`` are exactly ``value`` away, for every listed entry of the chunk."""
    position = torch.arange(comparable.shape[1], device=row.device)
    counts = [torch.zeros(0, dtype=torch.int64, device=row.device)]
    for part in row_chunks(len(row), len(position), row.device):
        equal = comparable[row[part]] == value[part, None]
        equal &= position < column[part, None]
        counts.append(equal.sum(dim=1))
    return torch.cat(counts)
