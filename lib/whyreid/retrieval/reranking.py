"""k-reciprocal re-ranking: pictures whose nearest neighbours agree are moved closer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from whyreid.retrieval.checks import require_matrix, working_dtype
from whyreid.retrieval.nearest import smallest_in_row
from whyreid.retrieval.reciprocal_neighbours import reciprocal_members
from whyreid.retrieval.sparse_rows import SparseRows, mean_of_rows, sparse_rows, sums_of_minima

CHUNK = 2**22  # distances that are held at a time


def k_reciprocal_rerank(
    query_gallery: Tensor,
    query_query: Tensor,
    gallery_gallery: Tensor,
    *,
    k1: int = 20,
    k2: int = 6,
    lambda_value: float = 0.3,
) -> Tensor:
    """Mix each distance with the Jaccard distance of the two pictures' k-reciprocal neighbourhoods.

    Each picture, query or gallery, is encoded by its neighbours that also have it among their k1 nearest,
    widened by the neighbourhoods of close neighbours and averaged over its k2 nearest pictures [1]. The result is
    (1 - lambda) * Jaccard distance of the encodings + lambda * squared distance, divided by its largest value.
    Equals the authors' published function to rounding where no distances tie; ties stand in order of the
    pictures, queries first. Deviation: the encodings are kept sparse. Every picture passed in takes part, so
    drop junk from the gallery before.

    Args:
        query_gallery: [Q, G] distances >= 0, finite: lengths, not squares (the method squares them). For QAConv pass
            1 - sigmoid(logit / 10).
        query_query: [Q, Q] the same distance among queries, zero on the diagonal up to rounding.
        gallery_gallery: [G, G] the same distance among gallery pictures.
        k1: neighbours that make the reciprocal set; at least 1.
        k2: nearest pictures (itself one of them) whose encodings are averaged; at least 1.
        lambda_value: weight of the original distance in [0, 1].

    Returns:
        [Q, G] in [0, 1], lower = closer, float32 (float64 for float64); no longer a metric and not symmetric.

    Raises:
        TypeError: not tensors of real numbers.
        ValueError: shapes disagree, a distance is negative, infinite or NaN, a hyper-parameter out of range.

    Cost: one k1 + 1 nearest neighbour search over (Q + G)^2 distances. The joined [Q + G, Q + G] matrix never
        exists: at Market-1501's 3,368 x 15,913 the process peaks at 2.3 GB, 1.3 GB of them the three inputs.

    Example:
        >>> x = torch.tensor([[0.0], [1.0], [9.0], [10.0]])
        >>> distmat = torch.cdist(x, x)
        >>> k_reciprocal_rerank(distmat[:1, 1:], distmat[:1, :1], distmat[1:, 1:], k1=1, k2=1).argsort()
        tensor([[0, 1, 2]])

    References:
        [1] Zhong, Zheng, Cao and Li. Re-ranking Person Re-identification with k-reciprocal Encoding. CVPR 2017.
            Code zhunzhong07/person-re-ranking.
    """
    if k1 < 1 or k2 < 1 or not 0 <= lambda_value <= 1:
        raise ValueError(
            "k1 and k2 must be at least 1 and lambda_value within [0, 1], "
            f"got k1={k1}, k2={k2}, lambda_value={lambda_value}."
        )
    pairs = _joined(query_gallery, query_query, gallery_gallery)
    neighbours, largest = _nearest_pictures(pairs, max(k1 + 1, k2))
    encodings = _encode(pairs, reciprocal_members(neighbours, k1=k1), largest)
    if k2 > 1:
        encodings = mean_of_rows(encodings, neighbours[:, :k2])
    num_queries = pairs.num_queries
    of_queries, of_gallery = encodings.rows(0, num_queries), encodings.rows(num_queries, pairs.size)
    reranked = torch.empty_like(pairs.query_gallery, dtype=pairs.dtype)
    for rows, minima in sums_of_minima(of_queries, of_gallery):
        jaccard = (1 - minima / (2 - minima)).clamp_min_(0)
        original = pairs.query_gallery[rows].to(pairs.dtype).square().div_(largest[rows, None])
        reranked[rows] = jaccard.mul_(1 - lambda_value).add_(original, alpha=lambda_value)
    return reranked


@dataclass(frozen=True)
class _Pairs:
    """The distances among all N = Q + G pictures, queries first, as the three matrices that hold them."""

    query_gallery: Tensor
    query_query: Tensor
    gallery_gallery: Tensor

    @property
    def num_queries(self) -> int:
        return self.query_gallery.shape[0]

    @property
    def size(self) -> int:
        return sum(self.query_gallery.shape)

    @property
    def dtype(self) -> torch.dtype:
        return working_dtype(self.query_gallery.dtype)

    def square_rows(self) -> Iterator[tuple[slice, Tensor]]:
        """(rows, their squared distances [c, N] to all pictures), a few million distances at a time."""
        step = max(1, CHUNK // self.size)
        parts = (self.query_query.T, self.query_gallery), (self.query_gallery.T, self.gallery_gallery.T)
        for first, (to_queries, to_gallery) in zip((0, self.num_queries), parts, strict=True):
            for start in range(0, len(to_queries), step):
                here = slice(start, min(start + step, len(to_queries)))
                squares = torch.cat([to_queries[here], to_gallery[here]], dim=1).to(self.dtype).square_()
                yield slice(first + here.start, first + here.stop), squares

    def squares(self, row: Tensor, column: Tensor) -> Tensor:
        """The squared distance of each listed pair of pictures [E]."""
        values = torch.empty(len(row), dtype=self.dtype, device=row.device)
        query_row, query_column = row < self.num_queries, column < self.num_queries
        across, back = query_row & ~query_column, ~query_row & query_column
        inside, outside = query_row & query_column, ~query_row & ~query_column
        gallery_row, gallery_column = row - self.num_queries, column - self.num_queries
        values[inside] = self.query_query[column[inside], row[inside]].to(self.dtype)
        values[across] = self.query_gallery[row[across], gallery_column[across]].to(self.dtype)
        values[back] = self.query_gallery[column[back], gallery_row[back]].to(self.dtype)
        values[outside] = self.gallery_gallery[gallery_column[outside], gallery_row[outside]].to(self.dtype)
        return values.square_()


def _nearest_pictures(pairs: _Pairs, k: int) -> tuple[Tensor, Tensor]:
    """The k nearest pictures [N, k] of each picture, ties in order, and its largest squared distance [N]."""
    nearest, largest = [], []
    for _, squares in pairs.square_rows():
        most = squares.amax(dim=1).clamp_min_(torch.finfo(squares.dtype).tiny)
        nearest.append(smallest_in_row(squares.div_(most[:, None]), k))
        largest.append(most)
    return torch.cat(nearest), torch.cat(largest)


def _encode(pairs: _Pairs, members: Tensor, largest: Tensor) -> SparseRows:
    """Row i: exp(-scaled squared distance) to each member of picture i, summing to one."""
    row, column = members.unbind(dim=1)
    weight = pairs.squares(row, column).div_(largest[row]).neg_().exp_()
    total = torch.zeros_like(largest).index_add_(0, row, weight)
    return sparse_rows(row, column, weight / total[row], num_rows=pairs.size, num_columns=pairs.size)


def _joined(query_gallery: Tensor, query_query: Tensor, gallery_gallery: Tensor) -> _Pairs:
    """The three matrices, checked."""
    matrices = {
        "query_gallery": require_matrix("query_gallery", query_gallery, axes="[Q, G]", fix="one row per query."),
        "query_query": require_matrix("query_query", query_query, axes="[Q, Q]", fix="distances among queries."),
        "gallery_gallery": require_matrix(
            "gallery_gallery", gallery_gallery, axes="[G, G]", fix="distances among gallery pictures."
        ),
    }
    pairs = _Pairs(**matrices)
    for name, length in zip(("query_query", "gallery_gallery"), pairs.query_gallery.shape, strict=True):
        if matrices[name].shape != (length, length):
            raise ValueError(
                f"{name} must be [{length}, {length}] to fit query_gallery {list(pairs.query_gallery.shape)}, "
                f"got {list(matrices[name].shape)}."
            )
    for name, matrix in matrices.items():
        lowest, highest = (float(bound) for bound in matrix.aminmax())
        if not (lowest >= 0 and highest < torch.inf):
            raise ValueError(
                f"{name} must hold finite distances >= 0, got values from {lowest} to {highest}; the method "
                "squares and scales them, so a negated similarity loses its order: pass "
                "1 - torch.sigmoid(logit / 10) for QAConv's logits."
            )
    return pairs
