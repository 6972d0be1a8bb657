"""How a person was photographed: camera, moment of the step, place, crop box and everything in the way.

A `Shot` knows nothing of the person's looks: rendering another `Identity` with the same shot is a counterfactual.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from whyreid.pedestrians.identity import Identity

OCCLUDERS = ("none", "pole", "box", "bicycle")


@dataclass(frozen=True)
class Shot:
    """One exposure. Angles in turns (1 = 360°), lengths in metres on the camera's ground plane, few decimals.

    Attributes:
        domain, camera: "A" or "B", and 0..3: a row of `camera.CAMERAS`.
        time: in frames of the world's clock.
        x, y: where the person stands: to the right of the camera, and away from it.
        heading: walking direction; 0 = to the right of the picture, 0.25 = away from the camera, -0.25 = towards it.
        phase, stride, head_turn: moment and length of the step, turn of the head (see `body.walk`).
        box_x, box_y, box_height: centre and height of the crop on the picture plane, in units of the focal length.
        exposure: light relative to the camera's standard (1 = standard).
        warmth: hour of the day: red light is multiplied and blue light divided by 1 + warmth.
        seed: of the sensor noise.
        occluder: one of `OCCLUDERS`, in front of the person at occluder_x, occluder_y, turned by occluder_heading.
        other_person: number of a second person in the picture, -1 = none; other_*: where and how that person walks.
        other: the looks of the second person; must be given when other_person is not -1.
    """

    domain: str
    camera: int
    time: int
    x: float
    y: float
    heading: float
    phase: float
    stride: float
    head_turn: float
    box_x: float
    box_y: float
    box_height: float
    exposure: float
    warmth: float
    seed: int
    occluder: str = "none"
    occluder_x: float = 0.0
    occluder_y: float = 0.0
    occluder_heading: float = 0.0
    other_person: int = -1
    other_x: float = 0.0
    other_y: float = 0.0
    other_heading: float = 0.0
    other_phase: float = 0.0
    other_stride: float = 0.0
    other: Identity | None = None

    def to_row(self) -> dict[str, Any]:
        """As columns of images.csv (the second person by number)."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "other"}

    @classmethod
    def from_row(cls, row: Mapping[str, Any], people: Mapping[int, Identity]) -> Shot:
        """The inverse of `to_row`; ``people`` must know the second person."""
        kinds = {"int": int, "float": float, "str": str}
        values = {f.name: kinds[str(f.type)](row[f.name]) for f in fields(cls) if f.name != "other"}
        number = values["other_person"]
        return cls(**values, other=people[number] if number >= 0 else None)
