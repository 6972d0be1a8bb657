"""Persons and shots to pictures, part-label maps and counts of visible pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from whyreid.pedestrians import figure, headwear, luggage, places
from whyreid.pedestrians.body import Skeleton, walk
from whyreid.pedestrians.camera import CAMERAS, Camera, Views, views_of
from whyreid.pedestrians.exact import cosine, sine
from whyreid.pedestrians.identity import SCHEMA, Identity
from whyreid.pedestrians.obstacles import obstacles
from whyreid.pedestrians.parts import REGIONS, Part
from whyreid.pedestrians.people import stack_people
from whyreid.pedestrians.rasterise import rasterise
from whyreid.pedestrians.sensor import expose
from whyreid.pedestrians.shading import part_labels, shade
from whyreid.pedestrians.shot import Shot
from whyreid.pedestrians.tubes import Mesh, mesh_of

SUPERSAMPLING = 2


@dataclass(frozen=True)
class Rendering:
    """Pictures of a batch, with their truth.

    Attributes:
        images: uint8 [B, 3, H, W], what the camera stores.
        light: float32 [B, 3, H, W], linear light before the camera (before exposure, blur, noise, compression).
        labels: uint8 [B, H, W], the `Part` that most sub-pixels show, before the camera.
        fine_labels: uint8 [B, 2H, 2W], the `Part` of every sub-pixel.
        shadow: bool [B, H, W], floor pixels that a person's shadow darkens.
    """

    images: Tensor
    light: Tensor
    labels: Tensor
    fine_labels: Tensor
    shadow: Tensor

    def touches(self, parts: frozenset[Part]) -> Tensor:
        """Pixels, bool [B, H, W], in which at least one sub-pixel shows one of the parts."""
        wanted = torch.zeros(len(Part), dtype=torch.bool, device=self.fine_labels.device)
        wanted[[int(part) for part in parts]] = True
        fine = wanted[self.fine_labels.to(torch.int64)]
        return (fine[:, ::2, ::2] | fine[:, 1::2, ::2]) | (fine[:, ::2, 1::2] | fine[:, 1::2, 1::2])


def attribute_regions(labels: Tensor) -> Tensor:
    """The pixels, bool [..., A, H, W], that carry each of the 30 attributes, from part labels uint8 [..., H, W].

    A colour is carried by its garment, sleeve length by the forearms (cloth or skin), age by hair and face, gender by
    the whole person; an absent hat or bag by no pixel. Attributes of one group share a region.
    """
    table = torch.zeros(len(SCHEMA.names), len(Part), dtype=torch.bool, device=labels.device)
    for index, name in enumerate(SCHEMA.names):
        table[index, [int(part) for part in REGIONS[SCHEMA.group_of(name)]]] = True
    return table[:, labels.to(torch.int64)].movedim(0, -3)


def visible_pixels(labels: Tensor) -> Tensor:
    """int64 [..., A]: how many pixels of a part-label map [..., H, W] carry each of the 30 attributes."""
    return attribute_regions(labels).sum(dim=(-2, -1))


def render(
    identities: Sequence[Identity],
    shots: Sequence[Shot],
    *,
    height: int = 128,
    width: int = 64,
    device: torch.device | str = "cpu",
    chunk: int = 16,
) -> Rendering:
    """Pictures of persons, one shot each.

    Args:
        identities: B persons.
        shots: one for each person.
        height: of the pictures.
        width: of the pictures; height / 2 keeps people undistorted.
        device: where the work is done and the result lies.
        chunk: pictures at a time; memory grows with it, the bits do not depend on it.

    Cost: see benchmarks/rendering.py; about 15 ms a picture of 128×64 and CPU thread.
    """
    if len(identities) != len(shots) or not shots:
        raise ValueError(
            f"one shot per identity is needed, got {len(identities)} and {len(shots)}; repeat one of them."
        )
    missing = [index for index, shot in enumerate(shots) if shot.other_person >= 0 and shot.other is None]
    if missing:
        raise ValueError(f"shots {missing[:5]} name a second person, got none; set Shot.other (see world.load_world).")
    parts = [
        _render_chunk(identities[start : start + chunk], shots[start : start + chunk], height, width, device)
        for start in range(0, len(shots), chunk)
    ]
    return Rendering(*(torch.cat([getattr(part, f.name) for part in parts]) for f in fields(Rendering)))


def _render_chunk(
    identities: Sequence[Identity], shots: Sequence[Shot], height: int, width: int, device: torch.device | str
) -> Rendering:
    cameras = [CAMERAS[shot.domain][shot.camera] for shot in shots]
    boxes = torch.tensor([(s.box_x, s.box_y, s.box_height) for s in shots], dtype=torch.float32, device=device)
    views = views_of(cameras, boxes)
    walkers = _Walkers.of(identities, shots, device)
    skeleton = walk(walkers.people, walkers.phase, walkers.stride, walkers.head_turn)
    surface, fine_labels = _foreground(walkers, skeleton, shots, cameras, views, height, width)
    ground, shadow = _background(cameras, shots, walkers, skeleton, views, height, width)
    covered = (fine_labels > 0).to(torch.float32)
    share = _quarter(covered.unsqueeze(-1))
    light = (_quarter(surface) + ground * (1.0 - share)).permute(0, 3, 1, 2).contiguous()
    return Rendering(expose(light, cameras, shots), light, majority(fine_labels), fine_labels, shadow)


def _quarter(fine: Tensor) -> Tensor:
    """Mean of 2×2 blocks of [B, 2H, 2W, C], in a fixed order."""
    return ((fine[:, ::2, ::2] + fine[:, ::2, 1::2]) + (fine[:, 1::2, ::2] + fine[:, 1::2, 1::2])) * 0.25


def majority(fine_labels: Tensor) -> Tensor:
    """uint8 [B, H, W]: the label that most of the four sub-pixels carry; a tie goes to the larger number."""
    four = torch.stack([fine_labels[:, row::2, column::2] for row in (0, 1) for column in (0, 1)]).to(torch.int64)
    votes = (four.unsqueeze(0) == four.unsqueeze(1)).sum(dim=0)
    best = (votes * 64 + four).amax(dim=0)
    return (best % 64).to(torch.uint8)


@dataclass(frozen=True)
class _Walkers:
    """Everybody in a batch of pictures: first the B persons themselves, then the second persons."""

    people: dict[str, Tensor]
    picture: Tensor
    is_other: Tensor
    position: Tensor
    heading: Tensor
    phase: Tensor
    stride: Tensor
    head_turn: Tensor

    @classmethod
    def of(cls, identities: Sequence[Identity], shots: Sequence[Shot], device: torch.device | str) -> _Walkers:
        rows = [(i, 0.0, s.x, s.y, s.heading, s.phase, s.stride, s.head_turn) for i, s in enumerate(shots)]
        rows += [
            (i, 1.0, s.other_x, s.other_y, s.other_heading, s.other_phase, s.other_stride, 0.0)
            for i, s in enumerate(shots)
            if s.other is not None
        ]
        number = torch.tensor(rows, dtype=torch.float32, device=device)
        others = [shot.other for shot in shots if shot.other is not None]
        return cls(
            stack_people([*identities, *others], device), number[:, 0].to(torch.int64), number[:, 1] > 0,
            number[:, 2:4], number[:, 4], number[:, 5], number[:, 6], number[:, 7],
        )  # fmt: skip

    def to_world(self, points: Tensor, body: Tensor, *, move: bool = True) -> Tensor:
        """Body frame to the world frame of the camera, [V, 3]; ``move=False`` turns directions only."""
        cos, sin = cosine(self.heading)[body], sine(self.heading)[body]
        x, y, z = points.unbind(1)
        offset = self.position[body] if move else torch.zeros_like(points[:, :2])
        return torch.stack((x * cos - y * sin + offset[:, 0], x * sin + y * cos + offset[:, 1], z), dim=1)


def body_mesh(people: dict[str, Tensor], skeleton: Skeleton) -> Mesh:
    """All tubes of dressed persons."""
    return mesh_of([
        *figure.trunk(people, skeleton), *figure.sleeves(people, skeleton), figure.hips(people, skeleton),
        *figure.legs(people, skeleton), figure.skirt(people, skeleton), headwear.head(skeleton),
        *headwear.hair(people, skeleton), *headwear.hat(people, skeleton), *luggage.backpack(people, skeleton),
        *luggage.shoulder_bag(people, skeleton), *luggage.handbag(people, skeleton),
    ])  # fmt: skip


def _scene_mesh(walkers: _Walkers, skeleton: Skeleton, shots: Sequence[Shot]) -> Mesh:
    """Persons and obstacles in world coordinates; an obstacle counts as part of the picture's first person."""
    bodies = body_mesh(walkers.people, skeleton)
    count = walkers.picture.numel()
    owner = torch.arange(count, device=bodies.points.device).repeat_interleave(bodies.points.shape[0] // count)
    points, normals = walkers.to_world(bodies.points, owner), walkers.to_world(bodies.normals, owner, move=False)
    if all(shot.occluder == "none" for shot in shots):
        return Mesh(points, normals, bodies.coordinates, bodies.faces, bodies.material, bodies.body)
    things = mesh_of(obstacles(shots, points.device))
    return Mesh(
        torch.cat((points, things.points)), torch.cat((normals, things.normals)),
        torch.cat((bodies.coordinates, things.coordinates)), torch.cat((bodies.faces, things.faces + points.shape[0])),
        torch.cat((bodies.material, things.material)), torch.cat((bodies.body, things.body)),
    )  # fmt: skip


def _foreground(
    walkers: _Walkers,
    skeleton: Skeleton,
    shots: Sequence[Shot],
    cameras: Sequence[Camera],
    views: Views,
    height: int,
    width: int,
) -> tuple[Tensor, Tensor]:
    """Light [B, 2H, 2W, 3] (0 where nobody is) and part labels [B, 2H, 2W] of persons and obstacles."""
    mesh = _scene_mesh(walkers, skeleton, shots)
    fine = (SUPERSAMPLING * height, SUPERSAMPLING * width)
    of_point = torch.zeros(mesh.points.shape[0], dtype=torch.int64, device=mesh.points.device)
    of_point = of_point.index_copy(0, mesh.faces.reshape(-1), walkers.picture[mesh.body].repeat_interleave(3))
    screen = views.project(mesh.points, of_point, *fine)
    picture = walkers.picture[mesh.body]
    seen = rasterise(screen, mesh.faces, picture, pictures=len(shots), height=fine[0], width=fine[1])
    corners, weights = mesh.faces[seen.face], seen.weights

    def blend(values: Tensor) -> Tensor:
        a, b, c = (values[corners[:, k]] * weights[:, k : k + 1] for k in range(3))
        return a + b + c

    body, material, uv = mesh.body[seen.face], mesh.material[seen.face], blend(mesh.coordinates)
    colour = shade(walkers.people, cameras, body, picture[seen.face], material, uv, blend(mesh.normals))
    label = part_labels(material, uv[:, 1])
    hidden = walkers.is_other[body] & (label != Part.OCCLUDER)
    label = torch.where(hidden, int(Part.OTHER_PERSON), label)
    size = len(shots) * fine[0] * fine[1]
    light = colour.new_zeros(size, 3).index_copy(0, seen.pixel, colour)
    labels = torch.zeros(size, dtype=torch.uint8, device=colour.device).index_copy(0, seen.pixel, label.to(torch.uint8))
    return light.view(len(shots), *fine, 3), labels.view(len(shots), *fine)


def _background(
    cameras: Sequence[Camera],
    shots: Sequence[Shot],
    walkers: _Walkers,
    skeleton: Skeleton,
    views: Views,
    height: int,
    width: int,
) -> tuple[Tensor, Tensor]:
    """Light [B, H, W, 3] of the place with the persons' shadows, and where these are."""
    rays = views.rays(height, width)
    light, floor = torch.empty_like(rays), rays.new_empty(*rays.shape[:3], 2)
    for camera in dict.fromkeys(cameras):
        rows = [index for index, other in enumerate(cameras) if other == camera]
        light[rows], floor[rows] = places.paint(camera, rays[rows])
    shadow = _shadow(cameras, walkers, skeleton, floor)
    return light * (1.0 - shadow.unsqueeze(-1)), shadow > 0


def _shadow(cameras: Sequence[Camera], walkers: _Walkers, skeleton: Skeleton, floor: Tensor) -> Tensor:
    """Light that persons take from the floor, [B, H, W] in 0..1: soft spots at the feet, drawn away from the sun."""
    away = floor.new_tensor([[-c.sun[0], -c.sun[1]] for c in cameras])
    reach = (away[:, 0] * away[:, 0] + away[:, 1] * away[:, 1]).sqrt()
    length = (reach / floor.new_tensor([c.sun[2] for c in cameras])).clamp_max(1.2)
    away = away / reach.unsqueeze(1)
    taken = torch.zeros_like(floor[..., 0])
    for side in (0, 1):
        feet = walkers.to_world(skeleton.ankle[:, side], torch.arange(walkers.picture.numel(), device=floor.device))
        lifted = (1.0 - 3.0 * (feet[:, 2] - 0.07).clamp_min(0.0)).clamp_min(0.3)
        for row in (~walkers.is_other, walkers.is_other):
            index = walkers.picture[row]
            relative = floor[index] - feet[row, :2].view(-1, 1, 1, 2)
            spot = _spot(relative, away[index], length[index]) * lifted[row].view(-1, 1, 1)
            taken = taken.index_copy(0, index, torch.maximum(taken[index], spot))
    return taken


def _spot(relative: Tensor, away: Tensor, length: Tensor) -> Tensor:
    """Darkness of a drawn-out soft spot at floor points [B, H, W, 2] relative to the foot."""
    east, north = away[:, 0].view(-1, 1, 1), away[:, 1].view(-1, 1, 1)
    along = relative[..., 0] * east + relative[..., 1] * north
    across = relative[..., 1] * east - relative[..., 0] * north
    reach = length.view(-1, 1, 1).clamp_min(0.05) * 1.5
    past = (along - along.clamp_min(0.0).minimum(reach)) / 0.20
    wide = across / (0.15 + 0.10 * (along / reach).clamp(0.0, 1.0))
    inside = (1.0 - past * past - wide * wide).clamp_min(0.0)
    fade = 1.0 - 0.65 * (along / reach).clamp(0.0, 1.0)
    return 0.62 * inside * fade
