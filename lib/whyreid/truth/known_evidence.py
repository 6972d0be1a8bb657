"""Targets of which everybody knows what they look at, to try an explainer on before it explains a trained one."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from whyreid.models.target import ImageInput, TargetModel


def patch_target(
    rows: slice, columns: slice, *, colour: int = 0, size: tuple[int, int] = (128, 64), cell: int = 8
) -> TargetModel:
    """A target that reads one colour of one patch: its embedding is the sum of the patch's cells, and nothing else.

    An explanation of its distance has to lie in the patch, in whichever pictures are compared: a picture adds to the
    distance where its patch has more of the colour than the other one's, and takes from it where it has less.

    Args:
        rows: of the patch, in pixels, multiples of ``cell``.
        columns: of the patch, in pixels, multiples of ``cell``.
        colour: 0, 1 or 2 for red, green, blue.
        size: (height, width) of the pictures, multiples of ``cell``.
        cell: side of a cell of the feature map, in pixels.

    Returns:
        A target with a feature map [B, 3, height / cell, width / cell] (the mean of each cell, zero outside of the
        patch and in the other colours) and an embedding [B, 3], compared by Euclidean distance.

    Raises:
        ValueError: a side that is no multiple of ``cell``, or an empty patch.

    Example:
        >>> target = patch_target(slice(0, 8), slice(0, 8), size=(16, 8))
        >>> target(torch.ones(1, 3, 16, 8)).embedding.tolist()
        [[1.0, 0.0, 0.0]]
    """
    weight = torch.zeros(3, size[0] // cell, size[1] // cell)
    ends = (*size, rows.start, rows.stop, columns.start, columns.stop)
    if any(end is None or end % cell for end in ends) or rows.start >= rows.stop or columns.start >= columns.stop:
        raise ValueError(
            f"size and patch must be multiples of {cell} pixels and not empty, got {size}, {rows}, {columns}."
        )
    weight[colour, rows.start // cell : rows.stop // cell, columns.start // cell : columns.stop // cell] = 1.0
    return _reader(weight, size, cell)


def constant_target(*, size: tuple[int, int] = (128, 64), cell: int = 8) -> TargetModel:
    """A target that says the same of every picture: no place and no attribute makes any distance.

    Example:
        >>> constant_target()(torch.rand(2, 3, 128, 64)).embedding.tolist()
        [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    """
    target = _reader(torch.zeros(3, size[0] // cell, size[1] // cell), size, cell)
    target.neck = _AddOne()
    return target.eval()


def _reader(weight: Tensor, size: tuple[int, int], cell: int) -> TargetModel:
    image_input = ImageInput(*size)
    network = _WeighedCells(weight, cell)
    return TargetModel(network, feature_node=None, pooling=_SumOverPlaces(), image_input=image_input).eval()


class _WeighedCells(nn.Module):
    def __init__(self, weight: Tensor, cell: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.cell = cell

    def forward(self, image: Tensor) -> Tensor:
        return nn.functional.avg_pool2d(image, self.cell) * self.weight


class _SumOverPlaces(nn.Module):
    def forward(self, maps: Tensor) -> Tensor:
        return maps.sum(dim=(2, 3))


class _AddOne(nn.Module):
    def forward(self, vectors: Tensor) -> Tensor:
        return vectors + 1
