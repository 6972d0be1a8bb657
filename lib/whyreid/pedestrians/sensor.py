"""From light to the stored picture: exposure, white balance, lens blur, limited resolution, noise, compression.

Nothing here looks at the content of the picture: the same shot of another person passes the same pipeline.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from whyreid.pedestrians.camera import Camera
from whyreid.pedestrians.exact import hash_bits
from whyreid.pedestrians.jpeg import jpeg_round_trip
from whyreid.pedestrians.shot import Shot

_REACH = 4  # of the blur kernel, pixels


def expose(light: Tensor, cameras: Sequence[Camera], shots: Sequence[Shot]) -> Tensor:
    """The camera's picture of the light that falls into it.

    Args:
        light: [B, 3, H, W] float32, linear.
        cameras: one per picture.
        shots: one per picture.

    Returns:
        uint8 [B, 3, H, W].
    """
    height = light.shape[2]
    gains = light.new_tensor([_gains(camera, shot) for camera, shot in zip(cameras, shots, strict=True)])
    sharp = (light * gains.view(-1, 3, 1, 1)).clamp(0.0, 1.0)
    pixels = [s.box_height * c.focal for c, s in zip(cameras, shots, strict=True)]
    sigma = [min(2.2, c.blur * height / n) for c, n in zip(cameras, pixels, strict=True)]
    blurred = _resample(_blur(sharp, sigma), [min(1.0, n / height) for n in pixels])
    toned = _tone(blurred.sqrt(), light.new_tensor([camera.contrast for camera in cameras]))
    noise = _noise(shots, light.shape[2], light.shape[3], light.device)
    noise = noise * light.new_tensor([camera.noise for camera in cameras]).view(-1, 1, 1, 1)
    stored = torch.round((toned + noise).clamp(0.0, 1.0) * 255.0)
    quality = light.new_tensor([camera.quality for camera in cameras])
    return jpeg_round_trip(stored, quality).to(torch.uint8)


def _gains(camera: Camera, shot: Shot) -> list[float]:
    """Factors of red, green and blue: the camera's white balance in the light of the hour."""
    red, green, blue = (gain * shot.exposure for gain in camera.gains)
    return [red * (1.0 + shot.warmth), green, blue / (1.0 + shot.warmth)]


def _tone(value: Tensor, contrast: Tensor) -> Tensor:
    """An S-curve, mixed in by ``contrast`` [B]."""
    share = contrast.view(-1, 1, 1, 1)
    return value * (1.0 - share) + value * value * (3.0 - 2.0 * value) * share


def _kernel(sigma: float) -> list[float]:
    """Half of a normalised Gaussian kernel: centre first."""
    weights = [math.exp(-0.5 * (k / max(sigma, 0.05)) ** 2) for k in range(_REACH + 1)]
    total = weights[0] + 2.0 * sum(weights[1:])
    return [round(weight / total, 6) for weight in weights]


def _blur(picture: Tensor, sigma: Sequence[float]) -> Tensor:
    """Gaussian blur, one width per picture, borders repeated."""
    weights = picture.new_tensor([_kernel(s) for s in sigma])
    for axis in (2, 3):
        size = picture.shape[axis]
        index = torch.arange(size, device=picture.device)
        result = picture * weights[:, 0].view(-1, 1, 1, 1)
        for step in range(1, _REACH + 1):
            before = picture.index_select(axis, (index - step).clamp_min(0))
            after = picture.index_select(axis, (index + step).clamp_max(size - 1))
            result = result + (before + after) * weights[:, step].view(-1, 1, 1, 1)
        picture = result
    return picture


def _resample(picture: Tensor, share: Sequence[float]) -> Tensor:
    """Down to ``share`` of the size and up again, both bilinear, one share per picture (1 = unchanged)."""
    factor = picture.new_tensor([round(s, 4) for s in share]).view(-1, 1)
    for axis in (2, 3):
        size = picture.shape[axis]
        centre = (torch.arange(size, device=picture.device) + 0.5) * factor - 0.5
        low = torch.floor(centre)
        taps: list[tuple[Tensor, Tensor]] = []
        for cell, weight in ((low, 1.0 - (centre - low)), (low + 1.0, centre - low)):
            source = (cell + 0.5) / factor - 0.5
            left = torch.floor(source)
            taps += [(left, weight * (1.0 - (source - left))), (left + 1.0, weight * (source - left))]
        picture = _combine(picture, taps, axis)
    return picture


def _combine(picture: Tensor, taps: Sequence[tuple[Tensor, Tensor]], axis: int) -> Tensor:
    """Sum of weighted rows (axis 2) or columns (axis 3): taps of (index [B, size], weight [B, size])."""
    size = picture.shape[axis]
    shape = (-1, 1, size, 1) if axis == 2 else (-1, 1, 1, size)
    result = torch.zeros_like(picture)
    for index, weight in taps:
        where = index.clamp(0, size - 1).to(torch.int64).view(shape).expand_as(picture)
        result = result + picture.gather(axis, where) * weight.view(shape)
    return result


def _noise(shots: Sequence[Shot], height: int, width: int, device: torch.device) -> Tensor:
    """Sensor noise of standard deviation 1 from the shot's seed, [B, 3, height, width]; four small dice added up."""
    seed = torch.tensor([shot.seed for shot in shots], device=device).view(-1, 1)
    place = torch.arange(3 * height * width, device=device).view(1, -1)
    bits = hash_bits(place, seed)
    total = (bits & 63) + ((bits >> 6) & 63) + ((bits >> 12) & 63) + (bits >> 18)
    return ((total - 126).to(torch.float32) / 36.95).view(-1, 3, height, width)
