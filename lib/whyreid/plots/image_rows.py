"""Pictures that are in memory, side by side: before and after an edit."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from torch import Tensor


def image_row_figure(images: Tensor | Sequence[Tensor], titles: Sequence[str], *, picture_width: float = 1.2) -> Figure:
    """Pictures in one row.

    Args:
        images: uint8, [N, 3, H, W] or N of [3, H, W], RGB.
        titles: one a picture.
        picture_width: inches.

    Raises:
        ValueError: no picture, or as many titles as there are not pictures.
    """
    if len(images) == 0 or len(images) != len(titles):
        raise ValueError(f"titles must be one a picture, with at least one, got {len(titles)} for {len(images)}.")
    height = picture_width * images[0].shape[1] / images[0].shape[2] + 0.35
    figure, grid = plt.subplots(
        1, len(images), figsize=(len(images) * (picture_width + 0.1), height), squeeze=False, layout="constrained"
    )
    for axes, image, title in zip(grid[0], images, titles, strict=True):
        axes.imshow(image.permute(1, 2, 0).cpu().numpy(), interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        axes.set_title(title, fontsize=9)
        axes.grid(False)
    return figure
