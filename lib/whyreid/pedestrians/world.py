"""Who walks where and when: persons alone or in groups, their way through the cameras, and every shot of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from whyreid.pedestrians.camera import CAMERAS, Camera
from whyreid.pedestrians.identity import Identity
from whyreid.pedestrians.population import Correlation, group_distributions, populate
from whyreid.pedestrians.shot import Shot

FPS = 25.0
DOMAINS = ("A", "B")
_FIRST_PERSON = {"A": 1, "B": 20001}
_FIRST_STRANGER = {"A": 100001, "B": 120001}
_SPEED, _CADENCE = 1.25, 0.92  # metres and walking cycles a second

# Mean seconds on foot between two cameras; times are drawn around it.
_TRAVEL: dict[str, tuple[tuple[int, ...], ...]] = {
    "A": ((0, 24, 70, 110), (24, 0, 45, 80), (70, 45, 0, 38), (110, 80, 38, 0)),
    "B": ((0, 60, 32, 95), (60, 0, 85, 40), (32, 85, 0, 66), (95, 40, 66, 0)),
}


@dataclass(frozen=True)
class Preset:
    """Size of one domain.

    Attributes:
        train: training identities, a fifth of which is `val`; test: test identities; shots: pictures of each.
        strangers: gallery pictures of people who are nobody's match (pid 0), some of them badly cropped.
        height, width: of the pictures.
    """

    train: int
    test: int
    shots: int
    strangers: int
    height: int
    width: int


PRESETS: dict[str, Preset] = {
    "smoke": Preset(24, 12, 6, 8, 128, 64),
    "default": Preset(250, 100, 8, 120, 128, 64),
    "full": Preset(250, 100, 8, 120, 128, 64),
    "paper": Preset(3000, 1000, 12, 2000, 256, 128),
}


@dataclass(frozen=True)
class Sighting:
    """One picture to be: a row of images.csv."""

    pid: int
    person: int
    split: str
    shot: Shot


@dataclass(frozen=True)
class World:
    """All people of a domain and every shot of them.

    Attributes:
        people: person number -> looks; strangers included.
        sightings: in the order of the table.
        family: person -> first person of the family of look-alikes; party: person -> first person of the walking group.
    """

    people: dict[int, Identity]
    sightings: tuple[Sighting, ...]
    family: dict[int, int]
    party: dict[int, int]


def make_world(
    domain: str,
    preset: Preset,
    seed: int,
    *,
    frequencies: Mapping[str, float] | str = "market",
    correlation: Correlation | None = None,
) -> World:
    """Plan a domain: the same arguments give the same world, and no identity or seed is shared between domains."""
    if domain not in DOMAINS:
        raise ValueError(f"domain must be one of {list(DOMAINS)}, got {domain!r}; choose one of them.")
    distributions = group_distributions(frequencies)
    people: dict[int, Identity] = {}
    family: dict[int, int] = {}
    party: dict[int, int] = {}
    sightings: list[Sighting] = []
    first = _FIRST_PERSON[domain]
    for split, count in _split_sizes(preset).items():
        random = Random(f"promenade/{seed}/{domain}/{split}")
        numbers = range(first, first + count)
        first += count
        crowd, families = populate(numbers, random, distributions=distributions, correlation=correlation)
        people |= {identity.person: identity for identity in crowd}
        family |= families
        for members in _parties(crowd, random):
            party |= {member.person: members[0].person for member in members if len(members) > 1}
            sightings += _walk_through(members, crowd, split, domain, preset.shots, random)
    random = Random(f"promenade/{seed}/{domain}/strangers")
    numbers = range(_FIRST_STRANGER[domain], _FIRST_STRANGER[domain] + preset.strangers)
    crowd, _ = populate(numbers, random, distributions=distributions, look_alikes=0.0)
    people |= {identity.person: identity for identity in crowd}
    sightings += [_stranger(identity, domain, random) for identity in crowd]
    order = {"train": 0, "val": 1, "query": 2, "gallery": 3}
    sightings.sort(key=lambda s: (order[s.split], s.pid == 0, s.person, s.shot.camera, s.shot.time))
    return World(people, tuple(sightings), family, party)


def _split_sizes(preset: Preset) -> dict[str, int]:
    held_out = round(preset.train / 5)
    return {"train": preset.train - held_out, "val": held_out, "test": preset.test}


def _parties(people: Sequence[Identity], random: Random) -> list[list[Identity]]:
    """Persons in random parties: alone, or two to four together (about two in five walk in company)."""
    waiting = list(people)
    random.shuffle(waiting)
    parties = []
    while waiting:
        size = random.choices((1, 2, 3, 4), (72, 17, 7, 4))[0]
        parties.append([waiting.pop() for _ in range(min(size, len(waiting)))])
    return parties


def _walk_through(
    members: list[Identity], crowd: Sequence[Identity], split: str, domain: str, shots: int, random: Random
) -> list[Sighting]:
    """A party's way through the cameras: some cameras in some order, several shots of every member at each."""
    visits = max(2, min(4, shots // 2))
    if visits == 4 and random.random() < 0.3:
        visits = 3
    cameras = random.sample(range(4), visits)
    moment = random.uniform(0.0, 3600.0)
    sightings: list[Sighting] = []
    for number, camera in enumerate(cameras):
        if number:
            moment += _TRAVEL[domain][cameras[number - 1]][camera] * random.uniform(0.8, 1.3)
        count = shots // visits + (number < shots % visits)
        for row in _visit(members, crowd, domain, camera, moment, count, random):
            chosen = random.randrange(count)
            sightings += [
                Sighting(person, person, _row_split(split, index == chosen), shot)
                for index, (person, shot) in enumerate(row)
            ]
    return sightings


def _row_split(split: str, is_query: bool) -> str:
    return ("query" if is_query else "gallery") if split == "test" else split


def _visit(
    members: list[Identity],
    crowd: Sequence[Identity],
    domain: str,
    camera: int,
    moment: float,
    count: int,
    random: Random,
) -> list[list[tuple[int, Shot]]]:
    """Everybody's shots at one camera: a straight line side by side, exposures some tenths of a second apart."""
    view = CAMERAS[domain][camera]
    heading = view.heading + random.choice((0.0, 0.5)) + random.uniform(-view.spread, view.spread)
    ahead = (math.cos(2 * math.pi * heading), math.sin(2 * math.pi * heading))
    start = (random.uniform(-1.2, 1.2), random.uniform(view.near, view.far))
    rows: list[list[tuple[int, Shot]]] = [[] for _ in members]
    cloudiness = random.uniform(0.88, 1.12)
    phases = [random.random() for _ in members]
    instants = sorted(random.uniform(-1.6, 1.6) for _ in range(count))
    for instant in instants:
        shots = []
        for rank, member in enumerate(members):
            aside = 0.72 * (rank - (len(members) - 1) / 2)
            step = _SPEED * instant
            x = start[0] + ahead[0] * step - ahead[1] * aside
            y = min(max(start[1] + ahead[1] * step + ahead[0] * aside, view.near - 0.8), view.far + 1.0)
            shots.append(
                Shot(
                    domain, camera, round((moment + 4.0 + instant) * FPS), round(x, 3), round(y, 3),
                    round(heading + random.gauss(0.0, 0.012), 4), round((phases[rank] + _CADENCE * instant) % 1.0, 4),
                    round(random.uniform(0.75, 1.05), 3), round(random.gauss(0.0, 0.05), 4), 0.0, 0.0, 1.0,
                    round(cloudiness * random.uniform(0.96, 1.04), 3), random.getrandbits(31),
                )
            )  # fmt: skip
        for rank, member in enumerate(members):
            shot = _with_company(shots, rank, members, crowd, random)
            rows[rank].append((member.person, _framed(shot, member, random)))
    return rows


def _with_company(
    shots: Sequence[Shot], rank: int, members: Sequence[Identity], crowd: Sequence[Identity], random: Random
) -> Shot:
    """The shot with the neighbour of the party, a passer-by or an obstacle in it, as chance has it."""
    shot, chance = shots[rank], random.random()
    if len(members) > 1:
        neighbour = rank + 1 if rank + 1 < len(members) and (rank == 0 or chance < 0.5) else rank - 1
        return _beside(shot, shots[neighbour], members[neighbour])
    if chance < 0.06:
        passer = random.choice(crowd)
        return shot if passer.person == members[rank].person else _passed_by(shot, passer, random)
    if chance < 0.16:
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
    tall = (top - bottom) * (1.10 + sloppy * random.uniform(-0.03, 0.07))
    x = 0.5 * (left + right) + sloppy * random.gauss(0.0, 0.02) * tall
    y = 0.5 * (top + bottom) + sloppy * random.gauss(0.0, 0.012) * tall
    return replace(shot, box_x=round(x, 6), box_y=round(y, 6), box_height=round(tall, 6))


def _stranger(identity: Identity, domain: str, random: Random) -> Sighting:
    """A distractor of the gallery: somebody else, in a third of the cases badly boxed."""
    row = _visit([identity], [identity], domain, random.randrange(4), random.uniform(0.0, 3600.0), 1, random)[0]
    shot = row[0][1]
    if random.random() < 0.35:
        zoom, shift = random.choice(((0.55, 0.25), (0.6, -0.25), (1.7, 0.0), (1.0, 0.35), (1.0, -0.35)))
        shot = replace(
            shot, box_y=round(shot.box_y + shift * shot.box_height, 6), box_height=round(shot.box_height * zoom, 6)
        )
    return Sighting(0, identity.person, "gallery", shot)
