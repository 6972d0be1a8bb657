"""Does an attention map lie where its attribute is to be seen? Needs part masks, as Promenade renders them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from whyreid.data import ReIDTable
from whyreid.pedestrians import attribute_regions, read_masks
from whyreid.pedestrians.identity import SCHEMA
from whyreid.tensor_checks import require_booleans, require_floats, require_tensor
from whyreid.truth.regions import area_resize

_CHUNK = 64  # pictures whose masks are taken apart at a time


@dataclass(frozen=True, eq=False)
class RegionAttention:
    """Attention inside the region of its attribute, for each of A attributes. NaN where no picture counts.

    Attributes:
        inside: [A] float64, share of a map's sum that lies inside its attribute's region, 0..1.
        area: [A], the same share of a map that is equal everywhere: the region's part of the picture.
        other_maps: [A], the same share of the maps of attributes of other groups. Attention that finds the person, or
            whatever else all maps have in common, is in here too; what ``inside`` has beyond it belongs to the
            attribute. NaN where there is no other group.
        weight: [A], by how much each attribute counts.
    """

    inside: Tensor
    area: Tensor
    other_maps: Tensor
    weight: Tensor

    def overall(self) -> dict[str, float]:
        """The means of inside, area and other_maps over attributes, weighted; NaN when nothing counts."""
        counts = self.weight > 0
        weight = self.weight[counts] / self.weight[counts].sum()
        means = {name: getattr(self, name)[counts] for name in ("inside", "area", "other_maps")}
        return {name: float((value * weight).sum()) if len(value) else float("nan") for name, value in means.items()}


def attention_in_regions(
    attention: Tensor, regions: Tensor, groups: Sequence[str], *, weight: Tensor | None = None
) -> RegionAttention:
    """How much of each attention map lies inside the region of its attribute, beside what two controls have there.

    A picture counts for an attribute only when the region is to be seen in it.

    Args:
        attention: [N, A, h, w] floating point, >= 0.
        regions: [N, A, h, w] in 0..1: how much of each place the region covers (`attribute_region_shares`).
        groups: A names; attributes of one group share a region (the colours of a garment), so they are no control for
            each other.
        weight: [N, A], >= 0, by how much a picture counts for an attribute; None = all alike. With `differing_share`
            the means are those over pairs and their exclusive attributes.

    Returns:
        See `RegionAttention`.

    Raises:
        TypeError: not floating-point tensors.
        ValueError: shapes disagree, or attention is negative or nowhere.

    Example:
        >>> attention = torch.tensor([[[[3.0, 1.0]], [[1.0, 1.0]]]])  # two attributes, two places
        >>> regions = torch.tensor([[[[1.0, 0.0]], [[0.0, 1.0]]]])
        >>> attention_in_regions(attention, regions, ["hat", "bag"]).overall()
        {'inside': 0.625, 'area': 0.5, 'other_maps': 0.375}
    """
    _check(attention, regions, groups)
    shares = attention.flatten(2).double()
    shares = shares / shares.sum(dim=2, keepdim=True)
    covered = regions.flatten(2).double()
    area = covered.mean(dim=2)
    counts = (area > 0).double() * (1.0 if weight is None else weight.double())
    values = (shares * covered).sum(dim=2), area, _of_other_groups(shares, covered, groups)
    total = counts.sum(dim=0)
    inside, covers, others = ((value * counts).sum(dim=0) / total for value in values)  # 0 / 0 is NaN
    return RegionAttention(inside, covers, others, total)


def differing_share(attributes: Tensor, partners: Tensor) -> Tensor:
    """In how many of its pairs a picture's attribute is exclusive.

    Args:
        attributes: [N, A] bool, of the pictures.
        partners: [M, A] bool, of the pictures that each of them is compared with.

    Returns:
        [N, A] float64 in 0..1.

    Raises:
        TypeError: not bool tensors.

    Example:
        >>> differing_share(torch.tensor([[True], [False]]), torch.tensor([[True], [False], [False], [False]])).tolist()
        [[0.75], [0.25]]
    """
    require_booleans("attributes", attributes, "[N, A]")
    require_booleans("partners", partners, "[M, A]")
    ratio = partners.double().mean(dim=0)
    return torch.where(attributes, 1 - ratio, ratio)


def attribute_region_shares(table: ReIDTable, names: Sequence[str], size: tuple[int, int]) -> Tensor:
    """How much of each place of a feature map the region of an attribute covers.

    Args:
        table: Promenade, or a selection of it.
        names: of A of its attributes.
        size: (h, w) of the feature map.

    Returns:
        [N, A, h, w] float32 in 0..1, rows as in ``table.images``; 0 everywhere where nothing carries the attribute, as
        for a hat that is not worn.

    Raises:
        ValueError: the table has no masks.
    """
    columns = torch.tensor([SCHEMA.index(name) for name in names])
    parts = []
    for rows in torch.arange(len(table)).split(_CHUNK):
        regions = attribute_regions(read_masks(table, rows.tolist()))[:, columns]
        parts.append(area_resize(regions, size))
    return torch.cat(parts)


def _of_other_groups(shares: Tensor, covered: Tensor, groups: Sequence[str]) -> Tensor:
    """[N, A]: what the maps of attributes of other groups have, on average, inside each region."""
    number = torch.tensor([sorted(set(groups)).index(group) for group in groups], device=shares.device)
    other = (number[:, None] != number[None]).double()
    mean_map = torch.einsum("ab,nbx->nax", other / other.sum(dim=1, keepdim=True), shares)
    return (mean_map * covered).sum(dim=2)


def _check(attention: Tensor, regions: Tensor, groups: Sequence[str]) -> None:
    require_floats("attention", attention, "[N, A, h, w]")
    require_tensor("regions", regions, "[N, A, h, w]")
    if regions.shape != attention.shape or len(groups) != attention.shape[1]:
        raise ValueError(
            "attention and regions must be [N, A, h, w] with one group an attribute, "
            f"got {list(attention.shape)}, {list(regions.shape)} and {len(groups)} groups; give both the same size."
        )
    if bool((attention < 0).any()) or bool((attention.flatten(2).sum(dim=2) <= 0).any()):
        raise ValueError("attention must be >= 0 and not 0 everywhere; pass it through attention_activation first.")
