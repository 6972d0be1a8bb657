"""Sparse matrices as sorted entries: the few neighbours of each picture instead of a row over all pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

CHUNK = 2**22  # products of entries that are held at a time


@dataclass(frozen=True)
class SparseRows:
    """A sparse matrix, row after row with ascending columns; row i is entries start[i] to start[i + 1].

    Attributes:
        start: [R + 1] int64.
        column: [E] int64.
        value: [E] floating point.
        num_columns: width of the matrix.
    """

    start: Tensor
    column: Tensor
    value: Tensor
    num_columns: int

    @property
    def num_rows(self) -> int:
        """Height of the matrix."""
        return len(self.start) - 1

    @property
    def row(self) -> Tensor:
        """[E] the row of each entry."""
        return torch.repeat_interleave(self.start.diff())

    def rows(self, first: int, last: int) -> SparseRows:
        """Rows ``first`` up to, not with, ``last``."""
        start = self.start[first : last + 1]
        entries = slice(int(start[0]), int(start[-1]))
        return SparseRows(start - start[0], self.column[entries], self.value[entries], self.num_columns)

    def transpose(self) -> SparseRows:
        """The same entries by column."""
        order = torch.argsort(self.column, stable=True)
        return sparse_rows(
            self.column[order],
            self.row[order],
            self.value[order],
            num_rows=self.num_columns,
            num_columns=self.num_rows,
        )


def sparse_rows(row: Tensor, column: Tensor, value: Tensor, *, num_rows: int, num_columns: int) -> SparseRows:
    """A :class:`SparseRows` from entries [E] that are sorted by row, then column, each place once."""
    start = torch.searchsorted(row.contiguous(), torch.arange(num_rows + 1, device=row.device))
    return SparseRows(start, column, value, num_columns)


def expand(start: Tensor, lists: Tensor) -> tuple[Tensor, Tensor]:
    """Concatenate ragged lists by number.

    Args:
        start: [L + 1]; list i holds entries start[i] to start[i + 1].
        lists: [n] numbers of the lists wanted; may repeat.

    Returns:
        Entry numbers [T] of all wanted lists, one after the other, and for each the place 0..n-1 of its list.
    """
    first = start[lists]
    length = start[lists + 1] - first
    owner = torch.repeat_interleave(length)
    before = length.cumsum(dim=0) - length
    return torch.arange(len(owner), device=owner.device) + (first - before)[owner], owner


def mean_of_rows(matrix: SparseRows, picked: Tensor) -> SparseRows:
    """Row i: the mean of the rows picked[i] of ``matrix``.

    Args:
        matrix: [N, C] sparse.
        picked: [R, k] row numbers.

    Returns:
        [R, C] sparse.

    Cost: as many additions as the picked rows have entries, in chunks.
    """
    num_rows, k = picked.shape
    width = matrix.num_columns
    step = max(1, CHUNK // (k * max(1, int(matrix.start.diff().max()))))
    keys, values = [], []
    for first in range(0, num_rows, step):
        entry, owner = expand(matrix.start, picked[first : first + step].flatten())
        key, place = ((owner // k + first) * width + matrix.column[entry]).unique(return_inverse=True)
        total = torch.zeros(len(key), dtype=matrix.value.dtype, device=key.device)
        keys.append(key)
        values.append(total.index_add_(0, place, matrix.value[entry]).div_(k))
    key = torch.cat(keys)
    return sparse_rows(key // width, key % width, torch.cat(values), num_rows=num_rows, num_columns=width)


def sums_of_minima(left: SparseRows, right: SparseRows) -> Iterator[tuple[slice, Tensor]]:
    """For every row of ``left`` and every row of ``right``: sum over columns of the smaller of the two values.

    Args:
        left: [L, C] sparse, values >= 0.
        right: [R, C] sparse, values >= 0.

    Yields:
        (rows of ``left``, their sums [c, R]), in order.

    Cost: one addition per pair of entries that share a column; about four million of them are held at a time,
    or one row's.
    """
    by_column = right.transpose()
    work = torch.nn.functional.pad(by_column.start.diff()[left.column].cumsum(dim=0), (1, 0))[left.start]
    most_rows = max(1, CHUNK // right.num_rows)
    first = 0
    while first < left.num_rows:
        last = int(torch.searchsorted(work, work[first] + CHUNK, right=True)) - 1
        last = min(max(last, first + 1), first + most_rows, left.num_rows)
        chunk = left.rows(first, last)
        entry, owner = expand(by_column.start, chunk.column)
        place = chunk.row[owner] * right.num_rows + by_column.column[entry]
        smaller = torch.minimum(chunk.value[owner], by_column.value[entry])
        sums = torch.zeros((last - first) * right.num_rows, dtype=smaller.dtype, device=smaller.device)
        yield slice(first, last), sums.index_add_(0, place, smaller).view(last - first, right.num_rows)
        first = last
