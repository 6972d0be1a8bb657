"""The dressed body as tubes: trunk, limbs, shoes and neck. Head, hair and hat are in `headwear`, bags in `luggage`.

Cloth is never laid over skin: a sleeve and the bare arm below it are two tubes that meet at the hem, so that no two
surfaces fight for a pixel. All radii are fractions of stature for a person of average build, plus an ease in metres.
"""

from __future__ import annotations

import torch
from torch import Tensor

from whyreid.pedestrians.body import Skeleton
from whyreid.pedestrians.exact import cross, dot, smoothstep, unit
from whyreid.pedestrians.parts import Material
from whyreid.pedestrians.profile import col, profile, rings, vec
from whyreid.pedestrians.tubes import Tube, make_tube

People = dict[str, Tensor]

# Trunk: place along the spine (0 = hip joints, 1 = shoulder joints) -> half width, half depth, forward offset.
_TRUNK_WIDTH = [(-0.25, 0.098), (-0.05, 0.098), (0.12, 0.093), (0.30, 0.085), (0.50, 0.089), (0.70, 0.099),
                (0.85, 0.108), (0.95, 0.109), (1.02, 0.096), (1.07, 0.066), (1.12, 0.042), (1.16, 0.036)]  # fmt: skip
_TRUNK_DEPTH = [(-0.25, 0.072), (-0.05, 0.071), (0.12, 0.065), (0.30, 0.060), (0.50, 0.063), (0.70, 0.068),
                (0.85, 0.065), (0.95, 0.056), (1.02, 0.046), (1.07, 0.040), (1.12, 0.034), (1.16, 0.031)]  # fmt: skip
_TRUNK_FORWARD = [(-0.2, -0.004), (0.3, 0.002), (0.7, 0.004), (0.95, -0.006), (1.07, -0.004), (1.16, 0.004)]
_LEG = [(0.0, 0.046), (0.12, 0.047), (0.30, 0.043), (0.47, 0.034), (0.53, 0.033), (0.63, 0.034), (0.76, 0.029),
        (0.90, 0.0225), (1.0, 0.021)]  # fmt: skip
_ARM = [(-0.10, 0.004), (-0.06, 0.014), (0.0, 0.0245), (0.12, 0.0275), (0.30, 0.0265), (0.48, 0.0235), (0.58, 0.0240),
        (0.68, 0.0235), (0.85, 0.018), (1.0, 0.0155)]  # fmt: skip
# Places of the rings. They stay where they are when a hem moves (rings beyond it collapse into it), so that a longer
# sleeve changes the forearm and not the shading of the whole arm.
_SLEEVE_RINGS = (-0.085, -0.06, 0.0, 0.08, 0.17, 0.26, 0.34, 0.42, 0.50, 0.60, 0.72, 0.84, 0.93, 1.01)
_BARE_ARM_RINGS = (0.30, 0.42, 0.50, 0.60, 0.75, 0.90, 1.03)
_TROUSER_RINGS = (0.0, 0.13, 0.24, 0.32, 0.38, 0.43, 0.47, 0.50, 0.53, 0.57, 0.66, 0.76, 0.86, 0.93, 1.0)
_BARE_LEG_RINGS = (0.20, 0.30, 0.40, 0.47, 0.53, 0.65, 0.80, 0.92, 1.0)
_SKIRT_RINGS = (0.05, 0.14, 0.24, 0.33, 0.42, 0.52, 0.63, 0.75, 0.88, 1.0)
_HOODIE = 2
SKIRT_LEAST = 3  # codes of clothes_cut from here on are skirts and dresses


def trunk_radii(people: People, skeleton: Skeleton, place: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Half width, half depth and forward offset of the clothed trunk [N, R] in metres, at places along the spine."""
    stature, build, form = col(skeleton.stature), col(people["build"]), col(people["gender_form"])
    waist = 1.0 - (place - 0.32).abs().clamp_max(0.3) / 0.3
    chest = smoothstep(place, 0.55, 0.9)
    hips = 1.0 - smoothstep(place, 0.05, 0.3)
    shape = 1.0 + form * (0.06 * hips - 0.10 * waist - 0.08 * chest)
    bust = form.clamp_min(0.0) * 0.013 * (1.0 - (place - 0.72).abs().clamp_max(0.16) / 0.16)
    belly = (build - 1.0).clamp_min(0.0) * 0.08 * (1.0 - (place - 0.3).abs().clamp_max(0.35) / 0.35)
    ease = trunk_ease(people) * (1.0 - 0.6 * smoothstep(place, 0.95, 1.12))
    width = profile(place, _TRUNK_WIDTH) * stature * shape * build + ease
    depth = (profile(place, _TRUNK_DEPTH) * build + bust + belly) * stature + ease
    forward = (profile(place, _TRUNK_FORWARD) + bust + belly) * stature
    return width, depth, forward


def trunk_ease(people: People) -> Tensor:
    """How far the upper garment stands off the body, [N, 1] metres."""
    thick = (people["top_form"] >= _HOODIE).float()
    return col(0.012 + 0.008 * people["top_loose"] + 0.010 * thick)


def trunk_frame(skeleton: Skeleton, place: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Centre, front and left of the trunk [N, R, 3] at places along the spine; shoulders turn against the hips."""
    turn = smoothstep(place, 0.1, 0.8).unsqueeze(-1)
    left = unit(vec(skeleton.hip_left) * (1.0 - turn) + vec(skeleton.left) * turn)
    spine = vec(skeleton.spine).expand_as(left)
    front = unit(cross(left, spine))
    centre = vec(skeleton.pelvis) + spine * (place * 0.288 * col(skeleton.stature)).unsqueeze(-1)
    return centre, front, left


def trunk(people: People, skeleton: Skeleton) -> list[Tube]:
    """Upper garment from its hem to the neck, and the neck."""
    hem = -0.10 - 0.14 * people["top_hem"]
    steps = rings(hem, (0.0, 0.14, 0.3, 0.45, 0.6, 0.75, 0.86, 0.93, 1.0))
    below = col(hem) + (0.95 - col(hem)) * steps
    place = torch.cat((below, rings(hem, (1.02, 1.07, 1.12, 1.135))), dim=1)
    width, depth, forward = trunk_radii(people, skeleton, place)
    flare = (1.0 - steps / 0.3).clamp(0.0, 1.0) * col(0.008 + 0.012 * people["top_loose"])
    flare = torch.cat((flare, torch.zeros_like(place[:, :4])), dim=1)
    centre, front, left = trunk_frame(skeleton, place)
    shirt = make_tube(
        centre + front * forward.unsqueeze(-1), front, left, depth + flare, width + flare,
        material=Material.UPPER, segments=18, along=place, boxiness=0.25,
    )  # fmt: skip
    return [shirt, _neck(skeleton), _collar(people, skeleton)]


def _neck(skeleton: Skeleton) -> Tube:
    """From inside the collar to inside the skull."""
    step = rings(skeleton.stature, (0.0, 0.5, 1.0)).unsqueeze(-1)
    low = skeleton.neck + skeleton.spine * col(0.018 * skeleton.stature)
    high = skeleton.head - skeleton.head_up * col(0.030 * skeleton.head_scale)
    radius = 0.0325 * col(skeleton.stature)
    return make_tube(
        vec(low) * (1.0 - step) + vec(high) * step, vec(skeleton.head_front), vec(skeleton.head_left), radius,
        radius * 0.95, material=Material.HEAD, segments=10, along=rings(skeleton.stature, (-2.0, -1.8, -1.5)),
    )  # fmt: skip


def _collar(people: People, skeleton: Skeleton) -> Tube:
    """A stand-up collar (shirt, jacket) or a hood that lies on the back (hoodie)."""
    hood = col((people["top_form"] == _HOODIE).float())
    place = rings(hood, (1.055, 1.085, 1.125, 1.15, 1.13))
    centre, front, left = trunk_frame(skeleton, place)
    stature = col(skeleton.stature)
    wide = rings(hood, (0.046, 0.050, 0.046, 0.041, 0.033)) * stature
    puffed = rings(hood, (0.052, 0.064, 0.062, 0.052, 0.034)) * stature
    depth = wide * 0.88 * (1.0 - hood) + puffed * 0.85 * hood
    back = -(0.002 + 0.020 * hood) * stature
    return make_tube(
        centre + front * back.unsqueeze(-1), front, left, depth, wide * (1.0 - hood) + puffed * hood,
        material=Material.COLLAR, segments=14, along=place, present=people["top_form"] >= 1,
    )  # fmt: skip


def limb(root: Tensor, joint: Tensor, tip: Tensor, place: Tensor, *, knee: float) -> tuple[Tensor, Tensor]:
    """Centre and direction [N, R, 3] of a bent limb; place 0 = root, 0.5 = joint, 1 = tip, rounded over ±knee."""
    first, second = vec(joint - root) * 2.0, vec(tip - joint) * 2.0
    bent = smoothstep(place, 0.5 - knee, 0.5 + knee).unsqueeze(-1)
    direction = unit(unit(first) * (1.0 - bent) + unit(second) * bent)
    low, high = place.clamp_max(0.5).unsqueeze(-1), (place - 0.5).clamp_min(0.0).unsqueeze(-1)
    rounding = (1.0 - (place - 0.5).abs().clamp_max(knee) / knee).unsqueeze(-1)
    corner = (unit(second) - unit(first)) * rounding * rounding * (0.06 * knee)
    return vec(root) + first * low + second * high + corner, direction


def sleeves(people: People, skeleton: Skeleton) -> list[Tube]:
    """Both arms: sleeve, bare part and hand."""
    tubes = []
    length = col(people["up_length"])
    sleeve = torch.minimum(rings(length, _SLEEVE_RINGS), length)
    bare = torch.maximum(rings(length, _BARE_ARM_RINGS), length - 0.03)
    for side in (0, 1):
        joints = (skeleton.shoulder[:, side], skeleton.elbow[:, side], skeleton.wrist[:, side])
        for place, cloth in ((sleeve, True), (bare, False)):
            tubes.append(_arm_tube(people, skeleton, joints, place, cloth=cloth))
        tubes.append(_hand(skeleton, joints))
    return tubes


def _arm_tube(
    people: People, skeleton: Skeleton, joints: tuple[Tensor, Tensor, Tensor], place: Tensor, *, cloth: bool
) -> Tube:
    centre, direction = limb(*joints, place, knee=0.06)
    left = vec(skeleton.left).expand_as(direction)
    front = unit(cross(direction, left))
    stature = col(skeleton.stature)
    bulk = (0.55 + 0.45 * col(people["build"])) * (1.0 - 0.08 * col(people["gender_form"]))
    radius = profile(place, _ARM) * stature * bulk
    if cloth:
        at_hem = smoothstep(place, col(people["up_length"]) - 0.15, col(people["up_length"]))
        radius = radius + trunk_ease(people) * 0.75 * smoothstep(place, -0.02, 0.20) + 0.006 * at_hem
    material = Material.SLEEVE if cloth else Material.ARM_SKIN
    return make_tube(
        centre, front, unit(cross(direction, front)), radius, radius, material=material, segments=10, along=place
    )


def _hand(skeleton: Skeleton, joints: tuple[Tensor, Tensor, Tensor]) -> Tube:
    _, elbow, wrist = joints
    direction = unit(wrist - elbow)
    front = unit(cross(direction, skeleton.left))
    stature = col(skeleton.stature)
    step = rings(skeleton.stature, (-0.10, 0.0, 0.25, 0.55, 0.85, 1.0))
    width = rings(skeleton.stature, (0.013, 0.0145, 0.022, 0.024, 0.018, 0.006)) * stature
    centre = vec(wrist) + vec(direction) * (step * 0.098 * stature).unsqueeze(-1)
    left = unit(cross(direction, front))
    return make_tube(centre, vec(front), vec(left), width, width * 0.58, material=Material.HAND, segments=8)


def hips(people: People, skeleton: Skeleton) -> Tube:
    """The lower garment between waist and crotch."""
    stature, build = col(skeleton.stature), col(people["build"])
    place = rings(stature, (0.20, 0.05, -0.10, -0.20, -0.26, -0.28))
    shape = build * (1.0 + 0.05 * col(people["gender_form"]))
    width = rings(stature, (0.085, 0.093, 0.0975, 0.090, 0.050, 0.01)) * stature * shape + 0.004
    depth = rings(stature, (0.058, 0.064, 0.068, 0.060, 0.042, 0.01)) * stature * build + 0.004
    centre, front, left = trunk_frame(skeleton, place)
    return make_tube(
        centre - front * (0.006 * stature).unsqueeze(-1), front, left, depth, width, material=Material.LOWER,
        segments=16, along=-0.53 * place, boxiness=0.2, present=people["clothes_cut"] < SKIRT_LEAST, downward=True,
    )  # fmt: skip


def legs(people: People, skeleton: Skeleton) -> list[Tube]:
    """Both legs: trouser leg (when there is one), bare part and shoe."""
    tubes = []
    pants = people["clothes_cut"] < SKIRT_LEAST
    length = col(people["down_length"])
    cloth = torch.minimum(rings(length, _TROUSER_RINGS), length)
    bare = torch.maximum(rings(length, _BARE_LEG_RINGS), length - torch.where(col(pants), 0.03, 0.16))
    for side in (0, 1):
        tubes.append(leg_tube(people, skeleton, side, cloth, cloth=True, present=pants))
        tubes.append(leg_tube(people, skeleton, side, bare, cloth=False, present=torch.ones_like(pants)))
        tubes.append(_shoe(skeleton, side))
    return tubes


def leg_radius(people: People, skeleton: Skeleton, place: Tensor) -> Tensor:
    """Radius of the bare leg [N, R] in metres."""
    bulk = (0.4 + 0.6 * col(people["build"])) * (1.0 + 0.03 * col(people["gender_form"]))
    return profile(place, _LEG) * col(skeleton.stature) * bulk


def leg_tube(people: People, skeleton: Skeleton, side: int, place: Tensor, *, cloth: bool, present: Tensor) -> Tube:
    """One leg, clothed or bare."""
    joints = (skeleton.hip[:, side], skeleton.knee[:, side], skeleton.ankle[:, side])
    centre, direction = limb(*joints, place, knee=0.09)
    left = vec(skeleton.hip_left).expand_as(direction)
    front = unit(cross(direction, left))
    radius = leg_radius(people, skeleton, place)
    if cloth:
        cut, flare = col(people["clothes_cut"]), col(people["clothes_flare"])
        loose = (0.006 + 0.010 * cut) + (0.004 + 0.012 * cut) * flare * smoothstep(place, 0.2, 0.9)
        short = smoothstep(place, col(people["down_length"]) - 0.25, col(people["down_length"]))
        loose = loose + 0.018 * short * (col(people["down_length"]) < 0.6).float()
        radius = radius + loose
    material = Material.TROUSER if cloth else Material.LEG_SKIN
    return make_tube(
        centre, front, unit(cross(direction, front)), radius * 1.04, radius, material=material, segments=12,
        along=place, present=present,
    )  # fmt: skip


def _shoe(skeleton: Skeleton, side: int) -> Tube:
    stature = col(skeleton.stature)
    toe = skeleton.toe_direction[:, side]
    left = unit(skeleton.hip_left - toe * col(dot(skeleton.hip_left, toe)))
    up = unit(cross(toe, left))
    step = rings(stature, (-0.047, -0.040, -0.01, 0.03, 0.065, 0.105, 0.135, 0.145)) * stature
    height = rings(stature, (0.008, 0.024, 0.031, 0.026, 0.020, 0.015, 0.011, 0.004)) * stature
    width = rings(stature, (0.012, 0.021, 0.024, 0.025, 0.028, 0.029, 0.022, 0.008)) * stature
    centre = (
        vec(skeleton.ankle[:, side])
        + vec(toe) * step.unsqueeze(-1)
        - vec(up) * (0.043 * stature - height).unsqueeze(-1)
    )
    return make_tube(
        centre, vec(up), vec(unit(cross(toe, up))), height, width, material=Material.SHOE, segments=10, boxiness=0.5
    )


def skirt(people: People, skeleton: Skeleton) -> Tube:
    """Skirt or dress: rings wide enough for both legs at their height, so that no leg can come through."""
    stature = col(skeleton.stature)
    samples = rings(stature, [k / 12 for k in range(13)])
    legs_at = [
        limb(skeleton.hip[:, s], skeleton.knee[:, s], skeleton.ankle[:, s], samples, knee=0.09)[0] for s in (0, 1)
    ]
    heels = skeleton.ankle - skeleton.toe_direction * (0.040 * skeleton.stature).view(-1, 1, 1)
    points = torch.cat((*legs_at, heels), dim=1)
    radius = leg_radius(people, skeleton, samples) + 0.012
    radius = torch.cat((radius, radius, (0.026 * stature).expand(-1, 2)), dim=1)
    length = col(people["down_length"])
    fall = torch.minimum(rings(stature, _SKIRT_RINGS), length)
    height = skeleton.hip[:, 0, 2:3] * 0.5 + skeleton.hip[:, 1, 2:3] * 0.5 - fall * 0.49 * stature
    near = (points[..., 2].unsqueeze(1) - height.unsqueeze(2)).abs() < 0.09 * stature.unsqueeze(-1)
    limits = [
        torch.where(near, points[..., axis].unsqueeze(1) + sign * radius.unsqueeze(1), -sign * 9.0)
        for axis, sign in ((0, 1.0), (0, -1.0), (1, 1.0), (1, -1.0))
    ]
    front = limits[0].amax(dim=2).cummax(dim=1).values
    back = limits[1].amin(dim=2).cummin(dim=1).values
    left = limits[2].amax(dim=2).cummax(dim=1).values
    right = limits[3].amin(dim=2).cummin(dim=1).values
    return _skirt_tube(people, skeleton, fall, height, (front, back, left, right))


def _skirt_tube(
    people: People, skeleton: Skeleton, fall: Tensor, height: Tensor, limits: tuple[Tensor, Tensor, Tensor, Tensor]
) -> Tube:
    """The tube through a waist band on the trunk and the rings that hold the legs and the tail of the shirt."""
    front, back, left, right = limits
    stature = col(skeleton.stature)
    place = torch.cat((rings(fall, (0.33, 0.20, 0.06)), -fall * (0.49 / 0.288)), dim=1)
    width, depth, forward = trunk_radii(people, skeleton, place.clamp_min(-0.25))
    centre, trunk_front, trunk_left = trunk_frame(skeleton, place)
    tail = 0.010 + (0.008 + 0.012 * people["top_loose"].unsqueeze(-1)) * smoothstep(-place, -0.25, 0.05)
    width, depth = width + tail + 0.004, depth + tail + 0.004
    flare = (0.01 + 0.05 * col(people["clothes_flare"])) * fall
    ahead, aside = centre[:, 3:, 0] + forward[:, 3:], centre[:, 3:, 1]
    near = (fall < 0.20 * stature).float() * 9.0 - 9.0  # the shirt's tail ends above this
    front, back = torch.maximum(front, ahead + depth[:, 3:] + near), torch.minimum(back, ahead - depth[:, 3:] - near)
    left, right = torch.maximum(left, aside + width[:, 3:] + near), torch.minimum(right, aside - width[:, 3:] - near)
    front, left = front.cummax(dim=1).values, left.cummax(dim=1).values
    back, right = back.cummin(dim=1).values, right.cummin(dim=1).values
    ground = torch.stack(((front + back) * 0.5, (left + right) * 0.5, height), dim=-1)
    level_front, level_left = (vec(v).expand_as(ground) for v in (skeleton.hip_front, skeleton.hip_left))
    waist = centre[:, :3] + trunk_front[:, :3] * forward[:, :3].unsqueeze(-1)
    return make_tube(
        torch.cat((waist, ground), dim=1), torch.cat((trunk_front[:, :3], level_front), dim=1),
        torch.cat((trunk_left[:, :3], level_left), dim=1),
        torch.cat((depth[:, :3], (front - back) * 0.5 + flare), dim=1),
        torch.cat((width[:, :3], (left - right) * 0.5 + flare), dim=1),
        material=Material.TROUSER, segments=20, along=torch.cat((-0.53 * place[:, :3], fall), dim=1), boxiness=0.45,
        present=people["clothes_cut"] >= SKIRT_LEAST, downward=True,
    )  # fmt: skip
