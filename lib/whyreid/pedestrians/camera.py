"""The eight cameras: where they hang, how they see, and the projection of the world on their picture plane.

World frame of a camera: X to the right, Y away from it along the ground, Z up; the camera is at (0, 0, height) and
looks down by `pitch`. The picture plane is measured in units of the focal length.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Camera:
    """One camera and the light of its place.

    Attributes:
        place: name of the scene painter, see `places`.
        height, pitch: metres above ground, degrees below the horizon.
        focal: pixels of the sensor per unit of the picture plane; decides how many true pixels a person has.
        near, far: range of distances at which people walk, metres.
        heading: the main walking direction in turns; people also walk against it, and stray by `spread`.
        sun: direction to the light (x, y, z), need not be of length 1.
        sun_colour, sky_colour: linear light from the sun and from above.
        gains: white balance of red, green, blue; exposure multiplies all.
        contrast: 0 = none, 1 = strong S-curve.
        blur: standard deviation of the lens in sensor pixels; noise: of the sensor (0..1 scale); quality: JPEG 1..100.
    """

    place: str
    height: float
    pitch: float
    focal: float
    near: float
    far: float
    heading: float
    spread: float
    sun: tuple[float, float, float]
    sun_colour: tuple[float, float, float]
    sky_colour: tuple[float, float, float]
    gains: tuple[float, float, float]
    contrast: float
    blur: float
    noise: float
    quality: int


CAMERAS: dict[str, tuple[Camera, ...]] = {
    "A": (
        Camera("street", 3.2, 10.0, 760, 8, 13, 0.02, 0.16, (-0.6, -0.7, 0.9), (0.80, 0.74, 0.64), (0.46, 0.50, 0.58),
               (1.0, 1.0, 1.0), 0.3, 0.6, 0.014, 80),
        Camera("plaza", 4.5, 15.0, 820, 9, 15, -0.21, 0.14, (0.8, -0.4, 0.8), (0.95, 0.90, 0.80), (0.50, 0.53, 0.60),
               (1.06, 1.0, 0.92), 0.5, 0.7, 0.014, 74),
        Camera("hall", 3.6, 16.0, 520, 6, 11, 0.25, 0.15, (0.1, -0.5, 1.0), (0.58, 0.51, 0.42), (0.58, 0.52, 0.45),
               (1.12, 1.0, 0.84), 0.2, 0.8, 0.020, 68),
        Camera("park", 2.6, 7.0, 620, 7, 12, -0.10, 0.16, (0.4, 0.7, 0.9), (0.66, 0.70, 0.58), (0.38, 0.45, 0.46),
               (1.08, 1.20, 1.14), 0.3, 0.7, 0.018, 72),
    ),
    "B": (
        Camera("arcade", 3.0, 11.0, 560, 6, 11, 0.06, 0.16, (0.5, -0.6, 1.0), (0.95, 0.80, 0.62), (0.56, 0.50, 0.45),
               (1.10, 1.0, 0.88), 0.3, 0.7, 0.024, 64),
        Camera("yard", 5.2, 19.0, 900, 10, 16, 0.20, 0.15, (-0.7, -0.5, 0.6), (0.57, 0.59, 0.62), (0.62, 0.67, 0.75),
               (0.92, 0.99, 1.08), 0.15, 0.7, 0.012, 70),
        Camera("mall", 3.9, 17.0, 500, 6, 10, -0.24, 0.14, (0.0, -0.4, 1.0), (0.52, 0.55, 0.51), (0.68, 0.72, 0.68),
               (0.95, 1.04, 0.95), 0.15, 0.7, 0.016, 62),
        Camera("garage", 2.5, 8.0, 560, 6, 11, -0.02, 0.16, (0.3, -0.8, 0.7), (0.72, 0.74, 0.62), (0.57, 0.59, 0.50),
               (1.03, 1.05, 0.88), 0.4, 0.8, 0.026, 62),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Views:
    """Camera numbers of a batch of shots, [B] each, and the crop boxes."""

    height: Tensor
    cosine: Tensor
    sine: Tensor
    box: Tensor  # [B, 3] centre x, centre y, height

    def project(self, points: Tensor, picture: Tensor, height: int, width: int) -> Tensor:
        """World points [V, 3] of pictures [V] to column, row (pixels of the crop) and inverse distance, [V, 3]."""
        x, y, z = points.unbind(1)
        cosine, sine, above = self.cosine[picture], self.sine[picture], z - self.height[picture]
        inverse = 1.0 / (y * cosine - above * sine).clamp_min(0.05)
        box = self.box[picture]
        scale = height / box[:, 2]
        column = (x * inverse - box[:, 0]) * scale + 0.5 * width
        row = (box[:, 1] - (y * sine + above * cosine) * inverse) * scale + 0.5 * height
        return torch.stack((column, row, inverse), dim=1)

    def rays(self, height: int, width: int) -> Tensor:
        """World direction of every pixel of the crops, [B, height, width, 3], not normalised."""
        box = self.box.view(-1, 1, 1, 3)
        pixel = box[..., 2] / height
        columns = torch.arange(width, device=box.device) + 0.5 - 0.5 * width
        rows = torch.arange(height, device=box.device) + 0.5 - 0.5 * height
        x = (box[..., 0] + columns.view(1, 1, -1) * pixel).expand(-1, height, width)
        up = (box[..., 1] - rows.view(1, -1, 1) * pixel).expand(-1, height, width)
        cosine, sine = self.cosine.view(-1, 1, 1), self.sine.view(-1, 1, 1)
        return torch.stack((x, cosine + up * sine, up * cosine - sine), dim=-1)


def views_of(cameras: Sequence[Camera], boxes: Tensor) -> Views:
    """The views of a batch: one camera per picture and crop boxes [B, 3] (centre x, centre y, height)."""
    angles = [math.radians(camera.pitch) for camera in cameras]
    return Views(
        boxes.new_tensor([camera.height for camera in cameras]),
        boxes.new_tensor([round(math.cos(angle), 7) for angle in angles]),
        boxes.new_tensor([round(math.sin(angle), 7) for angle in angles]),
        boxes,
    )
