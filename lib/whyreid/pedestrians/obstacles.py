"""Things that stand in front of people: a pole, a crate, a bicycle."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from whyreid.pedestrians.exact import cosine, cross, sine, unit
from whyreid.pedestrians.parts import Material
from whyreid.pedestrians.shot import OCCLUDERS, Shot
from whyreid.pedestrians.tubes import Tube, make_tube

_WHEEL = 0.34
_UP = (0.0, 0.0, 1.0)


def obstacles(shots: Sequence[Shot], device: torch.device | str = "cpu") -> list[Tube]:
    """The obstacle of every shot as tubes in the world frame; absent kinds are not present."""
    place = torch.tensor([(s.occluder_x, s.occluder_y, 0.0) for s in shots], dtype=torch.float32, device=device)
    turn = torch.tensor([s.occluder_heading for s in shots], dtype=torch.float32, device=device)
    kind = torch.tensor([OCCLUDERS.index(s.occluder) for s in shots], device=device)
    zero = torch.zeros_like(turn)
    ahead = torch.stack((cosine(turn), sine(turn), zero), dim=1)
    left = torch.stack((-sine(turn), cosine(turn), zero), dim=1)
    frame = (place, ahead, left)
    return [_pole(frame, kind == 1), _crate(frame, kind == 2), *_bicycle(frame, kind == 3)]


Frame = tuple[Tensor, Tensor, Tensor]


def _points(frame: Frame, local: Sequence[tuple[float, float, float]]) -> Tensor:
    """Points given as (ahead, left, up) metres to world [N, R, 3]."""
    place, ahead, left = (part.unsqueeze(1) for part in frame)
    numbers = place.new_tensor(local)
    up = place.new_tensor(_UP)
    return place + ahead * numbers[:, :1] + left * numbers[:, 1:2] + up * numbers[:, 2:]


def _pole(frame: Frame, present: Tensor) -> Tube:
    centre = _points(frame, [(0, 0, 0.0), (0, 0, 0.1), (0, 0, 0.11), (0, 0, 3.2)])
    radius = centre.new_tensor([0.09, 0.09, 0.055, 0.055])
    return make_tube(
        centre, frame[1].unsqueeze(1), frame[2].unsqueeze(1), radius, radius, material=Material.OCCLUDER, segments=10,
        present=present,
    )  # fmt: skip


def _crate(frame: Frame, present: Tensor) -> Tube:
    centre = _points(frame, [(0, 0, 0.0), (0, 0, 0.01), (0, 0, 0.30), (0, 0, 0.58), (0, 0, 0.60), (0, 0, 0.60)])
    shape = centre.new_tensor([0.9, 1.0, 1.0, 1.0, 0.98, 0.0])
    return make_tube(
        centre, frame[1].unsqueeze(1), frame[2].unsqueeze(1), shape * 0.24, shape * 0.32, material=Material.CRATE,
        segments=8, boxiness=1.79, present=present,
    )  # fmt: skip


def _bicycle(frame: Frame, present: Tensor) -> list[Tube]:
    """Two wheels, a frame of five bars, saddle and handlebar; it stands along its heading."""
    tubes = [_wheel(frame, offset, present) for offset in (-0.52, 0.52)]
    saddle, head, crank, rear, fore = (
        (-0.17, 0, 0.86),
        (0.36, 0, 0.84),
        (-0.08, 0, 0.30),
        (-0.52, 0, _WHEEL),
        (0.52, 0, _WHEEL),
    )
    for first, second in ((saddle, crank), (crank, head), (saddle, head), (crank, rear), (head, fore), (saddle, rear)):
        tubes.append(_bar(frame, first, second, 0.020, present))
    tubes.append(_bar(frame, (-0.30, 0, 0.93), (-0.05, 0, 0.93), 0.05, present))
    tubes.append(_bar(frame, (0.34, -0.26, 1.0), (0.34, 0.26, 1.0), 0.022, present))
    return tubes


def _bar(
    frame: Frame, first: tuple[float, float, float], second: tuple[float, float, float], radius: float, present: Tensor
) -> Tube:
    points = _points(frame, [first, second])
    direction = unit(points[:, 1:] - points[:, :1])
    aside = unit(cross(direction, frame[2].unsqueeze(1) + points.new_tensor((0.01, 0.02, 0.03))))
    return make_tube(
        points, aside, unit(cross(direction, aside)), points.new_tensor(radius), points.new_tensor(radius),
        material=Material.OCCLUDER, segments=6, present=present,
    )  # fmt: skip


def _wheel(frame: Frame, offset: float, present: Tensor) -> Tube:
    """A tyre: a tube whose middle line is a circle."""
    angles = [2 * math.pi * k / 20 for k in range(21)]
    hub = [(offset, 0.0, _WHEEL)] * 21
    rim = [(offset + _WHEEL * math.cos(a), 0.0, _WHEEL + _WHEEL * math.sin(a)) for a in angles]
    centre = _points(frame, rim)
    outward = unit(centre - _points(frame, hub))
    along = unit(cross(outward, frame[2].unsqueeze(1).expand_as(outward)))
    return make_tube(
        centre, outward, unit(cross(along, outward)), centre.new_tensor(0.024), centre.new_tensor(0.020),
        material=Material.TYRE, segments=6, present=present,
    )  # fmt: skip
