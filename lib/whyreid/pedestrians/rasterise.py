"""Which triangle is seen in which pixel: a z-buffer in torch, batched over pictures, the same on CPU and CUDA.

Every triangle that faces the camera is written on all pixels of its bounding box (a ragged list of triangle-pixel
pairs); its barycentric coordinates and inverse depth are linear in the picture. The nearest triangle of a pixel is
found by one `scatter_reduce` over 64-bit keys (inverse depth in the high bits, triangle number in the low ones), so
that ties have one winner and the result does not depend on the order of the work.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Fragments:
    """The visible surface, one entry per covered pixel.

    Attributes:
        pixel: [M] int64, picture * height * width + row * width + column.
        face: [M] int64, row of the faces given.
        weights: [M, 3] barycentric coordinates, sum 1.
    """

    pixel: Tensor
    face: Tensor
    weights: Tensor


@dataclass(frozen=True)
class _Planes:
    """What is linear over a triangle, relative to the corner of its bounding box: value = base + x * dx + y * dy."""

    face: Tensor  # [K] row of the faces given
    corner: Tensor  # [K, 2] int64 x, y
    extent: Tensor  # [K, 2] int64 width, height of the bounding box in pixels
    base: Tensor  # [K, 3]: first two barycentric coordinates, inverse depth
    dx: Tensor
    dy: Tensor


def rasterise(points: Tensor, faces: Tensor, picture: Tensor, *, pictures: int, height: int, width: int) -> Fragments:
    """The nearest front-facing triangle of every pixel.

    Args:
        points: [V, 3] float32: column and row in pixels (pixel centres at +0.5), inverse depth (> 0, larger = nearer).
        faces: [F, 3] int64 rows of ``points``. Front-facing = clockwise on the screen, where rows run downward.
        picture: [F] int64, which picture a face is drawn in.
        pictures: pictures in the batch.
        height: of each, in pixels.
        width: of each, in pixels.

    Cost: about 100 thousand triangle-pixel pairs for a person in a 256×128 buffer; memory is linear in the pairs.
    """
    planes = _planes(points, faces, height, width)
    count = planes.extent[:, 0] * planes.extent[:, 1]
    owner = torch.repeat_interleave(torch.arange(count.numel(), device=count.device), count)
    offset = torch.arange(owner.numel(), device=count.device) - (count.cumsum(0) - count)[owner]
    box_width = planes.extent[:, 0][owner]
    row = torch.div(offset, box_width, rounding_mode="floor")
    column = offset - row * box_width
    value = planes.base[owner] + planes.dx[owner] * column.unsqueeze(1) + planes.dy[owner] * row.unsqueeze(1)
    first, second, depth = value.unbind(1)
    inside = (first >= 0) & (second >= 0) & (first + second <= 1)
    owner, depth = owner[inside], depth[inside]
    corner = planes.corner[owner]
    face = planes.face[owner]
    pixel = (picture[face] * height + corner[:, 1] + row[inside]) * width + corner[:, 0] + column[inside]
    winner = _nearest(pixel, depth, owner, pictures * height * width)
    covered = winner.nonzero().squeeze(1)
    owner = (winner[covered] & 0xFFFFFFFF) - 1
    weights = _weights(planes, owner, covered, width, height)
    return Fragments(covered, planes.face[owner], weights)


def _planes(points: Tensor, faces: Tensor, height: int, width: int) -> _Planes:
    """Set up the triangles that face the camera and touch the picture."""
    a, b, c = (points[faces[:, corner]] for corner in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    low = torch.minimum(torch.minimum(a, b), c)
    high = torch.maximum(torch.maximum(a, b), c)
    x0 = torch.ceil(low[:, 0] - 0.5).clamp(0, width).to(torch.int64)
    y0 = torch.ceil(low[:, 1] - 0.5).clamp(0, height).to(torch.int64)
    x1 = torch.floor(high[:, 0] + 0.5).clamp(0, width).to(torch.int64)
    y1 = torch.floor(high[:, 1] + 0.5).clamp(0, height).to(torch.int64)
    kept = ((area < -1e-6) & (x1 > x0) & (y1 > y0) & (low[:, 2] > 1e-6)).nonzero().squeeze(1)
    a, b, c, area = a[kept], b[kept], c[kept], area[kept]
    corner = torch.stack((x0[kept], y0[kept]), dim=1)
    extent = torch.stack((x1[kept], y1[kept]), dim=1) - corner
    x, y = corner[:, 0] + 0.5, corner[:, 1] + 0.5
    dx0, dy0 = (b[:, 1] - c[:, 1]) / area, (c[:, 0] - b[:, 0]) / area
    dx1, dy1 = (c[:, 1] - a[:, 1]) / area, (a[:, 0] - c[:, 0]) / area
    base0 = (x - c[:, 0]) * dx0 + (y - c[:, 1]) * dy0
    base1 = (x - c[:, 0]) * dx1 + (y - c[:, 1]) * dy1
    za, zb = a[:, 2] - c[:, 2], b[:, 2] - c[:, 2]
    return _Planes(
        kept, corner, extent, torch.stack((base0, base1, c[:, 2] + base0 * za + base1 * zb), dim=1),
        torch.stack((dx0, dx1, dx0 * za + dx1 * zb), dim=1), torch.stack((dy0, dy1, dy0 * za + dy1 * zb), dim=1),
    )  # fmt: skip


def _nearest(pixel: Tensor, depth: Tensor, owner: Tensor, size: int) -> Tensor:
    """For every pixel of the buffer the key of its nearest triangle (triangle number + 1 in the low half), 0 = none."""
    bits = depth.contiguous().view(torch.int32).to(torch.int64)  # positive floats sort like their bits
    keys = (bits << 32) | (owner + 1)
    buffer = torch.zeros(size, dtype=torch.int64, device=pixel.device)
    return buffer.scatter_reduce(0, pixel, keys, reduce="amax")


def _weights(planes: _Planes, owner: Tensor, pixel: Tensor, width: int, height: int) -> Tensor:
    """Barycentric coordinates of the winners."""
    corner = planes.corner[owner]
    column = (pixel % width - corner[:, 0]).unsqueeze(1)
    row = (torch.div(pixel, width, rounding_mode="floor") % height - corner[:, 1]).unsqueeze(1)
    value = planes.base[owner, :2] + planes.dx[owner, :2] * column + planes.dy[owner, :2] * row
    return torch.cat((value, (1.0 - value[:, 0] - value[:, 1]).unsqueeze(1)), dim=1)
