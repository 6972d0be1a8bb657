"""What corresponding locations show, measured on many pairs: body parts, view changes, and where the evidence lies."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType

import pandas as pd
import torch
from torch import Tensor

from whyreid.data import ReIDTable
from whyreid.explain.correspondences import Correspondences, NearestLocations, find_correspondences, nearest_locations
from whyreid.models import TargetModel
from whyreid.study.correspondence_maps import pair_maps, target_maps
from whyreid.study.correspondence_parts import (
    BODY_PARTS,
    PairParts,
    agreement_both_ways,
    agreement_controls,
    body_parts,
)
from whyreid.study.qaconv_steps import TrainedQAConv, qaconv_maps

QACONV = "QAConv 2.1"
MUTUAL, STRONGEST = f"{QACONV}, mutual matches", f"{QACONV}, strongest tenth"
BESIDE = "beside the person"
PER_VIEW: Mapping[str, int] = MappingProxyType({"smoke": 3, "default": 120, "paper": 400})
"""Pairs of one person for each view, by size of the study; as many of two persons."""


def measure_correspondences(
    trained: TrainedQAConv,
    baselines: Mapping[str, TargetModel],
    query: ReIDTable,
    gallery: ReIDTable,
    pairs: pd.DataFrame,
    *,
    device: str = "auto",
) -> pd.DataFrame:
    """Part agreement of QAConv's matches, of nearest neighbours in other networks' maps, and of controls.

    Args:
        trained: QAConv 2.1.
        baselines: name -> a target whose feature map is matched by the cosine, location by location.
        query: with masks of body parts.
        gallery: the same.
        pairs: from `whyreid.study.correspondence_pairs.correspondence_pairs`.
        device: "auto", "cpu" or "cuda".

    Returns:
        Rows of two kinds (column kind). "agreement": method, persons, view, agreement (mean over pairs of the share of
        the person's locations whose match shows the same body part, 0..1), pairs. "evidence", of QAConv alone: persons,
        part, contribution (mean over pairs of the summed contributions of its locations in both pictures, in
        units of the logit), area (share of all locations), pairs.
    """
    sides = pair_maps(partial(qaconv_maps, trained, device=device), query, gallery, pairs)
    parts = pair_parts(query, gallery, pairs, sides[0].shape[2:])
    found = find_correspondences(trained.model.matcher, *sides)
    scores = qaconv_agreement(found, parts) | agreement_controls(parts)
    for name, target in baselines.items():
        maps = pair_maps(partial(target_maps, target, device=device), query, gallery, pairs)
        nearest = nearest_locations(*maps)
        scores[name] = nearest_agreement(nearest, pair_parts(query, gallery, pairs, maps[0].shape[2:]))
    frames = [agreement_rows(name, values, pairs) for name, values in scores.items()]
    return pd.concat([*frames, evidence_rows(found, parts, pairs)], ignore_index=True)


def pair_parts(query: ReIDTable, gallery: ReIDTable, pairs: pd.DataFrame, size: Sequence[int]) -> PairParts:
    """The body parts of both pictures of each pair at the locations of a map of ``size`` (h, w); needs masks."""
    return PairParts(*pair_maps(lambda table: body_parts(table, (size[0], size[1])), query, gallery, pairs))


def qaconv_agreement(found: Correspondences, parts: PairParts) -> dict[str, Tensor]:
    """Agreement [P] of all matches, of those that chose each other, and of the tenth that adds most to the logit."""
    matches = found.query_matches, found.gallery_matches
    mutual = found.mutual(), _mutual(found.gallery_matches, found.query_matches)
    strongest = _strongest(found.query_contributions), _strongest(found.gallery_contributions)
    return {
        QACONV: agreement_both_ways(*matches, parts),
        MUTUAL: agreement_both_ways(*matches, parts, kept=mutual),
        STRONGEST: agreement_both_ways(*matches, parts, kept=strongest),
    }


def nearest_agreement(nearest: NearestLocations, parts: PairParts) -> Tensor:
    """[P] agreement of each location with its nearest one in the other picture."""
    shape = parts.query.shape
    return agreement_both_ways(nearest.query_matches.view(shape), nearest.gallery_matches.view(shape), parts)


def agreement_rows(method: str, agreement: Tensor, pairs: pd.DataFrame) -> pd.DataFrame:
    """Means over the pairs of each class; pairs in which nothing counts are left out of mean and count."""
    known = pairs.assign(agreement=agreement.tolist()).dropna(subset="agreement")
    grouped = known.groupby(["persons", "view"], sort=False)["agreement"].agg(["mean", "size"])
    rows = grouped.rename(columns={"mean": "agreement", "size": "pairs"}).reset_index()
    rows.insert(0, "method", method)
    return rows.assign(kind="agreement")


def evidence_rows(found: Correspondences, parts: PairParts, pairs: pd.DataFrame) -> pd.DataFrame:
    """What the locations of each body part, and those beside the person, add to the logit of matches and non-matches.

    Where matches and non-matches differ most, the matcher tells persons apart; a single location's sign says little,
    because the same constant could be moved between locations and bias.
    """
    contributions = torch.cat([found.query_contributions.flatten(1), found.gallery_contributions.flatten(1)], dim=1)
    shown = torch.cat([parts.query.flatten(1), parts.gallery.flatten(1)], dim=1)
    rows = []
    for number, name in [*enumerate(BODY_PARTS), (-1, BESIDE)]:
        here = shown == number
        sums = (contributions.double() * here).sum(dim=1)
        frame = pairs.assign(contribution=sums.tolist(), area=here.double().mean(dim=1).tolist())
        grouped = frame.groupby("persons", sort=False)
        values = grouped[["contribution", "area"]].mean().assign(pairs=grouped.size()).reset_index()
        rows.append(values.assign(part=name))
    return pd.concat(rows, ignore_index=True).assign(kind="evidence", method=QACONV)


def _mutual(matches: Tensor, back: Tensor) -> Tensor:
    """[P, h, w] bool: locations whose match chose them in return."""
    here = torch.arange(matches[0].numel())
    return (back.flatten(1).gather(1, matches.flatten(1)) == here).view_as(matches)


def _strongest(contributions: Tensor, share: float = 0.1) -> Tensor:
    """[P, h, w] bool: the locations with the greatest contributions."""
    flat = contributions.flatten(1)
    chosen = flat.argsort(dim=1, descending=True, stable=True)[:, : max(1, math.ceil(share * flat.shape[1]))]
    return torch.zeros_like(flat, dtype=torch.bool).scatter(1, chosen, True).view_as(contributions)
