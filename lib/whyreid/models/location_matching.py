"""The best match of every location of one feature map among all locations of another, for many pairs of pictures.

This is the costly part of QAConv: each pair of maps has (h*w)^2 similarities, of which only the maxima over either axis
are kept. They are computed tile by tile (a few pictures against a few pictures, one matrix product), so that a tile
stays in the processor's cache and memory does not grow with the number of pairs. The gradient reaches one location
for each maximum; only its number is kept, and the backward pass sums 2*h*w vectors a pair instead of multiplying
matrices.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

_TILE_SIMILARITIES = {"cpu": 2**22}  # 16 MiB in float32
_TILE_SIMILARITIES_ELSEWHERE = 2**27
_BACKWARD_ENTRIES = 2**22


def match_locations(
    query_maps: Tensor, gallery_maps: Tensor, *, tile_similarities: int | None = None
) -> tuple[Tensor, Tensor]:
    """Similarity of each location of either picture to its best location in the other one, for all pairs.

    Global max pooling in both directions (Liao and Shao, arXiv 1904.10424, as in the authors' code), with a gradient. A
    maximum that several locations share passes its gradient to one of them, as ``torch.max`` does. When both
    arguments are the same tensor each pair is computed once.

    Args:
        query_maps: [Q, C, h, w], L2-normalised over C by the caller.
        gallery_maps: [G, C, h, w], the same C, h and w, on the same device.
        tile_similarities: similarities held at a time; None = 2^22 on a CPU, 2^27 elsewhere.

    Returns:
        For each location of the query its best similarity in the gallery picture, [Q, G, h*w] (row-major), and
        for each location of the gallery picture its best similarity in the query, [Q, G, h*w]. Cosines, -1..1. In the
        dtype of the maps, or in autocast's where autocast is on; float16 on a CPU is computed and returned in float32.

    Raises:
        TypeError: not tensors, or not floating-point.
        ValueError: shapes disagree.

    Cost: 2 Q G C (h w)^2 floating-point operations; memory of one tile beside the result, and with a gradient 4 bytes
    a location and pair.

    Example:
        >>> one, two = torch.eye(2).reshape(1, 2, 1, 2), torch.tensor([[[[0.6, 0.0]], [[0.8, 1.0]]]])
        >>> [best.tolist() for best in match_locations(one, two)]
        [[[[0.6..., 1.0]]], [[[0.8..., 1.0]]]]
    """
    _check_maps(query_maps, gallery_maps)
    itself = query_maps is gallery_maps
    query_maps = _working_precision(query_maps)
    gallery_maps = query_maps if itself else _working_precision(gallery_maps)
    tile = tile_similarities or _TILE_SIMILARITIES.get(query_maps.device.type, _TILE_SIMILARITIES_ELSEWHERE)
    if torch.is_grad_enabled() and (query_maps.requires_grad or gallery_maps.requires_grad):
        query_best, gallery_best = _BestMatches.apply(query_maps, gallery_maps, tile)
        return query_best, gallery_best
    query_best, gallery_best, _, _ = _best_matches(query_maps, gallery_maps, tile, with_indices=False)
    return query_best, gallery_best


def location_rows(maps: Tensor) -> Tensor:
    """[N, C, h, w] -> [N*h*w, C], one row a location; no copy when the maps are channels-last."""
    return maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])


class _BestMatches(torch.autograd.Function):
    """Forward: maxima and where they are. Backward: each maximum's gradient to its two locations."""

    @staticmethod
    def forward(ctx: Any, query_maps: Tensor, gallery_maps: Tensor, tile: int) -> tuple[Tensor, Tensor]:
        query_best, gallery_best, in_gallery, in_query = _best_matches(
            query_maps, gallery_maps, tile, with_indices=True
        )
        ctx.save_for_backward(query_maps, gallery_maps, in_gallery, in_query)
        return query_best, gallery_best

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, query_gradient: Tensor, gallery_gradient: Tensor) -> tuple[Tensor | None, ...]:
        query_maps, gallery_maps, in_gallery, in_query = ctx.saved_tensors
        to_query = to_gallery = None
        if ctx.needs_input_grad[0]:
            to_query = _map_gradient(
                query_maps, gallery_maps, (in_gallery, query_gradient), (in_query, gallery_gradient)
            )
        if ctx.needs_input_grad[1]:
            sides = [
                (best.transpose(0, 1), gradient.transpose(0, 1))
                for best, gradient in ((in_query, gallery_gradient), (in_gallery, query_gradient))
            ]
            to_gallery = _map_gradient(gallery_maps, query_maps, *sides)
        return to_query, to_gallery, None


def _best_matches(
    query_maps: Tensor, gallery_maps: Tensor, tile: int, *, with_indices: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Maxima [Q, G, hw] from the query's and from the gallery's locations, and the other picture's location of each."""
    itself = query_maps is gallery_maps
    locations = query_maps.shape[2] * query_maps.shape[3]
    query_rows = location_rows(query_maps)
    gallery_rows = query_rows if itself else location_rows(gallery_maps)
    result = query_rows.new_empty(2, len(query_maps), len(gallery_maps), locations)
    where = torch.empty(result.shape if with_indices else (2, 0), dtype=_index_dtype(locations), device=result.device)
    space = query_rows.new_empty(0)  # one tile, used again and again
    for rows, columns in _tiles(len(query_maps), len(gallery_maps), tile // locations**2, square=itself):
        if itself and columns.start < rows.start:
            continue  # its mirror image is already there
        sizes = (rows.stop - rows.start, locations, columns.stop - columns.start, locations)
        space = space if space.numel() >= math.prod(sizes) else space.new_empty(math.prod(sizes))
        similarities = space[: math.prod(sizes)].view(sizes[0] * locations, sizes[2] * locations)
        torch.mm(
            query_rows[_locations(rows, locations)], gallery_rows[_locations(columns, locations)].T, out=similarities
        )
        values, indices = _two_maxima(similarities.view(sizes), with_indices)
        for target, pair in ((result, values), (where, indices)):
            if pair:
                target[:, rows, columns] = torch.stack(pair)
                if itself and columns != rows:
                    target[:, columns, rows] = torch.stack(pair[::-1]).transpose(1, 2)
    return result[0], result[1], where[0], where[1]


def _two_maxima(similarities: Tensor, with_indices: bool) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """[q, hw, g, hw] -> maxima over the gallery's and the query's locations, each [q, g, hw]; and where they are."""
    if not with_indices:
        return (similarities.amax(dim=3).transpose(1, 2), similarities.amax(dim=1)), ()
    for_query, for_gallery = similarities.max(dim=3), similarities.max(dim=1)
    values = for_query.values.transpose(1, 2), for_gallery.values
    return values, (for_query.indices.transpose(1, 2), for_gallery.indices)


def _map_gradient(
    own_maps: Tensor, other_maps: Tensor, own: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]
) -> Tensor:
    """Gradient of one side's maps [N, C, h, w].

    ``own`` holds for each own location its best location in the other picture and the gradient of that maximum, each
    [N, M, hw]; ``other`` the same for the other picture's locations. An own location receives the vector of its best
    location, and the vectors of all locations whose best one it is, each times the gradient.
    """
    count, partners, locations = own[0].shape
    dtype = torch.promote_types(own_maps.dtype, torch.float32)
    other_rows = location_rows(other_maps).to(dtype)
    chunk = max(1, _BACKWARD_ENTRIES // max(1, 2 * partners * locations))
    parts = []
    for first in range(0, count, chunk):
        own_best, own_gradient, other_best, other_gradient = (x[first : first + chunk] for x in (*own, *other))
        parts.append(_weighted_sums(own_best, own_gradient, other_best, other_gradient, other_rows))
    rows = torch.cat(parts) if parts else other_rows.new_zeros(0, other_rows.shape[1])
    height, width = own_maps.shape[2:]
    return rows.unflatten(0, (-1, height, width)).permute(0, 3, 1, 2).to(own_maps.dtype)


def _weighted_sums(
    own_best: Tensor, own_gradient: Tensor, other_best: Tensor, other_gradient: Tensor, other_rows: Tensor
) -> Tensor:
    """[n*hw, C]: for each own location the sum of the other's rows that it meets, weighted with the gradients."""
    count, partners, locations = own_best.shape
    here = torch.arange(locations, device=own_best.device).expand(count, partners, locations)
    own_start = (torch.arange(count, device=own_best.device) * locations)[:, None, None]
    other_start = (torch.arange(partners, device=own_best.device) * locations)[None, :, None]
    receivers = torch.stack((own_start + here, own_start + other_best)).flatten()
    senders = torch.stack((other_start + own_best, other_start + here)).flatten()
    weights = torch.stack((own_gradient, other_gradient)).to(other_rows.dtype).flatten()
    receivers, order = receivers.sort(stable=True)
    starts = torch.searchsorted(receivers, torch.arange(count * locations, device=receivers.device))
    return F.embedding_bag(senders[order], other_rows, starts, mode="sum", per_sample_weights=weights[order])


def _tiles(queries: int, gallery: int, pairs: int, *, square: bool) -> Iterator[tuple[slice, slice]]:
    """Row and column ranges of tiles of at most ``pairs`` pairs, about as high as wide."""
    height = max(1, min(queries, math.isqrt(max(pairs, 1))))
    width = height if square else max(1, min(gallery, pairs // height))
    for row in range(0, queries, height):
        for column in range(0, gallery, width):
            yield slice(row, min(row + height, queries)), slice(column, min(column + width, gallery))


def _locations(pictures: slice, locations: int) -> slice:
    return slice(pictures.start * locations, pictures.stop * locations)


def _index_dtype(locations: int) -> torch.dtype:
    return torch.int16 if locations <= torch.iinfo(torch.int16).max else torch.int32


def _working_precision(maps: Tensor) -> Tensor:
    """Autocast's dtype where autocast is on; float32 for float16 on a CPU, which has no fast product of it."""
    device = maps.device.type
    if torch.is_autocast_enabled(device):
        maps = maps.to(torch.get_autocast_dtype(device))
    return maps.float() if device == "cpu" and maps.dtype == torch.float16 else maps


def _check_maps(query_maps: Tensor, gallery_maps: Tensor) -> None:
    for name, maps in (("query_maps", query_maps), ("gallery_maps", gallery_maps)):
        require_maps(name, maps)
    if query_maps.shape[1:] != gallery_maps.shape[1:]:
        raise ValueError(
            f"query_maps and gallery_maps must share [C, h, w], got {list(query_maps.shape[1:])} and "
            f"{list(gallery_maps.shape[1:])}; compute both with one network at one picture size."
        )


def require_maps(name: str, maps: object) -> Tensor:
    """``maps`` when they are floating-point [N, C, h, w]; else an error that says what to do.

    Raises:
        TypeError: not a floating-point tensor.
        ValueError: not four axes.
    """
    maps = require_tensor(name, maps)
    if not maps.is_floating_point():
        raise TypeError(f"{name} must hold floating-point numbers, got {maps.dtype}; convert it with .float().")
    if maps.ndim != 4:
        raise ValueError(f"{name} must be [N, C, h, w], got {list(maps.shape)}; keep the feature map, do not pool it.")
    return maps


def require_tensor(name: str, value: object) -> Tensor:
    """``value`` when it is a tensor; else a TypeError that names the fix."""
    if isinstance(value, Tensor):
        return value
    kind = type(value)
    fix = f"torch.from_numpy({name})" if kind.__module__ == "numpy" else f"torch.as_tensor({name})"
    raise TypeError(f"{name} must be a torch.Tensor, got {kind.__module__}.{kind.__name__}; pass {fix}.")
