"""Does a map lie where the attribute is? Energy inside, pointing game and area under the curve, against true masks.

Localisation says where an explainer looks, not whether the model looks there: a map can lie on the hat because hats
are told apart there, or because heads are. Its controls (`whyreid.explain.controls`: centre prior, silhouette) go
through the same functions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from whyreid.tensor_checks import require_booleans, require_floats
from whyreid.truth.regions import area_resize, dilate

Evidence = Literal["absolute", "positive", "negative"]
"""Which part of a signed map is looked at."""


@dataclass(frozen=True, eq=False)
class Localisation:
    """How well maps lie in regions, each [P, A] float64; NaN where the attribute is not visible or the map is zero.

    Attributes:
        energy: share of the map's evidence that lies inside the region, 0..1.
        pointing: share of the map's strongest place that lies in the region, 0..1 (0 or 1 when it is a pixel).
        auc: the chance that a place inside has more evidence than one outside; ties count half, 0.5 = no order.
        area: share of the picture that the region covers: the energy of a map that is the same everywhere.
    """

    energy: Tensor
    pointing: Tensor
    auc: Tensor
    area: Tensor

    def means(self) -> dict[str, float]:
        """The mean of each over all pairs and attributes that have it; NaN when none has."""
        return {name: float(value.nanmean()) for name, value in vars(self).items()}

    def by_attribute(self) -> dict[str, Tensor]:
        """The mean of each over the pairs that have it, [A]."""
        return {name: value.nanmean(dim=0) for name, value in vars(self).items()}


def localise(
    maps: Tensor,
    regions: Tensor,
    *,
    evidence: Evidence = "absolute",
    dilation: int = 0,
    least_pixels: int = 1,
) -> Localisation:
    """Compare maps with the regions of attributes, at the resolution of the maps.

    Places that a region covers in part count in part. Pictures in which nothing carries an attribute are left out for
    it.

    Args:
        maps: [P, A, h, w] a map for each attribute, or [P, 1, h, w] one for all; signed.
        regions: [P, A, H, W] bool, of the pictures that the maps belong to, such as
            `whyreid.truth.regions.group_regions`.
        evidence: "positive" keeps what is above zero, "negative" turns round what is below, "absolute" takes both.
        dilation: by how many pixels the regions are grown: a camera's blur, or the coarseness of a map, is no fault.
        least_pixels: how many pixels must carry the attribute (before growing) for it to be visible.

    Returns:
        See `Localisation`.

    Raises:
        TypeError: maps are not floating point, regions not bool.
        ValueError: shapes disagree, unknown evidence.

    Cost: P A h w log(h w); regions are taken one attribute at a time.

    Example:
        >>> maps = torch.tensor([[[[3.0, 1.0], [0.0, 0.0]]]])
        >>> upper_left = torch.tensor([[[[True, False], [False, False]]]])
        >>> found = localise(maps, upper_left)
        >>> found.energy.item(), found.pointing.item(), found.auc.item(), found.area.item()
        (0.75, 1.0, 1.0, 0.25)
    """
    require_floats("maps", maps, "[P, A, h, w]")
    require_booleans("regions", regions, "[P, A, H, W]")
    if maps.shape[0] != regions.shape[0] or maps.shape[1] not in (1, regions.shape[1]):
        raise ValueError(
            f"maps must be [{regions.shape[0]}, {regions.shape[1]} or 1, h, w] as regions {list(regions.shape)} are, "
            f"got {list(maps.shape)}."
        )
    strength = evidence_of(maps.detach().double(), evidence).flatten(2)
    size = (maps.shape[2], maps.shape[3])
    columns = []
    for a in range(regions.shape[1]):
        region = regions[:, a].to(maps.device)
        covered = area_resize(dilate(region, dilation).double(), size).flatten(1)
        counts = region.flatten(1).sum(dim=1) >= least_pixels
        columns.append(_measures(strength[:, min(a, maps.shape[1] - 1)], covered, counts))
    return Localisation(*(torch.stack(column, dim=1) for column in zip(*columns, strict=True)))


def evidence_of(maps: Tensor, evidence: Evidence) -> Tensor:
    """The strength >= 0 of signed maps that an `Evidence` names.

    Raises:
        ValueError: an unknown evidence.
    """
    if evidence not in get_args(Evidence):
        raise ValueError(f"evidence must be one of {', '.join(get_args(Evidence))}, got {evidence!r}.")
    if evidence == "absolute":
        return maps.abs()
    return (maps if evidence == "positive" else -maps).clamp_min(0)


def energy_inside(strength: Tensor, covered: Tensor) -> Tensor:
    """[P] share of strength [P, n] >= 0 inside regions that cover [P, n] 0..1 of each place; NaN for a zero map."""
    return (strength * covered).sum(dim=1) / strength.sum(dim=1)


def pointing_game(strength: Tensor, covered: Tensor) -> Tensor:
    """[P] how much of the strongest place [P, n] the region covers; the mean of places that tie."""
    strongest = (strength == strength.amax(dim=1, keepdim=True)).to(covered)
    return (strongest * covered).sum(dim=1) / strongest.sum(dim=1)


def soft_auc(strength: Tensor, covered: Tensor) -> Tensor:
    """[P] area under the ROC curve when each place [P, n] is inside with weight ``covered`` and outside with the rest.

    With hard masks it is the usual area: the chance that a place inside is stronger than one outside, ties half. NaN
    without anything inside or without anything outside.
    """
    ordered, order = strength.sort(dim=1)
    inside = covered.gather(1, order)
    outside = 1 - inside
    below = outside.cumsum(dim=1)
    first = torch.searchsorted(ordered, ordered.contiguous())
    last = torch.searchsorted(ordered, ordered.contiguous(), right=True) - 1
    up_to, before = below.gather(1, last), below.gather(1, first) - outside.gather(1, first)
    wins = (inside * (up_to + before) / 2).sum(dim=1)
    return wins / (inside.sum(dim=1) * outside.sum(dim=1))


def _measures(strength: Tensor, covered: Tensor, counts: Tensor) -> list[Tensor]:
    """Energy, pointing, auc and area, each [P]."""
    says_something = counts & (strength > 0).any(dim=1)
    functions = (energy_inside, pointing_game, soft_auc)
    values = [function(strength, covered).where(says_something, torch.nan) for function in functions]
    return [*values, covered.mean(dim=1).where(counts, torch.nan)]
