"""Who walks where and when: persons alone or in groups, their way through the cameras, and every shot of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from whyreid.pedestrians.identity import Identity
from whyreid.pedestrians.population import Correlation, group_distributions, look_alike, populate
from whyreid.pedestrians.shot import Shot
from whyreid.pedestrians.visit import party_at_camera

DOMAINS = ("A", "B")
_FIRST_PERSON = {"A": 1, "B": 20001}
_FIRST_STRANGER = {"A": 100001, "B": 120001}

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
    "default": Preset(250, 100, 8, 200, 128, 64),
    "full": Preset(250, 100, 8, 200, 128, 64),
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
    world = World({}, (), {}, {})
    first = _FIRST_PERSON[domain]
    for split, count in _split_sizes(preset).items():
        random = Random(f"promenade/{seed}/{domain}/{split}")
        numbers = range(first, first + count)
        crowd, family = populate(numbers, random, distributions=distributions, correlation=correlation)
        world = _joined(world, _settle(crowd, family, split, domain, preset.shots, random))
        first += count
    world = _joined(world, _strangers(domain, preset.strangers, world, distributions, seed))
    return replace(world, sightings=tuple(sorted(world.sightings, key=_row_order)))


def _strangers(
    domain: str, count: int, world: World, distributions: Mapping[str, Mapping[str, float]], seed: int
) -> World:
    """People of the gallery whom nobody asks for; every other one looks like a test identity."""
    random = Random(f"promenade/{seed}/{domain}/strangers")
    numbers = range(_FIRST_STRANGER[domain], _FIRST_STRANGER[domain] + count)
    crowd, _ = populate(numbers, random, distributions=distributions, look_alikes=0.0)
    tested = sorted({sighting.pid for sighting in world.sightings if sighting.split == "query"})
    family: dict[int, int] = {}
    for place in range(0, count, 2):
        model = world.people[random.choice(tested)]
        crowd[place] = look_alike(model, numbers[place], distributions, random)
        first = world.family.get(model.person, model.person)
        family |= {model.person: first, numbers[place]: first}
    sightings = tuple(_stranger(identity, domain, random) for identity in crowd)
    return World({identity.person: identity for identity in crowd}, sightings, family, {})


def _row_order(sighting: Sighting) -> tuple[int, bool, int, int, int]:
    """Splits in their order, strangers last, then by person, camera and time."""
    order = {"train": 0, "val": 1, "query": 2, "gallery": 3}[sighting.split]
    return order, sighting.pid == 0, sighting.person, sighting.shot.camera, sighting.shot.time


def _joined(first: World, second: World) -> World:
    return World(
        first.people | second.people, first.sightings + second.sightings, first.family | second.family,
        first.party | second.party,
    )  # fmt: skip


def _settle(
    crowd: Sequence[Identity], family: dict[int, int], split: str, domain: str, shots: int, random: Random
) -> World:
    """The people of one split on their ways, alone or in parties."""
    party: dict[int, int] = {}
    sightings: list[Sighting] = []
    for members in _parties(crowd, random):
        party |= {member.person: members[0].person for member in members if len(members) > 1}
        sightings += _walk_through(members, crowd, split, domain, shots, random)
    return World({identity.person: identity for identity in crowd}, tuple(sightings), family, party)


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
        for row in party_at_camera(members, crowd, domain, camera, moment, count, random):
            chosen = random.randrange(count)
            sightings += [
                Sighting(person, person, _row_split(split, index == chosen), shot)
                for index, (person, shot) in enumerate(row)
            ]
    return sightings


def _row_split(split: str, is_query: bool) -> str:
    return ("query" if is_query else "gallery") if split == "test" else split


def _stranger(identity: Identity, domain: str, random: Random) -> Sighting:
    """A distractor of the gallery: somebody else, in a third of the cases badly boxed."""
    row = party_at_camera([identity], [identity], domain, random.randrange(4), random.uniform(0.0, 3600.0), 1, random)[
        0
    ]
    shot = row[0][1]
    if random.random() < 0.35:
        zoom, shift = random.choice(((0.55, 0.25), (0.6, -0.25), (1.7, 0.0), (1.0, 0.35), (1.0, -0.35)))
        shot = replace(
            shot, box_y=round(shot.box_y + shift * shot.box_height, 6), box_height=round(shot.box_height * zoom, 6)
        )
    return Sighting(0, identity.person, "gallery", shot)
