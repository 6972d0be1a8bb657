"""The places that carry each attribute group, at the size of a picture or of a map."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from whyreid.pedestrians import GROUPS, REGIONS, Part
from whyreid.tensor_checks import require_tensor


def group_regions(labels: Tensor) -> Tensor:
    """The pixels that carry each of the 12 attribute groups, in the order of `whyreid.pedestrians.GROUPS`.

    A colour is carried by its garment, sleeve length by the forearms, gender by the whole person: regions overlap. An
    absent hat or bag is carried by no pixel.

    Args:
        labels: [..., H, W] part numbers, as `whyreid.pedestrians.read_masks` gives them.

    Returns:
        [..., 12, H, W] bool.

    Example:
        >>> regions = group_regions(torch.tensor([[[int(Part.HAT), int(Part.UPPER)]]]))
        >>> sorted(GROUPS[g] for g in range(12) if regions[0, g, 0, 0])
        ['gender', 'hat']
    """
    require_tensor("labels", labels)
    carries = torch.zeros(len(GROUPS), len(Part), dtype=torch.bool, device=labels.device)
    for row, group in enumerate(GROUPS):
        carries[row, [int(part) for part in REGIONS[group]]] = True
    return carries[:, labels.long()].movedim(0, -3)


def person_region(labels: Tensor) -> Tensor:
    """[..., H, W] bool: the person's pixels, without occluders and other persons."""
    return group_regions(labels)[..., GROUPS.index("gender"), :, :]


def area_resize(values: Tensor, size: tuple[int, int]) -> Tensor:
    """The mean of each cell of another grid over the same picture, exactly, by the area of overlap.

    A mask becomes the share of each cell that it covers. Larger grids work as well as smaller ones, and sides need not
    divide each other; the mean over the picture is kept.

    Args:
        values: [..., H, W] numbers or bool.
        size: (h, w) of the other grid.

    Returns:
        [..., h, w] floating point.

    Example:
        >>> area_resize(torch.tensor([[0.0, 3.0, 6.0]]), (1, 2))
        tensor([[1., 5.]])
    """
    values = values if values.is_floating_point() else values.float()
    rows, columns = (_overlap(old, new).to(values) for old, new in zip(values.shape[-2:], size, strict=True))
    return rows @ values @ columns.T


def dilate(regions: Tensor, pixels: int) -> Tensor:
    """Regions [..., H, W] bool, grown by so many pixels to all sides (a square)."""
    if not pixels:
        return regions
    flat = regions.flatten(0, -3)[:, None].float()
    grown = F.max_pool2d(flat, 2 * pixels + 1, stride=1, padding=pixels) > 0
    return grown[:, 0].view(regions.shape)


def _overlap(old: int, new: int) -> Tensor:
    """[new, old] float64: which share of each new cell each old one fills; rows sum to one."""
    if old % new == 0 and old != new:
        cells = torch.arange(old) * new // old
        return (cells == torch.arange(new)[:, None]).double() * new / old
    edges = torch.arange(old + 1, dtype=torch.float64) / old
    cells = torch.arange(new + 1, dtype=torch.float64)[:, None] / new
    inside = edges.clamp(cells[:-1], cells[1:]).diff(dim=1)
    return inside * new
