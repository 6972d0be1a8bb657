"""From maps to attributes: what a saliency map says about each attribute, read off through true masks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from whyreid.explain.pair import PairExplanation
from whyreid.pedestrians import GROUPS
from whyreid.tensor_checks import require_booleans
from whyreid.truth.regions import area_resize, group_regions

ORACLE_MASK = "oracle mask"
"""How to label rows made by `attribute_scores`: no explainer of real pictures knows these masks."""


def attribute_scores(
    explanation: PairExplanation,
    query_regions: Tensor,
    gallery_regions: Tensor,
    attributes: Sequence[str],
    *,
    differs: Tensor | None = None,
) -> PairExplanation:
    """The contributions that the maps of an explanation amount to: each attribute gets the sum over its region.

    The sum of both pictures' maps inside the attribute's region is in units of the score where the map is score per
    pixel or adds up to the score. A cell of a coarse map counts by the share of it that the region covers. Regions
    overlap (a dress carries clothes and lower colour), so contributions may add up to more than the maps do; the
    remainder takes what is left or too much. Label what comes out of it `ORACLE_MASK`.

    Args:
        explanation: with one map for the whole score on one or both pictures, [P, 1, h, w].
        query_regions: [P, A, H, W] bool, see `whyreid.truth.regions.group_regions`.
        gallery_regions: [P, A, H, W] bool.
        attributes: A names.
        differs: [P, A] bool: attributes in which the two persons agree get 0. None = all keep theirs.

    Returns:
        The explanation with ``contributions`` [P, A] and the same maps.

    Raises:
        TypeError: regions are not bool.
        ValueError: no maps, a map for each attribute, or shapes that disagree.

    Example:
        >>> maps = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
        >>> given = PairExplanation(torch.ones(1), "distance", None, maps, None, (), torch.ones(1))
        >>> left = torch.tensor([[[[True, False], [True, False]]]])
        >>> attribute_scores(given, left, left, ["left"]).contributions
        tensor([[4.]])
    """
    sides = ((explanation.query_maps, query_regions), (explanation.gallery_maps, gallery_regions))
    if all(maps is None for maps, _ in sides) or any(maps is not None and maps.shape[1] != 1 for maps, _ in sides):
        raise ValueError("explanation must have one map [P, 1, h, w] a picture for the whole score.")
    total = explanation.score.new_zeros(len(explanation), len(attributes))
    for name, (maps, regions) in zip(("query_regions", "gallery_regions"), sides, strict=True):
        _check_regions(name, regions, len(explanation), len(attributes))
        if maps is not None:
            total = total + region_sums(maps[:, 0], regions.to(maps.device))
    if differs is not None:
        total = total * require_booleans("differs", differs, "[P, A]").to(total)
    return PairExplanation.from_contributions(
        explanation.score,
        total,
        kind=explanation.kind,
        attributes=attributes,
        query_maps=explanation.query_maps,
        gallery_maps=explanation.gallery_maps,
    )


def group_scores(
    explanation: PairExplanation, query_labels: Tensor, gallery_labels: Tensor, *, differs: Tensor | None = None
) -> PairExplanation:
    """`attribute_scores` for the 12 attribute groups of Promenade, from part maps.

    Args:
        explanation: with maps [P, 1, h, w].
        query_labels: [P, H, W] part numbers, as `whyreid.pedestrians.read_masks` gives them.
        gallery_labels: [P, H, W].
        differs: [P, 12] bool, see `attribute_scores`.

    Returns:
        An explanation whose contributions are those of the groups; made with an oracle mask.
    """
    regions = group_regions(query_labels), group_regions(gallery_labels)
    return attribute_scores(explanation, *regions, GROUPS, differs=differs)


def region_sums(maps: Tensor, regions: Tensor) -> Tensor:
    """[P, h, w] maps, [P, A, H, W] bool regions -> [P, A]: the sum of each map inside each region."""
    shares = area_resize(regions.to(maps.dtype), (maps.shape[1], maps.shape[2]))
    return torch.einsum("phw,pahw->pa", maps, shares)


def _check_regions(name: str, regions: Tensor, pairs: int, attributes: int) -> None:
    require_booleans(name, regions, "[P, A, H, W]")
    if regions.shape[:2] != (pairs, attributes):
        raise ValueError(f"{name} must be [{pairs}, {attributes}, H, W], got {list(regions.shape)}; one mask a name.")
