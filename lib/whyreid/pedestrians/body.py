"""A walking skeleton: joints of a body at a moment of its step, and the frames of trunk and head.

Body frame: x forward (the walking direction), y to the person's left, z up, metres, ground at z = 0. Segment lengths
are the usual fractions of stature (Winter, Biomechanics and Motor Control of Human Movement, ch. 4); the joint angles
are smooth curves drawn after the shape of normal gait (hip about +25..−12 degrees, knee flexion with a small peak in
stance and one of 60 degrees in swing), not fitted to measurements.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from whyreid.pedestrians.exact import bump, cosine, cross, sine, unit

DEGREE = 1.0 / 360.0  # in turns


@dataclass(frozen=True)
class Skeleton:
    """Joints [N, 3] and unit vectors [N, 3] in the body frame; limbs have a side axis [N, 2, 3] (0 left, 1 right).

    Attributes:
        stature: [N] height scale in metres (a child's body is smaller than its `height`).
        pelvis, neck: centre between the hip joints, centre between the shoulders.
        spine, front, left: up the trunk, and the directions of the chest (front) and of the left shoulder.
        hip_front, hip_left: the same for the pelvis, which turns against the shoulders.
        head, head_front, head_left, head_up: centre of the skull and its frame.
        hip, knee, ankle, toe_direction; shoulder, elbow, wrist: joints of the limbs.
    """

    stature: Tensor
    pelvis: Tensor
    neck: Tensor
    spine: Tensor
    front: Tensor
    left: Tensor
    hip_front: Tensor
    hip_left: Tensor
    head: Tensor
    head_front: Tensor
    head_left: Tensor
    head_up: Tensor
    head_scale: Tensor
    hip: Tensor
    knee: Tensor
    ankle: Tensor
    toe_direction: Tensor
    shoulder: Tensor
    elbow: Tensor
    wrist: Tensor


def vector(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    """Components to [..., 3]."""
    return torch.stack(torch.broadcast_tensors(x, y, z), dim=-1)


def _sagittal(angle: Tensor, aside: Tensor) -> Tensor:
    """Unit direction of a hanging limb: ``angle`` turns forward of straight down, leaning ``aside`` to the left."""
    return unit(vector(sine(angle), aside, -cosine(angle)))


def _heading(turns: Tensor) -> tuple[Tensor, Tensor]:
    """Front and left of something that is turned about the vertical."""
    zero = torch.zeros_like(turns)
    return vector(cosine(turns), sine(turns), zero), vector(-sine(turns), cosine(turns), zero)


def _leg_angles(cycle: Tensor, stride: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Thigh from vertical, knee flexion and toe-up pitch of the foot, in turns, for a place in the cycle [N, 2]."""
    thigh = (4.0 + 19.0 * cosine(cycle - 0.92)) * stride
    knee = 5.0 + (13.0 * bump(cycle, 0.14, 0.30) + 56.0 * bump(cycle, 0.72, 0.50)) * stride
    foot = (17.0 * bump(cycle, 0.0, 0.30) - 52.0 * bump(cycle, 0.62, 0.46)) * stride
    return thigh * DEGREE, knee * DEGREE, foot * DEGREE


def walk(people: dict[str, Tensor], phase: Tensor, stride: Tensor, head_turn: Tensor) -> Skeleton:
    """The skeleton of persons in mid-step.

    Args:
        people: from `people.stack_people`, N persons.
        phase: [N] place in the walking cycle in turns; 0 = left heel strikes.
        stride: [N] length of the step relative to the person's own (0 = stands).
        head_turn: [N] the head's turn to the left, in turns.
    """
    stature = people["height"] * (1.0 - 0.14 * people["young"])
    side = torch.tensor([1.0, -1.0], device=phase.device).expand(phase.shape[0], 2)
    cycle = torch.stack((phase, phase + 0.5), dim=-1)
    swing = (stride * people["stride"]).unsqueeze(-1)
    twist = 6.0 * DEGREE * stride * cosine(phase - 0.92)  # of the shoulders; the hips turn the other way
    hip_front, hip_left = _heading(-twist * 0.7)
    hip, knee, ankle, toe = _legs(people, stature, cycle, swing, side, hip_left)
    up = _standing(stature, ankle, toe)
    spine, front, left = _trunk(people, twist)
    neck = up + spine * (0.288 * stature).unsqueeze(-1)
    shoulder, elbow, wrist = _arms(people, stature, cycle, swing, side, (neck, spine, left))
    head, head_front, head_left, head_up, head_scale = _head(people, stature, head_turn, (neck, spine, front))
    lift = up.unsqueeze(1)
    return Skeleton(
        stature=stature, pelvis=up, neck=neck, spine=spine, front=front, left=left, hip_front=hip_front,
        hip_left=hip_left, head=head, head_front=head_front, head_left=head_left, head_up=head_up,
        head_scale=head_scale, hip=hip + lift, knee=knee + lift, ankle=ankle + lift, toe_direction=toe,
        shoulder=shoulder, elbow=elbow, wrist=wrist,
    )  # fmt: skip


def _legs(
    people: dict[str, Tensor], stature: Tensor, cycle: Tensor, swing: Tensor, side: Tensor, hip_left: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Hip, knee, ankle and direction of the toes, [N, 2, 3], with the pelvis at the origin."""
    size = stature.unsqueeze(-1)
    thigh, knee_flexion, pitch = _leg_angles(cycle, swing)
    offset = side * size * 0.050 * (1.0 + 0.05 * people["gender_form"].unsqueeze(-1))
    hip = hip_left.unsqueeze(1) * offset.unsqueeze(-1)
    inward, length = -0.035 * side, size.unsqueeze(-1) * 0.245
    knee = hip + _sagittal(thigh, inward) * length
    ankle = knee + _sagittal(thigh - knee_flexion, inward * 0.3) * length
    return hip, knee, ankle, unit(vector(cosine(pitch), 0.12 * side, sine(pitch)))


def _standing(stature: Tensor, ankle: Tensor, toe: Tensor) -> Tensor:
    """Where the pelvis is when the lower foot, toe or heel, stands on the ground: [N, 3]."""
    size, pitch = stature.unsqueeze(-1), toe[..., 2]
    lowest = torch.minimum(ankle[..., 2] + pitch * 0.105 * size, ankle[..., 2] - pitch * 0.03 * size).amin(dim=1)
    rise = 0.043 * stature - lowest
    return vector(torch.zeros_like(rise), torch.zeros_like(rise), rise)


def _trunk(people: dict[str, Tensor], twist: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Directions up the spine, of the chest and of the left shoulder, [N, 3]."""
    _, left = _heading(twist)
    lean = (2.0 + 7.0 * people["age_stoop"]) * DEGREE
    spine = unit(vector(sine(lean), torch.zeros_like(lean), cosine(lean)))
    return spine, unit(cross(left, spine)), left


def _arms(
    people: dict[str, Tensor], stature: Tensor, cycle: Tensor, swing: Tensor, side: Tensor, trunk: tuple[Tensor, ...]
) -> tuple[Tensor, Tensor, Tensor]:
    """Shoulder, elbow and wrist [N, 2, 3]; arms swing against the legs. ``trunk`` is neck, spine and left."""
    neck, spine, left = (part.unsqueeze(1) for part in trunk)
    size = stature.unsqueeze(-1)
    form, build = people["gender_form"].unsqueeze(-1), people["build"].unsqueeze(-1)
    width = side * size * (0.106 - 0.011 * form) * (0.8 + 0.2 * build)
    shoulder = neck + left * width.unsqueeze(-1) - spine * (0.026 * size).unsqueeze(-1)
    reach = -13.0 * swing * people["swing"].unsqueeze(-1) * cosine(cycle - 0.92)
    aside = side * (0.13 + 0.16 * (build - 0.9))
    elbow = shoulder + _sagittal((reach - 3.0) * DEGREE, aside) * (0.180 * size).unsqueeze(-1)
    bend = 14.0 + 8.0 * swing + 0.5 * reach.clamp_min(0.0)
    return shoulder, elbow, elbow + _sagittal((reach + bend) * DEGREE, aside * 0.2) * (0.150 * size).unsqueeze(-1)


def _head(
    people: dict[str, Tensor], stature: Tensor, head_turn: Tensor, trunk: tuple[Tensor, ...]
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Centre, front, left and up of the skull [N, 3] and its size [N]. ``trunk`` is neck, spine and front."""
    neck, spine, front = trunk
    _, left = _heading(head_turn)
    nod = people["age_stoop"] * 4.0 * DEGREE
    up = unit(vector(sine(nod), torch.zeros_like(nod), cosine(nod)))
    scale = stature * (1.0 + 0.16 * people["young"])
    carried = spine * 0.052 + front * (0.012 + 0.018 * people["age_stoop"].unsqueeze(-1))
    centre = neck + carried * stature.unsqueeze(-1) + up * (0.066 * scale).unsqueeze(-1)
    return centre, unit(cross(left, up)), left, up, scale
