"""Do the maps lie where two persons differ? Energy, pointing game and area under the curve, against true masks."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import torch
from torch import Tensor

from whyreid.pedestrians import GROUPS, attribute_regions
from whyreid.study.truth_explainers import Explained
from whyreid.truth.counterfactual_pairs import CounterfactualPairs
from whyreid.truth.localisation import Localisation, localise
from whyreid.truth.regions import area_resize, group_regions

BLOCKS = (32, 16)
"""Rows and columns to which all maps are brought: what a method's own grid is shall not matter."""

MARGIN = 4
"""Pixels by which regions are grown in the columns that say so: the reach of a coarse map, or a camera's blur."""

MEASURES = ("energy over area", "pointing", "auc")
FLAT = "pointing of a flat map"
GROWN = ", grown"
"""What is added to the name of a measure, and to `FLAT`, when the regions are grown."""

LOCALISATION = tuple(name + grown for grown in ("", GROWN) for name in (*MEASURES, FLAT))
"""The columns of `localisation_table`."""


def localisation_table(found: Sequence[Explained], pairs: CounterfactualPairs) -> pd.DataFrame:
    """How well each explainer's and control's maps lie in the regions of the visible groups in which persons differ.

    One map for the whole score is held against the region of every differing group; maps of attributes each against
    the region of their attribute, where the persons differ in its group. By absolute values; means over pairs and
    groups, then over both pictures.

    Args:
        found: explanations of the pairs; those without maps on both pictures are left out.
        pairs: of Promenade.

    Returns:
        Index explainer; columns `LOCALISATION`: energy over area (share of the map inside, over the region's share of
        the picture; 1 = as a flat map), pointing (share of the strongest places that lie inside), auc (0.5 = no
        order), what pointing would be for a flat map (the regions' share of the picture), and all four for regions
        grown by `MARGIN` pixels.

    Cost: a second a method and 100 pairs.
    """
    masks = pairs.masks()
    rows = {one.name: _row(one, pairs, masks) for one in found if _has_maps(one)}
    index = pd.Index(list(rows), name="explainer")
    return pd.DataFrame(list(rows.values()), index=index, columns=list(LOCALISATION), dtype="float64")


def _has_maps(one: Explained) -> bool:
    return one.explanation.query_maps is not None and one.explanation.gallery_maps is not None


def _row(one: Explained, pairs: CounterfactualPairs, masks: tuple[Tensor, Tensor]) -> dict[str, float]:
    sides = zip((one.explanation.query_maps, one.explanation.gallery_maps), masks, strict=True)
    numbers = [_one_side(maps, labels, one.explanation.attributes, pairs) for maps, labels in sides if maps is not None]
    return {str(name): float(value) for name, value in pd.DataFrame(numbers).mean().items()}


def _one_side(maps: Tensor, labels: Tensor, attributes: Sequence[str], pairs: CounterfactualPairs) -> dict[str, float]:
    """Measures of the maps [P, A or 1, h, w] of one picture of each pair."""
    regions, counts = group_regions(labels), pairs.differs()
    if maps.shape[1] > 1:
        regions, counts = _of_attributes(labels, attributes, pairs)
    coarse = area_resize(maps.detach().double().cpu(), BLOCKS)
    measured = {"": localise(coarse, regions), GROWN: localise(coarse, regions, dilation=MARGIN)}
    values = {name + grown: value for grown, one in measured.items() for name, value in _measures(one).items()}
    return {name: float(value[counts].nanmean()) for name, value in values.items()}


def _measures(found: Localisation) -> dict[str, Tensor]:
    """[P, A] each; NaN where the map says nothing or nothing is visible, for the flat map too."""
    flat = found.area.where(~found.energy.isnan(), torch.nan)
    values = (found.energy / found.area, found.pointing, found.auc, flat)
    return dict(zip((*MEASURES, FLAT), values, strict=True))


def _of_attributes(labels: Tensor, attributes: Sequence[str], pairs: CounterfactualPairs) -> tuple[Tensor, Tensor]:
    """[P, A, H, W] the regions of binary attributes, and [P, A] whether the persons differ in the attribute's group."""
    schema = pairs.query.schema
    if schema is None:
        raise ValueError("pairs must be of a table with attributes, got none; only Promenade knows regions.")
    regions = attribute_regions(labels)[:, [schema.index(name) for name in attributes]]
    return regions, pairs.differs()[:, [GROUPS.index(schema.group_of(name)) for name in attributes]]
