"""Backpack, shoulder bag and handbag as tubes, with their straps."""

from __future__ import annotations

import torch
from torch import Tensor

from whyreid.pedestrians.body import Skeleton
from whyreid.pedestrians.exact import cross, unit
from whyreid.pedestrians.figure import trunk_frame, trunk_radii
from whyreid.pedestrians.parts import Material
from whyreid.pedestrians.profile import col, rings, vec
from whyreid.pedestrians.tubes import Tube, make_tube

People = dict[str, Tensor]
_TOTE = 1


def on_trunk(people: People, skeleton: Skeleton, place: Tensor, aside: Tensor, *, face: float, off: float) -> Tensor:
    """Points [N, R, 3] on the clothed trunk: ``aside`` in half widths (−1..1), front (face 1) or back (face −1)."""
    width, depth, forward = trunk_radii(people, skeleton, place)
    centre, front, left = trunk_frame(skeleton, place)
    inside = aside.clamp(-1.0, 1.0)
    bulge = (1.0 - inside * inside * inside * inside).clamp_min(0.0).sqrt()
    ahead = forward + face * (depth * bulge + off)
    return centre + front * ahead.unsqueeze(-1) + left * (width * aside).unsqueeze(-1)


def strap(points: Tensor, facing: Tensor, *, material: int, width: float, present: Tensor) -> Tube:
    """A flat band through points [N, R, 3]; ``facing`` [N, 1 or R, 3] is the direction that its flat side looks to."""
    ahead = torch.cat((points[:, 1:], points[:, -1:]), dim=1) - torch.cat((points[:, :1], points[:, :-1]), dim=1)
    direction = unit(ahead)
    front = unit(cross(direction, unit(cross(facing.expand_as(direction), direction))))
    left = unit(cross(direction, front))
    return make_tube(
        points,
        front,
        left,
        points.new_tensor(0.008),
        points.new_tensor(width),
        material=material,
        segments=6,
        present=present,
    )


def backpack(people: People, skeleton: Skeleton) -> list[Tube]:
    """The sack on the back and two straps over the shoulders."""
    size, stature = col(people["backpack_size"]), col(skeleton.stature)
    place = 0.62 + (rings(stature, (0.16, 0.2, 0.36, 0.62, 0.86, 0.98, 1.03)) - 0.6) * 0.85 * size
    _, depth, forward = trunk_radii(people, skeleton, rings(stature, (0.7,)))
    thick = rings(stature, (0.25, 0.8, 1.0, 1.0, 0.85, 0.55, 0.15)) * 0.078 * size
    wide = rings(stature, (0.55, 0.92, 1.0, 1.0, 0.96, 0.80, 0.4)) * 0.145 * size
    centre, front, left = trunk_frame(skeleton, place)
    behind = forward - depth - 0.010 - 0.070 * size
    sack = make_tube(
        centre + front * behind.unsqueeze(-1), front, left, thick, wide, material=Material.BACKPACK, segments=16,
        along=place, boxiness=0.8, present=people["backpack"],
    )  # fmt: skip
    return [sack, _shoulder_strap(people, skeleton, 1.0), _shoulder_strap(people, skeleton, -1.0)]


def _shoulder_strap(people: People, skeleton: Skeleton, side: float) -> Tube:
    size = skeleton.stature
    back = on_trunk(
        people, skeleton, rings(size, (0.90, 1.00)), rings(size, (0.5 * side, 0.55 * side)), face=-1.0, off=0.010
    )
    top = on_trunk(people, skeleton, rings(size, (1.065,)), rings(size, (0.80 * side,)), face=0.0, off=0.0)
    top = top + vec(skeleton.spine) * 0.022
    front = on_trunk(
        people, skeleton, rings(size, (1.0, 0.9, 0.78, 0.66, 0.55)),
        rings(size, [side * a for a in (0.56, 0.56, 0.62, 0.74, 0.92)]), face=1.0, off=0.010,
    )  # fmt: skip
    points = torch.cat((back, top, front), dim=1)
    outward = vec(skeleton.front).expand(-1, 8, -1) * rings(size, (-1.0, -0.6, 0.0, 0.6, 1, 1, 1, 0.8)).unsqueeze(-1)
    outward = outward + vec(skeleton.spine) * rings(size, (0.2, 0.8, 1.0, 0.8, 0.2, 0, 0, 0)).unsqueeze(-1)
    return strap(points, unit(outward), material=Material.STRAP, width=0.024, present=people["backpack"])


def shoulder_bag(people: People, skeleton: Skeleton) -> list[Tube]:
    """A bag at the hip whose strap crosses the chest, or a tote under the arm whose strap hangs from one shoulder."""
    tote, side = col((people["bag_style"] == _TOTE).float()), col(people["bag_side"])
    size = col(skeleton.stature)
    low, high = -0.34 + 0.26 * tote, 0.10 + 0.36 * tote
    place = low + (high - low) * rings(size, (0.0, 0.06, 0.5, 0.94, 1.0))
    width, _, _ = trunk_radii(people, skeleton, place)
    widest = width.amax(dim=1, keepdim=True)
    centre, front, left = trunk_frame(skeleton, place)
    aside = side * (widest + 0.050)
    box = make_tube(
        centre + left * aside.unsqueeze(-1) - front * (0.045 * size / 1.7).unsqueeze(-1), front, left,
        rings(size, (0.5, 0.95, 1.0, 0.97, 0.5)) * 0.150, rings(size, (0.5, 0.95, 1.0, 0.9, 0.4)) * 0.048,
        material=Material.BAG, segments=14, along=place, boxiness=0.85, present=people["bag"],
    )  # fmt: skip
    return [box, *(_bag_strap(people, skeleton, face) for face in (1.0, -1.0))]


def _bag_strap(people: People, skeleton: Skeleton, face: float) -> Tube:
    """Front (face 1) or back (−1) half of the strap."""
    tote, side, size = col((people["bag_style"] == _TOTE).float()), col(people["bag_side"]), skeleton.stature
    crossing = rings(size, (1.06, 0.98, 0.80, 0.60, 0.40, 0.20, 0.06))
    hanging = rings(size, (1.06, 0.98, 0.88, 0.78, 0.68, 0.56, 0.44))
    away = rings(size, (-0.78, -0.62, -0.30, 0.06, 0.42, 0.80, 1.08)) * side
    near = rings(size, (0.80, 0.84, 0.90, 0.95, 1.0, 1.05, 1.1)) * side
    place, aside = crossing * (1 - tote) + hanging * tote, away * (1 - tote) + near * tote
    points = on_trunk(people, skeleton, place, aside, face=face, off=0.012)
    lift = rings(size, (0.022, 0.006, 0, 0, 0, 0, 0)).unsqueeze(-1)
    outward = vec(skeleton.front) * face + vec(skeleton.spine) * lift * 30
    return strap(
        points + vec(skeleton.spine) * lift,
        unit(outward),
        material=Material.BAG_STRAP,
        width=0.018,
        present=people["bag"],
    )


def handbag(people: People, skeleton: Skeleton) -> list[Tube]:
    """A bag that hangs from one hand, with its handle."""
    size = col(people["handbag_size"])
    is_left = col((people["handbag_side"] > 0).float())
    wrist = skeleton.wrist[:, 0] * is_left + skeleton.wrist[:, 1] * (1.0 - is_left)
    elbow = skeleton.elbow[:, 0] * is_left + skeleton.elbow[:, 1] * (1.0 - is_left)
    hand = wrist + unit(wrist - elbow) * col(0.055 * skeleton.stature)
    down = rings(size, (0.13, 0.14, 0.22, 0.30, 0.315)) * size
    below = torch.stack((torch.zeros_like(down), torch.zeros_like(down), -down), dim=-1)
    box = make_tube(
        vec(hand) + below, vec(skeleton.hip_front), vec(skeleton.hip_left),
        rings(size, (0.7, 0.95, 1.0, 1.05, 0.8)) * 0.135 * size,
        rings(size, (0.5, 0.9, 1.0, 1.0, 0.6)) * 0.042 * size, material=Material.HANDBAG, segments=14, boxiness=0.8,
        present=people["handbag"], downward=True,
    )  # fmt: skip
    return [box, _handle(people, skeleton, hand, size)]


def _handle(people: People, skeleton: Skeleton, hand: Tensor, size: Tensor) -> Tube:
    arc = rings(size, (-0.085, -0.065, 0.0, 0.065, 0.085)) * size
    drop = -rings(size, (0.135, 0.05, 0.008, 0.05, 0.135)) * size
    height = torch.stack((torch.zeros_like(drop), torch.zeros_like(drop), drop), dim=-1)
    points = vec(hand) + vec(skeleton.hip_front) * arc.unsqueeze(-1) + height
    return strap(points, vec(skeleton.hip_left), material=Material.HANDBAG, width=0.010, present=people["handbag"])
