"""A party at one camera: where its members walk, who and what is in the way, and the detector's box around each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from random import Random

from whyreid.pedestrians.camera import CAMERAS, Camera
from whyreid.pedestrians.identity import Identity
from whyreid.pedestrians.shot import Shot

FPS = 25.0
_SPEED, _CADENCE = 1.25, 0.92  # metres and walking cycles a second


def party_at_camera(
    members: list[Identity],
    crowd: Sequence[Identity],
    domain: str,
    camera: int,
    moment: float,
    count: int,
    random: Random,
) -> list[list[tuple[int, Shot]]]:
    """Everybody's shots at one camera: a straight line side by side, exposures some tenths of a second apart.

    Args:
        members: the party, from its left to its right.
        crowd: people of the same split, from whom passers-by are taken.
        domain: "A" or "B".
        camera: 0..3.
        moment: seconds of the world's clock at which the party comes into view.
        count: shots of each member.
        random: source of all draws.

    Returns:
        for every member its (person, shot) pairs in the order of time.
    """
    view = CAMERAS[domain][camera]
    heading = view.heading + random.choice((0.0, 0.5)) + random.uniform(-view.spread, view.spread)
    start = (random.uniform(-1.2, 1.2), random.uniform(view.near, view.far))
    daylight = (random.uniform(0.74, 1.26), max(-0.16, min(0.16, random.gauss(0.0, 0.07))))
    phases = [random.random() for _ in members]
    instants = sorted(random.uniform(-1.6, 1.6) for _ in range(count))
    rows: list[list[tuple[int, Shot]]] = [[] for _ in members]
    for instant in instants:
        shots = []
        for rank, phase in enumerate(phases):
            aside = 0.72 * (rank - (len(members) - 1) / 2)
            place = _place(view, start, heading, _SPEED * instant, aside)
            time = round((moment + 4.0 + instant) * FPS)
            shots.append(_exposure(domain, camera, time, place, heading, phase + _CADENCE * instant, daylight, random))
        for rank, member in enumerate(members):
            shot = _with_company(shots, rank, members, crowd, random)
            rows[rank].append((member.person, _framed(shot, member, random)))
    return rows


def _place(view: Camera, start: tuple[float, float], heading: float, ahead: float, aside: float) -> tuple[float, float]:
    """Where somebody is who walks ``aside`` metres left of a line, ``ahead`` metres past its start."""
    east, north = math.cos(2 * math.pi * heading), math.sin(2 * math.pi * heading)
    x, y = start[0] + east * ahead - north * aside, start[1] + north * ahead + east * aside
    return round(x, 3), round(min(max(y, view.near - 0.8), view.far + 1.0), 3)


def _exposure(
    domain: str,
    camera: int,
    time: int,
    place: tuple[float, float],
    heading: float,
    phase: float,
    daylight: tuple[float, float],
    random: Random,
) -> Shot:
    """A shot without its crop box, with small chances; ``daylight`` says how much light there is and how warm."""
    return Shot(
        domain, camera, time, *place, heading=round(heading + random.gauss(0.0, 0.012), 4),
        phase=round(phase % 1.0, 4), stride=round(random.uniform(0.75, 1.05), 3),
        head_turn=round(random.gauss(0.0, 0.05), 4), box_x=0.0, box_y=0.0, box_height=1.0,
        exposure=round(daylight[0] * random.uniform(0.95, 1.05), 3), warmth=round(daylight[1], 3),
        seed=random.getrandbits(31),
    )  # fmt: skip


def _with_company(
    shots: Sequence[Shot], rank: int, members: Sequence[Identity], crowd: Sequence[Identity], random: Random
) -> Shot:
    """The shot with the neighbour of the party, a passer-by or an obstacle in it, as chance has it."""
    shot, chance = shots[rank], random.random()
    if len(members) > 1:
        neighbour = rank + 1 if rank + 1 < len(members) and (rank == 0 or chance < 0.5) else rank - 1
        return _beside(shot, shots[neighbour], members[neighbour])
    if chance < 0.08:
        passer = random.choice(crowd)
        return shot if passer.person == members[rank].person else _passed_by(shot, passer, random)
    if chance < 0.24:
        return _obstructed(shot, random)
    return shot


def _beside(shot: Shot, there: Shot, other: Identity) -> Shot:
    return replace(
        shot, other_person=other.person, other=other, other_x=there.x, other_y=there.y, other_heading=there.heading,
        other_phase=there.phase, other_stride=there.stride,
    )  # fmt: skip


def _nearer(
    shot: Shot, random: Random, *, metres: tuple[float, float], aside: tuple[float, float]
) -> tuple[float, float]:
    """A place between the camera and the person, somewhat to one side."""
    share = 1.0 - random.uniform(*metres) / math.hypot(shot.x, shot.y)
    away = random.uniform(*aside) * random.choice((-1, 1))
    return round(shot.x * share + away, 3), round(shot.y * share, 3)


def _passed_by(shot: Shot, passer: Identity, random: Random) -> Shot:
    x, y = _nearer(shot, random, metres=(0.7, 1.3), aside=(0.28, 0.50))
    return replace(
        shot, other_person=passer.person, other=passer, other_x=x, other_y=y, other_heading=round(random.random(), 4),
        other_phase=round(random.random(), 4), other_stride=round(random.uniform(0.7, 1.0), 3),
    )  # fmt: skip


def _obstructed(shot: Shot, random: Random) -> Shot:
    kind = random.choice(("pole", "box", "bicycle"))
    x, y = _nearer(shot, random, metres=(0.7, 1.2), aside=(0.06, 0.30))
    turn = random.uniform(-0.06, 0.06) if kind == "bicycle" else random.random()
    return replace(shot, occluder=kind, occluder_x=x, occluder_y=y, occluder_heading=round(turn, 4))


def _on_picture_plane(camera: Camera, x: float, y: float, z: float) -> tuple[float, float]:
    cos, sin = math.cos(math.radians(camera.pitch)), math.sin(math.radians(camera.pitch))
    depth = y * cos - (z - camera.height) * sin
    return x / depth, (y * sin + (z - camera.height) * cos) / depth


def _framed(shot: Shot, identity: Identity, random: Random, *, sloppy: float = 1.0) -> Shot:
    """The shot with a detector's box around the person: head to feet with a margin, a little off."""
    camera = CAMERAS[shot.domain][shot.camera]
    stature = identity.height * (0.90 if identity.age == "young" else 1.0)
    left, bottom = _on_picture_plane(camera, shot.x, shot.y, 0.0)
    right, top = _on_picture_plane(camera, shot.x, shot.y, stature)
    tall = (top - bottom) * (1.11 + sloppy * random.uniform(-0.06, 0.12))
    x = 0.5 * (left + right) + sloppy * random.gauss(0.0, 0.028) * tall
    y = 0.5 * (top + bottom) + sloppy * random.gauss(0.0, 0.02) * tall
    return replace(shot, box_x=round(x, 6), box_y=round(y, 6), box_height=round(tall, 6))
