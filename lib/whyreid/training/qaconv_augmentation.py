"""How QAConv varies its training pictures: shifted, mirrored, turned, recoloured, and always with a white square.

The steps and ranges are those of the authors' code (torchvision's transforms on one picture after the other). Here
every decision is drawn on the CPU from the generator that is given, so that the same pictures come out on any device.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as vision

from whyreid.training.augmentation import Augmentation, shift_and_flip

_ADJUSTMENTS = (vision.adjust_brightness, vision.adjust_contrast, vision.adjust_saturation, vision.adjust_hue)


@dataclass(frozen=True)
class ColourJitter:
    """Ranges, from least to greatest, of the factors of brightness, contrast and saturation and of the turn of the hue.

    Attributes:
        brightness: factors, 1 = as it is.
        contrast: factors, 1 = as it is.
        saturation: factors, 1 = as it is.
        hue: shares of the whole circle, 0 = as it is.
    """

    brightness: tuple[float, float] = (0.5, 2.0)
    contrast: tuple[float, float] = (0.5, 2.0)
    saturation: tuple[float, float] = (0.5, 2.0)
    hue: tuple[float, float] = (-0.1, 0.1)


@dataclass(frozen=True)
class QAConvAugmentation:
    """How training pictures are varied; the defaults are those of 2.0 and 2.1 for pictures of 384 x 128.

    Attributes:
        padding: black pixels added on each side before cropping back to the size.
        flip: probability of mirroring left and right.
        rotation: greatest angle in degrees, either way; the corners that come in are black.
        colours: ranges of the colour jitter, its four steps in random order; None = off.
        square: least and greatest side of the white square, as shares of the shorter side of the picture; None = off.
    """

    padding: int = 10
    flip: float = 0.5
    rotation: float = 5.0
    colours: ColourJitter | None = ColourJitter()
    square: tuple[float, float] | None = (0.0, 0.8)


def vary_pictures(images: Tensor, augmentation: QAConvAugmentation, *, generator: torch.Generator) -> Tensor:
    """Vary each picture of a batch on its own.

    Deviation: the authors round to bytes after each step; here nothing is rounded.

    Args:
        images: float [B, 3, H, W] in 0..1, not normalised: 0 is black, 1 is white.
        augmentation: probabilities and ranges.
        generator: on the CPU; decides everything.

    Returns:
        [B, 3, H, W] in 0..1, a new tensor.

    Raises:
        ValueError: values outside 0..1 (normalised pictures).

    Cost: about 1.5 ms a picture of 128 x 64 on one core, of which the hue takes two thirds.

    Example:
        >>> pictures = vary_pictures(torch.zeros(2, 3, 32, 16), QAConvAugmentation(), generator=torch.Generator())
        >>> list(pictures.shape), pictures.amax(dim=(1, 2, 3)).tolist()  # black people, a white square on each
        ([2, 3, 32, 16], [1.0, 1.0])
    """
    low, high = (float(bound) for bound in images.aminmax())
    if not 0 <= low <= high <= 1:
        raise ValueError(f"images must lie in 0..1, got {low}..{high}; normalise after the augmentation.")
    shift = Augmentation(flip=augmentation.flip, padding=augmentation.padding)
    images = shift_and_flip(images, shift, generator=generator)
    if augmentation.rotation:
        images = turn(images, augmentation.rotation, generator=generator)
    if augmentation.colours is not None:
        images = jitter_colours(images, augmentation.colours, generator=generator)
    return images if augmentation.square is None else cover(images, augmentation.square, generator=generator)


def turn(images: Tensor, degrees: float, *, generator: torch.Generator) -> Tensor:
    """Rotate each picture [B, 3, H, W] by its own angle, uniform in -degrees..degrees, nearest pixel, black corners."""
    angles = degrees * (2 * torch.rand(len(images), generator=generator) - 1)
    return torch.stack([vision.rotate(image, angle) for image, angle in zip(images, angles.tolist(), strict=True)])


def jitter_colours(images: Tensor, jitter: ColourJitter, *, generator: torch.Generator) -> Tensor:
    """Other brightness, contrast, saturation and hue for each picture [B, 3, H, W], in an order of its own."""
    ranges = torch.tensor([jitter.brightness, jitter.contrast, jitter.saturation, jitter.hue])
    drawn = torch.rand(len(images), 4, generator=generator)
    factors = (ranges[:, 0] + (ranges[:, 1] - ranges[:, 0]) * drawn).tolist()
    orders = torch.rand(len(images), 4, generator=generator).argsort(dim=1).tolist()
    changed = []
    for image, factor, order in zip(images, factors, orders, strict=True):
        for step in order:
            image = _ADJUSTMENTS[step](image, factor[step])
        changed.append(image)
    return torch.stack(changed)


def cover(images: Tensor, square: tuple[float, float], *, generator: torch.Generator) -> Tensor:
    """Put a white square of random size and place on each picture [B, 3, H, W]; a new tensor.

    The side is a whole number of pixels from ``square[0]`` to (not including) ``square[1]`` times the shorter side, at
    least 1; the square lies inside the picture.
    """
    batch, _, height, width = images.shape
    least = max(1, int(min(height, width) * square[0]))
    most = max(least + 1, int(min(height, width) * square[1]))
    sides = torch.randint(least, most, (batch,), generator=generator)
    tops = (torch.rand(batch, generator=generator) * (height - sides)).long()
    lefts = (torch.rand(batch, generator=generator) * (width - sides)).long()
    covered = images.clone()
    for i, (top, left, side) in enumerate(zip(tops.tolist(), lefts.tolist(), sides.tolist(), strict=True)):
        covered[i, :, top : top + side, left : left + side] = 1.0
    return covered
