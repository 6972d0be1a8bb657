"""Every explainer and every control that is scored against the truth, by name."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from whyreid.data import ReIDTable, attribute_frequencies
from whyreid.explain import (
    AttributeErrorExplainer,
    DecompositionExplainer,
    PairExplainer,
    PairExplanation,
    explain_in_chunks,
)
from whyreid.explain.controls import (
    MapControl,
    RandomShareControl,
    centre_prior,
    fixed_order_control,
    mask_area_control,
    query_prior_control,
    silhouette_control,
    uniform_control,
)
from whyreid.explain.correspondences import DIRECTIONS
from whyreid.explain.saliency_ablation import FeatureAblationExplainer
from whyreid.explain.saliency_grad_cam import GradCamExplainer
from whyreid.explain.saliency_integrated_gradients import IntegratedGradientsExplainer
from whyreid.explain.saliency_occlusion import OcclusionExplainer
from whyreid.explain.saliency_sbsm import SbsmExplainer
from whyreid.models import QAConvModel, TargetModel
from whyreid.pedestrians import GROUPS
from whyreid.study.attribute_steps import attribute_reading
from whyreid.study.interpreter_steps import interpreter_recipe_for, trained_interpreter
from whyreid.study.presets import size_of
from whyreid.study.steps import TrainedTarget
from whyreid.truth.attribute_scores import group_scores
from whyreid.truth.counterfactual_pairs import CounterfactualPairs
from whyreid.truth.regions import group_regions, person_region

Source = Literal["explainer", "control"]
_CHUNK = 16


@dataclass(frozen=True, eq=False)
class Explained:
    """What one explainer says about the pairs.

    Attributes:
        name: of the explainer or control.
        source: "explainer" or "control".
        oracle_mask: its maps became contributions through the true masks, which nobody has for photographs.
        explanation: with contributions of attributes or groups, and the maps as the explainer gave them.
        seconds: a pair.
    """

    name: str
    source: Source
    oracle_mask: bool
    explanation: PairExplanation
    seconds: float


def explain_pairs(
    target: TrainedTarget,
    pairs: CounterfactualPairs,
    usual: Tensor,
    *,
    trained_on: ReIDTable,
    preset: str,
    seed: int,
    device: str = "auto",
) -> Iterator[Explained]:
    """Let every explainer and every control explain the pairs.

    Args:
        target: whose distance (or its square) is explained.
        pairs: of test persons.
        usual: [12] mean size of each group's effect among training persons.
        trained_on: the table that the target, its interpreter and its attribute classifier learn from.
        preset: size of the interpreter's training.
        seed: of the interpreter, and of the random control.
        device: where the interpreter is trained.

    Yields:
        One after the other, explainers first.
    """
    pictures = pairs.pictures(target.model.image_input)
    for name, explainer in explainers_of(target, trained_on, preset=preset, seed=seed, device=device):
        yield explained(name, explainer, pairs, pictures, chunk=_CHUNK)
    for name, control in controls_of(target.model, pairs, usual, trained_on=trained_on, seed=seed):
        yield explained(name, control, pairs, pictures, chunk=len(pairs), source="control")


def explainers_of(
    target: TrainedTarget, trained_on: ReIDTable, *, preset: str, seed: int, device: str = "auto"
) -> Iterator[tuple[str, PairExplainer]]:
    """Name and explainer; what has to be trained is found or made now."""
    model = target.model
    recipe = interpreter_recipe_for(size_of(preset))
    amd = trained_interpreter(target, trained_on, recipe, seed=seed, device=device)
    yield "AMD", DecompositionExplainer(amd.model, amd.attributes, over_attributes=amd.over_attributes)
    reading = attribute_reading(target, trained_on, device=device)
    yield "Specker, composed", AttributeErrorExplainer(model, reading.weight, reading.names)
    yield "Specker, signed", AttributeErrorExplainer(model, reading.weight, reading.names, form="signed")
    yield "integrated gradients", IntegratedGradientsExplainer(model)
    yield "GradCAM", GradCamExplainer(model)
    yield "occlusion, grey", OcclusionExplainer(model)
    yield "occlusion, blur", OcclusionExplainer(model, fill="blur")
    yield "SBSM", SbsmExplainer(model)
    yield "feature ablation", FeatureAblationExplainer(model)


def controls_of(
    model: TargetModel | QAConvModel,
    pairs: CounterfactualPairs,
    usual: Tensor,
    *,
    trained_on: ReIDTable,
    seed: int,
) -> Iterator[tuple[str, PairExplainer]]:
    """Name and control; none looks at how the model works, some know labels, masks or training persons.

    Args:
        model: whose score of a pair is handed out.
        pairs: that will be explained, all at once.
        usual: [12] mean size of each group's effect among training persons.
        trained_on: the table whose training persons tell how frequent attributes are.
        seed: of the random control.
    """
    names = trained_on.schema.names if trained_on.schema else ()
    labels = pairs.query.attribute_tensor(missing=False)[pairs.query_rows]
    ratio = torch.from_numpy(attribute_frequencies(trained_on.select("train"))["ratio"].to_numpy(copy=True)).float()
    parts = pairs.masks()
    yield "uniform", uniform_control(model, GROUPS)
    yield "random", RandomShareControl(model, GROUPS, seed=seed)
    yield "usual effect", fixed_order_control(model, GROUPS, usual.float())
    yield "query label prior", query_prior_control(model, names, labels, ratio)
    yield "mask area", mask_area_control(model, GROUPS, *map(group_regions, parts))
    yield "silhouette", silhouette_control(model, *map(person_region, parts))
    yield "centre", MapControl(model, centre_prior(model.image_input.size))


def explained(
    name: str,
    explainer: PairExplainer,
    pairs: CounterfactualPairs,
    pictures: tuple[Tensor, Tensor],
    *,
    chunk: int,
    source: Source = "explainer",
) -> Explained:
    """What one explainer says, in contributions of attributes or groups; maps are read off through true masks.

    Args:
        name: of the explainer or control.
        explainer: takes the pictures of all pairs, ``chunk`` pairs at a time.
        pairs: that are explained.
        pictures: of `CounterfactualPairs.pictures`, prepared for the explained model.
        chunk: pairs at a time; all of them for a control that was made for these pairs.
        source: "explainer" or "control".
    """
    started = time.perf_counter()
    explanation = explain_in_chunks(explainer, *pictures, chunk=chunk)
    seconds = (time.perf_counter() - started) / len(pairs)
    oracle = explanation.contributions is None or explanation.attributes == DIRECTIONS
    if oracle:  # no contributions, or those of the two pictures (QAConv's), not of attributes
        explanation = group_scores(explanation, *pairs.masks())
    return Explained(name, source, oracle, explanation, seconds)
