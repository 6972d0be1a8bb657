"""Head, hair and hat as tubes."""

from __future__ import annotations

import torch
from torch import Tensor

from whyreid.pedestrians.body import Skeleton
from whyreid.pedestrians.parts import Material
from whyreid.pedestrians.profile import col, profile, rings, vec
from whyreid.pedestrians.tubes import Tube, make_tube

People = dict[str, Tensor]

HALF_HEIGHT, HALF_WIDTH, HALF_DEPTH = 0.066, 0.0455, 0.056  # of the head, fractions of stature
# height on the head (-1 chin .. 1 crown) -> width and depth relative to the widest, forward offset in half depths
_WIDTH = [(-1.0, 0.10), (-0.94, 0.42), (-0.72, 0.66), (-0.42, 0.84), (-0.1, 0.95), (0.2, 1.0), (0.5, 0.97),
          (0.78, 0.75), (0.95, 0.40), (1.0, 0.06)]  # fmt: skip
_DEPTH = [(-1.0, 0.12), (-0.94, 0.45), (-0.72, 0.70), (-0.42, 0.90), (-0.1, 0.98), (0.2, 1.0), (0.5, 0.96),
          (0.78, 0.75), (0.95, 0.42), (1.0, 0.06)]  # fmt: skip
_FORWARD = [(-1.0, 0.36), (-0.72, 0.18), (-0.42, 0.06), (0.0, 0.0), (1.0, -0.04)]
_CROP, _FULL, _BOB, _STRAIGHT, _PONYTAIL = range(5)
_CAP, _BEANIE, _BRIM = range(3)


def _on_head(skeleton: Skeleton, height: Tensor, forward: Tensor) -> Tensor:
    """Points [N, R, 3] of the head's axis: height in half heights, forward in half depths."""
    up = vec(skeleton.head_up) * (height * HALF_HEIGHT * col(skeleton.head_scale)).unsqueeze(-1)
    ahead = vec(skeleton.head_front) * (forward * HALF_DEPTH * col(skeleton.head_scale)).unsqueeze(-1)
    return vec(skeleton.head) + up + ahead


def _shell(
    skeleton: Skeleton, height: Tensor, shift: Tensor, ease: Tensor, *, material: int, present: Tensor | None = None
) -> Tube:
    """A cap around the skull: the head's own outline, moved by ``shift`` half depths and widened by ``ease`` metres."""
    inside, scale = height.clamp(-0.94, 0.94), col(skeleton.head_scale)
    closing = 1.0 - 0.92 * (height > 1.02).float()
    width = (profile(inside, _WIDTH) * HALF_WIDTH * scale + ease) * closing
    depth = (profile(inside, _DEPTH) * HALF_DEPTH * scale + ease) * closing
    centre = _on_head(skeleton, height, profile(height, _FORWARD) + shift)
    return make_tube(
        centre, vec(skeleton.head_front), vec(skeleton.head_left), depth, width, material=material, segments=16,
        along=height, present=present,
    )  # fmt: skip


def head(skeleton: Skeleton) -> Tube:
    """Skull and face."""
    height = rings(skeleton.stature, (-1.0, -0.94, -0.72, -0.42, -0.1, 0.2, 0.5, 0.78, 0.95, 1.0))
    scale = col(skeleton.head_scale)
    return make_tube(
        _on_head(skeleton, height, profile(height, _FORWARD)), vec(skeleton.head_front), vec(skeleton.head_left),
        profile(height, _DEPTH) * HALF_DEPTH * scale, profile(height, _WIDTH) * HALF_WIDTH * scale,
        material=Material.HEAD, segments=16, along=height,
    )  # fmt: skip


def hair(people: People, skeleton: Skeleton) -> list[Tube]:
    """The cap of hair on the skull, what falls from it (long hair), and a ponytail."""
    style, volume = col(people["hair_style"]), col(people["hair_volume"])
    full = (style >= _FULL).float()
    height = rings(volume, (-0.72, -0.45, -0.15, 0.15, 0.42, 0.62, 0.82, 0.98, 1.03, 1.10))
    back = rings(volume, (-0.62, -0.52, -0.44, -0.36, -0.24, -0.11, -0.05, -0.03, -0.03, -0.03))
    ease = 0.006 + (0.004 + 0.006 * volume) * (0.4 + full)
    cap = _shell(skeleton, height, back, ease, material=Material.HAIR)
    return [cap, _falling(people, skeleton), _ponytail(people, skeleton)]


def _falling(people: People, skeleton: Skeleton) -> Tube:
    """Hair that hangs beside and behind the neck: to the chin (bob) or over the shoulders (straight)."""
    stature, style = col(skeleton.stature), people["hair_style"]
    straight = col((style == _STRAIGHT).float())
    upper = _on_head(skeleton, rings(stature, (0.75, 0.3, -0.3, -0.85)), rings(stature, (-0.30, -0.42, -0.48, -0.52)))
    below_chin = _on_head(skeleton, rings(stature, (-1.05, -1.2, -1.25, -1.26)), rings(stature, (-0.52,) * 4))
    long, bob = straight.unsqueeze(-1), 1.0 - straight.unsqueeze(-1)
    width_long, width_bob = rings(stature, (0.064, 0.066, 0.052, 0.012)), rings(stature, (0.058, 0.052, 0.030, 0.010))
    depth_long, depth_bob = rings(stature, (0.036, 0.024, 0.016, 0.005)), rings(stature, (0.038, 0.034, 0.022, 0.006))
    scale = col(skeleton.head_scale)
    width_above = rings(stature, (0.80, 1.10, 1.22, 1.28)) * HALF_WIDTH * scale
    depth_above = rings(stature, (0.72, 0.80, 0.74, 0.70)) * HALF_DEPTH * scale
    width_below = (width_long * straight + width_bob * (1.0 - straight)) * stature
    depth_below = (depth_long * straight + depth_bob * (1.0 - straight)) * stature
    return make_tube(
        torch.cat((upper, _over_shoulders(people, skeleton) * long + below_chin * bob), dim=1),
        vec(skeleton.head_front), vec(skeleton.head_left), torch.cat((depth_above, depth_below), dim=1),
        torch.cat((width_above, width_below), dim=1), material=Material.HAIR, segments=14, downward=True,
        along=rings(stature, (0.8, 0.3, -0.3, -0.9, -1.2, -1.8, -2.4, -2.6)),
        present=(style == _BOB) | (style == _STRAIGHT),
    )  # fmt: skip


def _over_shoulders(people: People, skeleton: Skeleton) -> Tensor:
    """Centres [N, 4, 3] of the lower end of long straight hair, which lies on the back."""
    stature, volume = col(skeleton.stature), col(people["hair_volume"])
    drop = rings(stature, (0.012, -0.030, -0.075, -0.090)) - rings(stature, (0.0, 0.3, 0.9, 1.0)) * 0.05 * volume
    behind = rings(stature, (-0.050, -0.066, -0.078, -0.078))
    along_spine = vec(skeleton.spine) * (drop * stature).unsqueeze(-1)
    return vec(skeleton.neck) + along_spine + vec(skeleton.front) * (behind * stature).unsqueeze(-1)


def _ponytail(people: People, skeleton: Skeleton) -> Tube:
    height = rings(skeleton.stature, (0.45, 0.50, 0.15, -0.5, -1.2, -1.8, -2.1))
    behind = rings(skeleton.stature, (-0.95, -1.28, -1.48, -1.50, -1.45, -1.38, -1.34))
    radius = rings(skeleton.stature, (0.012, 0.017, 0.021, 0.022, 0.020, 0.012, 0.003)) * col(skeleton.stature)
    return make_tube(
        _on_head(skeleton, height, behind), vec(skeleton.head_front), vec(skeleton.head_left), radius, radius,
        material=Material.HAIR, segments=8, along=height, present=people["hair_style"] == _PONYTAIL, downward=True,
    )  # fmt: skip


def hat(people: People, skeleton: Skeleton) -> list[Tube]:
    """Crown of the hat, and its visor or brim."""
    style, scale = col(people["hat_style"]), col(skeleton.head_scale)
    beanie = (style == _BEANIE).float()
    low, high = 0.40 - 0.26 * beanie, 1.20 + 0.12 * (style == _BRIM).float()
    height = low + (high - low) * rings(style, (0.0, 0.14, 0.18, 0.45, 0.68, 0.85, 0.95, 1.0))
    shape = rings(style, (1.0, 1.0, 0.985, 0.97, 0.90, 0.72, 0.42, 0.04))
    fold = beanie * rings(style, (0.007, 0.007, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0))
    width, depth = ((half * scale * 0.99 + 0.020) * shape + fold for half in (HALF_WIDTH, HALF_DEPTH))
    centre = _on_head(skeleton, height, -0.07 + 0.0 * height)
    crown = make_tube(
        centre, vec(skeleton.head_front), vec(skeleton.head_left), depth, width, material=Material.HAT, segments=16,
        along=height, present=people["hat"],
    )  # fmt: skip
    return [crown, _brim(people, skeleton)]


def _brim(people: People, skeleton: Skeleton) -> Tube:
    """A flat disc: all around (brim) or in front only (visor of a cap)."""
    visor, scale = col((people["hat_style"] == _CAP).float()), col(skeleton.head_scale)
    height = 0.46 + rings(scale, (0.09, 0.05, -0.02, -0.06))
    forward = visor * 0.95 - 0.05 - 0.06 * rings(scale, (0.0, 1.0, 1.0, 0.0))
    reach = rings(scale, (0.2, 1.0, 1.0, 0.2))
    width = (visor * 0.040 + (1.0 - visor) * 0.100) * reach * scale
    depth = (visor * 0.052 + (1.0 - visor) * 0.105) * reach * scale
    return make_tube(
        _on_head(skeleton, height, forward), vec(skeleton.head_front), vec(skeleton.head_left), depth, width,
        material=Material.HAT, segments=16, along=height, present=people["hat"] & (people["hat_style"] != _BEANIE),
        downward=True,
    )  # fmt: skip
