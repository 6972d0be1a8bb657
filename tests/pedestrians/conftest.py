"""A small crowd and a few shots that the tests of the renderer share."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from whyreid.pedestrians import GROUPS, Identity, Shot
from whyreid.pedestrians.identity import values_of
from whyreid.pedestrians.wardrobe import draw_identity
from whyreid.pedestrians.world import Preset, World, make_world

TINY = Preset(train=10, test=6, shots=4, strangers=3, height=128, width=64)


@pytest.fixture(scope="session")
def someone() -> Callable[..., Identity]:
    """Make a person: someone(seed, upper_colour="red"); the groups that are not named are drawn evenly."""

    def make(seed: int, **values: str) -> Identity:
        random = Random(seed)
        drawn = {group: random.choice(values_of(group)) for group in GROUPS}
        return draw_identity(
            seed + 1, drawn | {name.replace("_", " "): value for name, value in values.items()}, random
        )

    return make


@pytest.fixture(scope="session")
def tiny() -> Preset:
    """The size of the world below."""
    return TINY


@pytest.fixture(scope="session")
def world() -> World:
    """A tiny domain in which all values are equally frequent."""
    return make_world("A", TINY, 0, frequencies="balanced")


@pytest.fixture(scope="session")
def clear_shot(world: World) -> Shot:
    """A shot with nobody and nothing in the way."""
    return next(
        s.shot
        for s in world.sightings
        if s.shot.occluder == "none" and s.shot.other_person < 0 and s.pid and s.shot.camera == 0
    )
