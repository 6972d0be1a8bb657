"""Which share of a distance goes to a group, or elsewhere: in truth, by contributions, and by maps.

Shares of all three kinds can be compared between two targets; none depends on the scale of the distance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from whyreid.explain.pair import PairExplanation
from whyreid.pedestrians import GROUPS, REGIONS
from whyreid.pedestrians.parts import PERSON, Part
from whyreid.truth.counterfactual_effects import CounterfactualEffects
from whyreid.truth.truth_scores import group_contributions

MARGIN = 4
"""Pixels around a person that still count as the person: what a window or a receptive field carries over the edge."""


@dataclass(frozen=True, eq=False)
class Shares:
    """Shares of P pairs, all in 0..1.

    Attributes:
        groups: [P, 12] of each attribute group among those in which the two persons differ, by absolute size; NaN
            where they do not differ, and in a pair in which none of the differing groups gets anything.
        elsewhere: [P] of what belongs to no differing group. In truth: what remains of the distance when all of them
            are taken over. By contributions: those of all other groups and the remainder. By maps: what lies outside
            both persons' silhouettes. NaN when there is nothing at all.
    """

    groups: Tensor
    elsewhere: Tensor

    def of(self, name: str) -> Tensor:
        """[P] the share of a group by its name, or "elsewhere"."""
        return self.elsewhere if name == "elsewhere" else self.groups[:, GROUPS.index(name)]


def true_shares(effects: CounterfactualEffects) -> Shares:
    """The shares that an explanation should have, from re-rendering."""
    size = effects.truth.abs()
    return _shares(size, effects.differs, effects.remainder.abs())


def contribution_shares(explanation: PairExplanation, differs: Tensor) -> Shares:
    """Shares of the contributions, summed within groups with their signs first.

    Args:
        explanation: of P pairs, with contributions.
        differs: [P, 12] bool, the groups in which the two persons differ.

    Raises:
        ValueError: the explanation has no contributions.
    """
    if explanation.contributions is None:
        raise ValueError("explanation must have contributions, got maps only; use map_shares.")
    size = group_contributions(explanation.contributions, explanation.attributes, GROUPS).abs()
    others = size.where(~differs, torch.zeros_like(size)).sum(dim=1)
    return _shares(size, differs, others + explanation.remainder.detach().double().cpu().abs())


def map_shares(explanation: PairExplanation, masks: tuple[Tensor, Tensor], differs: Tensor) -> Shares:
    """Shares of the absolute values of the maps of both pictures, inside true regions (*oracle mask*).

    Maps of attributes are first added up to one map, each spread in the proportions of its map and as heavy as its
    contribution. Regions overlap (gender is all of the person), so a group's share is of the sum over groups.

    Args:
        explanation: of P pairs, with maps.
        masks: part labels of the query and the gallery pictures, uint8 [P, H, W].
        differs: [P, 12] bool.

    Raises:
        ValueError: the explanation has no maps.
    """
    if explanation.query_maps is None or explanation.gallery_maps is None:
        raise ValueError("explanation must have maps of both pictures, got none; use contribution_shares.")
    maps = explanation.query_maps, explanation.gallery_maps
    sides = [
        _inside_and_outside(labels, _one_map(side, explanation.contributions, labels.shape))
        for labels, side in zip(masks, maps, strict=True)
    ]
    inside, outside, total = (first + second for first, second in zip(*sides, strict=True))
    return Shares(_shares(inside, differs, torch.zeros_like(total)).groups, outside / total)


def grown(region: Tensor, margin: int) -> Tensor:
    """A region bool [P, H, W], grown by ``margin`` pixels to all sides."""
    size = 2 * margin + 1
    return F.max_pool2d(region.float().unsqueeze(1), size, stride=1, padding=margin).squeeze(1) > 0


def _shares(size: Tensor, differs: Tensor, elsewhere: Tensor) -> Shares:
    """From sizes [P, 12] >= 0 (anything where the groups do not differ) and [P] what goes elsewhere."""
    kept = size.where(differs, torch.zeros_like(size))
    among = kept.sum(dim=1)
    groups = (kept / among[:, None]).where(differs, torch.full_like(size, torch.nan))
    return Shares(groups, elsewhere / (among + elsewhere))


def _shows(labels: Tensor, parts: frozenset[Part]) -> Tensor:
    """bool, as ``labels``: where one of the parts is seen."""
    return torch.isin(labels, torch.tensor(sorted(parts), dtype=labels.dtype))


def _inside_and_outside(labels: Tensor, heat: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What of a map [P, H, W] lies in the region of each group [P, 12], outside the person [P], and in all [P]."""
    regions = torch.stack([_shows(labels, REGIONS[group]) for group in GROUPS], dim=1)
    away = ~grown(_shows(labels, PERSON), MARGIN)
    return (heat[:, None] * regions).sum(dim=(2, 3)), (heat * away).sum(dim=(1, 2)), heat.sum(dim=(1, 2))


def _one_map(maps: Tensor, contributions: Tensor | None, size: Sequence[int]) -> Tensor:
    """[P, H, W] = ``size``, float64 >= 0, of maps [P, A or 1, h, w]."""
    heat = maps.detach().double().cpu().abs()
    if heat.shape[1] > 1 and contributions is not None:
        weight = contributions.detach().double().cpu().abs()[:, :, None, None]
        heat = (weight * heat / heat.sum(dim=(2, 3), keepdim=True).clamp_min(1e-12)).sum(dim=1, keepdim=True)
    return F.interpolate(heat, tuple(size[-2:]), mode="nearest-exact")[:, 0]
