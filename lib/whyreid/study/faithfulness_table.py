"""How faithful every explainer with maps is on pairs that the target itself ranks: any pictures, no labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pandas as pd
from torch import Tensor

from whyreid.data import ReIDTable
from whyreid.explain import (
    FILLS,
    DecompositionExplainer,
    FeatureAblationExplainer,
    Fill,
    GradCamExplainer,
    IntegratedGradientsExplainer,
    MapControl,
    OcclusionExplainer,
    PairExplainer,
    RandomMapControl,
    SbsmExplainer,
    TargetDistance,
    centre_prior,
    explain_in_chunks,
)
from whyreid.models import TargetModel
from whyreid.study.faithfulness_pairs import RetrievalPairs, matches_and_impostors
from whyreid.study.interpreter_steps import TrainedInterpreter
from whyreid.study.presets import size_of
from whyreid.truth.faithfulness import faithfulness_curves, rank_response
from whyreid.truth.sanity import explanation_similarity, randomised_targets
from whyreid.truth.whole_map import whole_maps

PAIRS: Mapping[str, int] = MappingProxyType({"smoke": 1, "default": 24, "paper": 100})
"""Queries; each gives a pair with its closest true match and one with its closest impostor."""

SANITY_PAIRS = 8
_CHUNK = 16
_DRAW = 0  # the queries are the same in every run: seeds vary the training, not the question


@dataclass(frozen=True)
class MapMethod:
    """An explainer with maps, by name.

    Attributes:
        name: what tables call it.
        source: "explainer" or "control".
        of: builds it for a target.
        fitted: it was trained on this one target: of another one nothing can be built.
    """

    name: str
    source: str
    of: Callable[[TargetModel], PairExplainer]
    fitted: bool = False

    def about(self) -> dict[str, str]:
        """The columns that name it."""
        return {"explainer": self.name, "source": self.source}

    def maps(self, target: TargetModel, pictures: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """One map [P, 1, h, w] for the whole distance, of the query and of the gallery pictures.

        Raises:
            ValueError: the method gives no maps.
        """
        query, gallery = whole_maps(explain_in_chunks(self.of(target), *pictures, chunk=_CHUNK))
        if query is None or gallery is None:
            raise ValueError(f"{self.name} must have maps of both pictures, got none; it cannot be scored by place.")
        return query, gallery


def map_methods(*, seed: int, interpreter: TrainedInterpreter | None = None) -> Iterator[MapMethod]:
    """Every explainer that says where, and the controls.

    Args:
        seed: of the random control.
        interpreter: AMD's, of the target that will be explained; None = without AMD.
    """
    if interpreter is not None:
        amd = DecompositionExplainer(
            interpreter.model, interpreter.attributes, over_attributes=interpreter.over_attributes
        )
        yield MapMethod("AMD", "explainer", lambda _: amd, fitted=True)
    yield MapMethod("integrated gradients", "explainer", IntegratedGradientsExplainer)
    yield MapMethod("GradCAM", "explainer", GradCamExplainer)
    yield MapMethod("occlusion, grey", "explainer", OcclusionExplainer)
    yield MapMethod("occlusion, blur", "explainer", lambda target: OcclusionExplainer(target, fill="blur"))
    yield MapMethod("SBSM", "explainer", SbsmExplainer)
    yield MapMethod("feature ablation", "explainer", FeatureAblationExplainer)
    yield MapMethod("random", "control", lambda target: RandomMapControl(target, seed=seed))
    yield MapMethod("centre", "control", lambda target: MapControl(target, centre_prior(target.image_input.size)))


def faithfulness_table(
    target: TargetModel,
    table: ReIDTable,
    *,
    preset: str,
    seed: int = 0,
    interpreter: TrainedInterpreter | None = None,
    count: int | None = None,
    device: str = "auto",
) -> pd.DataFrame:
    """Deletion in both orders for every explainer and control, on matches and impostors, with two fills.

    Insertion would give the same numbers: uncovering in one order is hiding in the reverse one, run backwards.

    Args:
        target: whose distance is explained.
        table: any data set with queries and gallery, photographs too.
        preset: decides how many queries, see `PAIRS`.
        seed: of the random control.
        interpreter: of this target, for AMD.
        count: queries, when it is to be another number.
        device: where pictures are embedded, see `matches_and_impostors`.

    Returns:
        One row for each explainer, kind of pairs ("match", "impostor") and fill: explainer, source, pairs, fill;
        **gain**: mean of `FaithfulnessCurves.gain` in units of the mean distance of these pairs (0 = says
        nothing, its sign turns with the map's), error: its standard error; rank_gain: the same with the share of other
        persons' pictures that come first as response (matches only, NaN elsewhere); n.

    Cost: about 7 s a query on one CPU thread with the thin network.
    """
    count = PAIRS[size_of(preset)] if count is None else count
    drawn = matches_and_impostors(target, table, count=count, seed=_DRAW, device=device)
    rows: list[dict[str, str | float | int]] = []
    for kind, pairs in zip(("match", "impostor"), drawn, strict=True):
        pictures = pairs.pictures(target.image_input)
        for method in map_methods(seed=seed, interpreter=interpreter):
            _, maps = method.maps(target, pictures)
            for fill in FILLS:
                numbers = _gain(target, pairs, pictures, maps, fill, ranked=kind == "match")
                rows.append({**method.about(), "pairs": kind, "fill": fill, **numbers})
    return pd.DataFrame(rows)


def unlearned_similarity(
    target: TargetModel, table: ReIDTable, *, preset: str, seed: int = 0, device: str = "auto"
) -> pd.DataFrame:
    """How alike maps are before and after the target has lost all that it learned, for every method with maps.

    Args:
        target: trained.
        table: any data set with queries and gallery.
        preset: decides how many pairs, at most `SANITY_PAIRS`.
        seed: of the random weights and of the random control.
        device: where pictures are embedded.

    Returns:
        One row a method: explainer, source, spearman, absolute_spearman, ssim (see
        `whyreid.truth.sanity.MapSimilarity`), means over impostor pairs. AMD is left out: its interpreter belongs to
        the trained target.
    """
    count = min(SANITY_PAIRS, PAIRS[size_of(preset)])
    _, pairs = matches_and_impostors(target, table, count=count, seed=_DRAW, device=device)
    pictures = pairs.pictures(target.image_input)
    *_, (_, unlearned) = randomised_targets(target, seed=seed)
    rows = []
    for method in map_methods(seed=seed):
        before, after = (method.of(model).explain(*pictures) for model in (target, unlearned))
        rows.append({**method.about(), **explanation_similarity(before, after).means()})
    return pd.DataFrame(rows)


def _gain(
    target: TargetModel,
    pairs: RetrievalPairs,
    pictures: tuple[Tensor, Tensor],
    maps: Tensor,
    fill: Fill,
    *,
    ranked: bool,
) -> dict[str, float | int]:
    curves = faithfulness_curves(TargetDistance(target), *pictures, maps, fill=fill)
    gain = curves.gain() / curves.apart_first[:, 0].mean()  # the first point: the pairs as they are
    rank_gain = float(rank_response(curves, pairs.rivals).gain().mean()) if ranked else float("nan")
    error = float(gain.std() / len(gain) ** 0.5) if len(gain) > 1 else float("nan")
    return {"gain": float(gain.mean()), "error": error, "rank_gain": rank_gain, "n": len(gain)}
