"""What stands where a picture is hidden: one colour, or the picture itself out of focus."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as vision

from whyreid.models.target import ImageInput

Fill = Literal["mean", "blur"]
"""What replaces hidden places, see `filling`."""

FILLS: tuple[Fill, ...] = get_args(Fill)
_BLUR = 1 / 16  # deviation of the blur, in picture heights: 8 pixels of 128


def filling(images: Tensor, fill: Fill, image_input: ImageInput) -> Tensor:
    """The pictures that hidden places are taken from.

    Neither is neutral: one colour is something that the model never saw, the blur still holds the colours. A result
    that depends on the fill is about the fill; so measure with both.

    Args:
        images: [B, 3, H, W], normalised.
        fill: "mean" = ImageNet's mean colour, a grey, the same everywhere and in every picture (0 where the pictures
            are normalised with it); "blur" = each picture blurred by a Gaussian of H / 16 pixels.
        image_input: how the pictures were normalised.

    Returns:
        [B, 3, H, W], normalised.

    Raises:
        ValueError: an unknown fill.

    Example:
        >>> filling(torch.rand(1, 3, 4, 2), "mean", ImageInput()).unique()
        tensor([0.])
    """
    if fill not in FILLS:
        raise ValueError(f"fill must be one of {', '.join(FILLS)}, got {fill!r}.")
    if fill == "mean":
        grey = torch.tensor(ImageInput().mean) - torch.tensor(image_input.mean)
        return (grey / torch.tensor(image_input.std)).to(images).view(1, 3, 1, 1).expand_as(images)
    deviation = images.shape[2] * _BLUR
    reach = min(round(2 * deviation), min(images.shape[2:]) - 1)  # reflection needs as many pixels
    return vision.gaussian_blur(images, [2 * reach + 1] * 2, [deviation] * 2) if reach else images
