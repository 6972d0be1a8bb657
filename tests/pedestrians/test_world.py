from __future__ import annotations

from collections import defaultdict

import pytest

from whyreid.pedestrians import differing_groups
from whyreid.pedestrians.camera import CAMERAS
from whyreid.pedestrians.visit import FPS
from whyreid.pedestrians.world import PRESETS, Preset, World, make_world

MEDIUM = Preset(train=60, test=40, shots=8, strangers=20, height=128, width=64)


@pytest.fixture(scope="module")
def town() -> World:
    return make_world("B", MEDIUM, 1)


def test_the_same_seed_gives_the_same_world_and_another_seed_another(tiny: Preset) -> None:
    assert make_world("A", tiny, 0) == make_world("A", tiny, 0)
    assert make_world("A", tiny, 0).sightings != make_world("A", tiny, 1).sightings


def test_domains_share_no_person_and_no_garment_seed() -> None:
    a, b = (make_world(domain, MEDIUM, 0) for domain in "AB")
    assert not set(a.people) & set(b.people)
    assert not {person.seed for person in a.people.values()} & {person.seed for person in b.people.values()}
    assert len({person.seed for person in a.people.values()}) == len(a.people)


def test_sizes_are_as_asked(town: World) -> None:
    pids = defaultdict(set)
    for sighting in town.sightings:
        pids[sighting.split].add(sighting.pid)
    assert (len(pids["train"]), len(pids["val"]), len(pids["query"])) == (48, 12, 40)
    assert pids["gallery"] == pids["query"] | {0}
    counts = defaultdict(int)
    for sighting in town.sightings:
        counts[sighting.pid] += 1
    assert counts.pop(0) == 20
    assert set(counts.values()) == {8}


def test_the_default_has_the_promised_size() -> None:
    size = PRESETS["default"]
    assert size.train * 4 // 5 >= 200
    assert (size.test, size.shots, size.height, size.width) == (100, 8, 128, 64)
    assert PRESETS["full"] == size


def test_no_person_and_no_family_crosses_a_split(town: World) -> None:
    side = {}
    for sighting in town.sightings:
        role = "test" if sighting.split in ("query", "gallery") else sighting.split
        assert side.setdefault(sighting.person, role) == role
    assert len(town.family) >= 0.25 * 100
    for member, first in town.family.items():
        assert side[member] == side[first]
    for member, first in town.party.items():
        assert side[member] == side[first]


def test_every_other_stranger_looks_like_a_test_identity(town: World) -> None:
    strangers = {s.person for s in town.sightings if s.pid == 0}
    tested = {s.pid for s in town.sightings if s.split == "query"}
    alike = [person for person in strangers if person in town.family]
    assert len(alike) == 10
    assert all(town.family[person] in tested for person in alike)
    for person in alike:
        differing = [differing_groups(town.people[person], town.people[pid]) for pid in tested]
        assert 1 <= min(len(groups) for groups in differing) <= 2


def test_second_persons_come_from_the_same_split(town: World) -> None:
    side = {s.person: ("test" if s.split in ("query", "gallery") else s.split) for s in town.sightings}
    others = [s for s in town.sightings if s.shot.other_person >= 0]
    assert others
    assert all(side[s.shot.other_person] == side[s.person] for s in others)
    assert all(s.shot.other == town.people[s.shot.other_person] for s in others)


def test_every_query_has_a_match_in_another_camera_and_there_is_one_query_per_camera(town: World) -> None:
    gallery = defaultdict(set)
    for sighting in town.sightings:
        if sighting.split == "gallery":
            gallery[sighting.pid].add(sighting.shot.camera)
    queries = [(s.pid, s.shot.camera) for s in town.sightings if s.split == "query"]
    assert len(queries) == len(set(queries))
    assert all(gallery[pid] - {camera} for pid, camera in queries)


def test_a_party_is_seen_together_and_strangers_are_not(town: World) -> None:
    moments = defaultdict(lambda: defaultdict(list))
    for sighting in town.sightings:
        moments[sighting.person][sighting.shot.camera].append(sighting.shot.time)
    pairs = [(member, first) for member, first in town.party.items() if member != first]
    assert pairs
    for member, first in pairs:
        assert set(moments[member]) == set(moments[first])
        for camera, times in moments[member].items():
            assert abs(min(times) - min(moments[first][camera])) <= 2 * FPS


def test_times_are_whole_frames_in_the_order_of_walking(town: World) -> None:
    assert all(isinstance(s.shot.time, int) and s.shot.time >= 0 for s in town.sightings)


@pytest.mark.parametrize("domain", ["A", "B"])
def test_every_camera_sees_fronts_backs_and_sides(domain: str) -> None:
    seen = defaultdict(list)
    for sighting in make_world(domain, MEDIUM, 2).sightings:
        seen[sighting.shot.camera].append(sighting.shot.heading % 1.0)
    assert len(seen) == len(CAMERAS[domain]) == 4
    for headings in seen.values():
        toward = sum(0.5 < heading < 1.0 for heading in headings) / len(headings)
        assert 0.15 < toward < 0.85
        assert max(headings) - min(headings) > 0.4


def test_obstacles_stand_between_the_camera_and_the_person(town: World) -> None:
    kinds = set()
    for sighting in town.sightings:
        shot = sighting.shot
        if shot.occluder != "none":
            kinds.add(shot.occluder)
            assert 0 < shot.occluder_y < shot.y
    assert kinds == {"pole", "box", "bicycle"}


def test_an_unknown_domain_is_refused(tiny: Preset) -> None:
    with pytest.raises(ValueError, match="domain must be one of"):
        make_world("C", tiny, 0)
