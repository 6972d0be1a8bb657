"""Distances between attribute embeddings: one for each attribute of each pair, whole or tile by tile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from whyreid.tensor_checks import require_floats

GALLERY_BLOCK = 1024  # gallery pictures whose embeddings are rearranged at a time


def attribute_distances(query: Tensor, gallery: Tensor) -> Tensor:
    """Euclidean distance of every query picture to every gallery picture, once for each attribute.

    Differentiable. The embeddings are centred first, so that what all pictures share does not cost digits; two equal
    embeddings can still come out up to about 1e-3 of their length apart (float32), as in every form that multiplies
    matrices. Distances are at least 1e-6, where their gradient is zero.

    Args:
        query: [Q, A, D] floating point.
        gallery: [G, A, D].

    Returns:
        [Q, G, A], lower = closer. One chunk: the caller keeps Q * G * A in bounds.

    Raises:
        TypeError: not floating-point tensors.
        ValueError: other shapes.

    Cost: Q G A D multiply-adds.

    Example:
        >>> attribute_distances(torch.tensor([[[0.0, 0.0]]]), torch.tensor([[[3.0, 4.0]], [[0.0, 1.0]]])).flatten()
        tensor([5., 1.])
    """
    _check_embeddings(query, gallery)
    centre = gallery.detach().mean(dim=0)
    return prepared_distances(prepare_embeddings(query, centre), prepare_embeddings(gallery, centre))


class PreparedEmbeddings(NamedTuple):
    """Attribute embeddings laid out for many distances.

    Attributes:
        rows: [A, N, D] centred, at least float32.
        squared_lengths: [A, N].
    """

    rows: Tensor
    squared_lengths: Tensor


def prepare_embeddings(embeddings: Tensor, centre: Tensor) -> PreparedEmbeddings:
    """[N, A, D] minus ``centre`` [A, D], laid out for `prepared_distances`; both sides need the same centre."""
    rows = (embeddings - centre).transpose(0, 1).contiguous()
    return PreparedEmbeddings(rows, rows.square().sum(dim=2))


def prepared_distances(query: PreparedEmbeddings, gallery: PreparedEmbeddings) -> Tensor:
    """[Q, G, A], as `attribute_distances`."""
    lengths = query.squared_lengths[:, :, None] + gallery.squared_lengths[:, None, :]
    squared = torch.baddbmm(lengths, query.rows, gallery.rows.transpose(1, 2), alpha=-2.0)
    return squared.clamp(min=1e-12).sqrt().permute(1, 2, 0)


class DistanceTile(NamedTuple):
    """A part of [Q, G, A].

    Attributes:
        queries: rows of the whole.
        gallery: columns of the whole.
        distances: [q, g, A].
    """

    queries: slice
    gallery: slice
    distances: Tensor


def distance_tiles(query: Tensor, gallery: Tensor, *, query_chunk: int = 64) -> Iterator[DistanceTile]:
    """`attribute_distances` tile by tile, without gradient: the whole never exists.

    Args:
        query: [Q, A, D] floating point; half precision is widened tile by tile.
        gallery: [G, A, D]; 1,024 pictures at a time are rearranged.
        query_chunk: queries in a tile, at least 1.

    Raises:
        TypeError: not floating-point tensors.
        ValueError: other shapes, or ``query_chunk`` below 1.
    """
    if query_chunk < 1:
        raise ValueError(f"query_chunk must be at least 1, got {query_chunk}.")
    _check_embeddings(query, gallery)
    return _tiles(query.detach(), gallery.detach(), query_chunk)


def _tiles(query: Tensor, gallery: Tensor, step: int) -> Iterator[DistanceTile]:
    centre = query.mean(dim=0, dtype=torch.promote_types(query.dtype, torch.float32))
    queries = prepare_embeddings(query, centre)
    for g in range(0, len(gallery), GALLERY_BLOCK):
        columns = slice(g, min(g + GALLERY_BLOCK, len(gallery)))
        block = prepare_embeddings(gallery[columns], centre)
        for q in range(0, len(query), step):
            rows = slice(q, min(q + step, len(query)))
            some = PreparedEmbeddings(queries.rows[:, rows], queries.squared_lengths[:, rows])
            yield DistanceTile(rows, columns, prepared_distances(some, block))


def _check_embeddings(query: Tensor, gallery: Tensor) -> None:
    for name, value in (("query", query), ("gallery", gallery)):
        require_floats(name, value, "[N, A, D]", fix="it holds one embedding for each attribute")
    if query.shape[1:] != gallery.shape[1:]:
        raise ValueError(
            "query and gallery must share attributes and dimensions, "
            f"got {list(query.shape)} and {list(gallery.shape)}; embed both by one interpreter."
        )
