"""The one solid of the renderer: a tube, a row of oval rings joined by a skin of triangles.

Trunk, limbs, hair, skirts, bags, bicycle wheels: everything is a tube. A ring has a centre, two axes (`front`, `left`),
two radii along them and a boxiness (0 = ellipse, 1 = rounded rectangle). A surface point remembers the angle around the
tube (0 = front, in turns) and a coordinate along it, which textures and part labels are written in.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from whyreid.pedestrians.exact import cross, unit


@dataclass(frozen=True)
class Tube:
    """N tubes of the same make.

    Attributes:
        centre, front, left: [N, R, 3] of every ring; front and left are unit vectors at a right angle.
        depth, width: [N, R] radius along front and along left, metres.
        boxiness: [N, R] in 0..1.
        along: [N, R] the coordinate that textures and labels read.
        materials: for each of the R - 1 bands between two rings, its material number.
        segments: points around.
        present: [N] bool; a tube that is not present has no faces.
    """

    centre: Tensor
    front: Tensor
    left: Tensor
    depth: Tensor
    width: Tensor
    boxiness: Tensor
    along: Tensor
    materials: tuple[int, ...]
    segments: int
    present: Tensor


def make_tube(
    centre: Tensor,
    front: Tensor,
    left: Tensor,
    depth: Tensor,
    width: Tensor,
    *,
    material: int | Sequence[int],
    segments: int,
    along: Tensor | None = None,
    boxiness: Tensor | float = 0.0,
    present: Tensor | None = None,
    downward: bool = False,
) -> Tube:
    """A tube from rings, with everything broadcast to [N, R] and sensible defaults (see `Tube`).

    The skin looks outward when left × (direction of the rings) = front; ``downward`` says that the rings run the other
    way (from the head to the feet in a frame whose third axis is up), and mirrors the tube's left.
    """
    count, rings = centre.shape[:2]
    shape = (count, rings)

    def spread(value: Tensor | float) -> Tensor:
        return torch.as_tensor(value, dtype=centre.dtype, device=centre.device).expand(shape)

    materials = (material,) * (rings - 1) if isinstance(material, int) else tuple(material)
    steps = torch.arange(rings, dtype=centre.dtype, device=centre.device) / (rings - 1)
    everywhere = torch.ones(count, dtype=torch.bool, device=centre.device)
    return Tube(
        centre, front.expand(*shape, 3), (-left if downward else left).expand(*shape, 3), spread(depth), spread(width),
        spread(boxiness), spread(steps if along is None else along), materials, segments,
        everywhere if present is None else present,
    )  # fmt: skip


@cache
def _circle(segments: int) -> tuple[tuple[float, ...], ...]:
    """Cosines, sines and the reach of a rounded square relative to a circle, for segments + 1 points around."""
    angles = [2.0 * math.pi * (k % segments) / segments for k in range(segments + 1)]
    cosines = tuple(round(math.cos(angle), 6) for angle in angles)
    sines = tuple(round(math.sin(angle), 6) for angle in angles)
    reach = tuple(round((abs(c) ** 5 + abs(s) ** 5) ** -0.2, 6) for c, s in zip(cosines, sines, strict=True))
    return cosines, sines, reach


def surface(tube: Tube) -> tuple[Tensor, Tensor, Tensor]:
    """Points, unit normals and texture coordinates of the skin.

    Returns:
        points [N, R, S + 1, 3], normals [N, R, S + 1, 3], coordinates [N, R, S + 1, 2] (turns around, along).
    """
    cosines, sines, reach = (tube.centre.new_tensor(values) for values in _circle(tube.segments))
    stretch = 1.0 + tube.boxiness.unsqueeze(-1) * (reach - 1.0)
    forward = (tube.depth.unsqueeze(-1) * cosines * stretch).unsqueeze(-1)
    aside = (tube.width.unsqueeze(-1) * sines * stretch).unsqueeze(-1)
    points = tube.centre.unsqueeze(2) + tube.front.unsqueeze(2) * forward + tube.left.unsqueeze(2) * aside
    around = torch.cat((points[:, :, 1:], points[:, :, 1:2]), dim=2) - torch.cat(
        (points[:, :, -2:-1], points[:, :, :-1]), dim=2
    )
    ahead = torch.cat((points[:, 1:], points[:, -1:]), dim=1) - torch.cat((points[:, :1], points[:, :-1]), dim=1)
    normals = unit(cross(around, ahead))
    turns = torch.arange(tube.segments + 1, dtype=points.dtype, device=points.device) / tube.segments
    coordinates = torch.stack(torch.broadcast_tensors(turns, tube.along.unsqueeze(-1)), dim=-1)
    return points, normals, coordinates


@cache
def band_faces(rings: int, segments: int) -> tuple[tuple[tuple[int, int, int], ...], tuple[int, ...]]:
    """Triangles of a tube as point numbers (ring * (segments + 1) + step), and the band that each belongs to."""
    faces, bands = [], []
    row = segments + 1
    for ring in range(rings - 1):
        for step in range(segments):
            a, b = ring * row + step, ring * row + step + 1
            faces += [(a, b, a + row), (b, b + row, a + row)]
            bands += [ring, ring]
    return tuple(faces), tuple(bands)


@dataclass(frozen=True)
class Mesh:
    """Triangles of many bodies, flat.

    Attributes:
        points, normals: [V, 3]; coordinates: [V, 2] texture coordinates.
        faces: [F, 3] int64 point numbers, counter-clockwise seen from outside.
        material: [F] int64.
        body: [F] int64, which body (row of the batch) a face belongs to.
    """

    points: Tensor
    normals: Tensor
    coordinates: Tensor
    faces: Tensor
    material: Tensor
    body: Tensor


def mesh_of(tubes: Sequence[Tube]) -> Mesh:
    """All tubes of N bodies as one mesh. Tube k of every body has the same number of rings, so faces are shared."""
    skins = [surface(tube) for tube in tubes]
    count, device = tubes[0].centre.shape[0], tubes[0].centre.device
    points, normals, coordinates = (
        torch.cat([skin[index].reshape(count, -1, skin[index].shape[-1]) for skin in skins], dim=1)
        for index in range(3)
    )
    faces, materials, present, start = [], [], [], 0
    for tube in tubes:
        rings = tube.centre.shape[1]
        triangles, bands = band_faces(rings, tube.segments)
        faces.append(torch.tensor(triangles, device=device) + start)
        materials.append(torch.tensor([tube.materials[band] for band in bands], device=device))
        present.append(tube.present.unsqueeze(1).expand(count, len(bands)))
        start += rings * (tube.segments + 1)
    keep = torch.cat(present, dim=1)
    body, face = keep.nonzero(as_tuple=True)
    return Mesh(
        points.reshape(-1, 3), normals.reshape(-1, 3), coordinates.reshape(-1, 2),
        torch.cat(faces)[face] + (body * start).unsqueeze(1), torch.cat(materials)[face], body,
    )  # fmt: skip
