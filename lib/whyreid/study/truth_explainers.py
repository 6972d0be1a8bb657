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
from whyreid.explain.saliency_ablation import FeatureAblationExplainer
from whyreid.explain.saliency_grad_cam import GradCamExplainer
from whyreid.explain.saliency_integrated_gradients import IntegratedGradientsExplainer
from whyreid.explain.saliency_occlusion import OcclusionExplainer
from whyreid.explain.saliency_sbsm import SbsmExplainer
from whyreid.pedestrians import GROUPS, Part, attribute_regions
from whyreid.study.attribute_steps import attribute_reading
from whyreid.study.interpreter_steps import interpreter_recipe_for, trained_interpreter
from whyreid.study.presets import size_of
from whyreid.study.steps import TrainedTarget
from whyreid.truth.attribute_scores import group_scores
from whyreid.truth.counterfactual_pairs import CounterfactualPairs
from whyreid.truth.localisation import localise
from whyreid.truth.regions import group_regions

Source = Literal["explainer", "control"]
_CHUNK = 16
_BESIDE = (int(Part.BACKGROUND), int(Part.OCCLUDER), int(Part.OTHER_PERSON))


@dataclass(frozen=True, eq=False)
class Explained:
    """What one explainer says about the pairs.

    Attributes:
        name: of the explainer or control.
        source: "explainer" or "control".
        oracle_mask: its maps became contributions through the true masks, which nobody has for photographs.
        explanation: with contributions of attributes or groups.
        energy: share of the maps' absolute value inside the regions of differing visible groups, mean over both
            pictures; NaN without maps.
        area: the share of the picture that these regions cover: the energy of a map without content.
        seconds: a pair.
    """

    name: str
    source: Source
    oracle_mask: bool
    explanation: PairExplanation
    energy: float
    area: float
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
    for name, control in controls_of(target, pairs, usual, trained_on=trained_on, seed=seed):
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
    target: TrainedTarget, pairs: CounterfactualPairs, usual: Tensor, *, trained_on: ReIDTable, seed: int
) -> Iterator[tuple[str, PairExplainer]]:
    """Name and control; none looks at how the model works, some know labels, masks or training persons."""
    model, names = target.model, trained_on.schema.names if trained_on.schema else ()
    query_labels, gallery_labels = pairs.masks()
    labels = pairs.query.attribute_tensor(missing=False)[pairs.query_rows]
    ratio = torch.from_numpy(attribute_frequencies(trained_on.select("train"))["ratio"].to_numpy(copy=True)).float()
    beside = torch.tensor(_BESIDE, dtype=query_labels.dtype)
    persons = [~torch.isin(parts, beside) for parts in (query_labels, gallery_labels)]
    yield "uniform", uniform_control(model, GROUPS)
    yield "random", RandomShareControl(model, GROUPS, seed=seed)
    yield "usual effect", fixed_order_control(model, GROUPS, usual.float())
    yield "query label prior", query_prior_control(model, names, labels, ratio)
    yield "mask area", mask_area_control(model, GROUPS, group_regions(query_labels), group_regions(gallery_labels))
    yield "silhouette", silhouette_control(model, *persons)
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
    """What one explainer says, in contributions of attributes or groups; maps are read off through true masks."""
    started = time.perf_counter()
    explanation = explain_in_chunks(explainer, *pictures, chunk=chunk)
    seconds = (time.perf_counter() - started) / len(pairs)
    energy, area = _localised(explanation, pairs)
    oracle = explanation.contributions is None or not _knows_attributes(explanation)
    if oracle:
        explanation = group_scores(explanation, *pairs.masks())
    return Explained(name, source, oracle, explanation, energy, area, seconds)


def _knows_attributes(explanation: PairExplanation) -> bool:
    """Whether the contributions are those of attributes (QAConv's are those of the two pictures)."""
    return not set(explanation.attributes) & {"query locations", "gallery locations"}


def _localised(explanation: PairExplanation, pairs: CounterfactualPairs) -> tuple[float, float]:
    """Energy inside the regions of differing groups and the regions' area, means over both pictures."""
    differs, schema = pairs.differs(), pairs.query.schema
    found = []
    for maps, labels in zip((explanation.query_maps, explanation.gallery_maps), pairs.masks(), strict=True):
        if maps is None or schema is None:
            return float("nan"), float("nan")
        regions, counts = group_regions(labels), differs
        if maps.shape[1] > 1:
            columns = [schema.index(name) for name in explanation.attributes]
            regions = attribute_regions(labels)[:, columns]
            counts = differs[:, [GROUPS.index(schema.group_of(name)) for name in explanation.attributes]]
        measures = localise(maps.cpu(), regions)
        found.append([value[counts].nanmean() for value in (measures.energy, measures.area)])
    energy, area = torch.tensor(found).mean(dim=0).tolist()
    return energy, area
