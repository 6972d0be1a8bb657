"""Is QAConv's explanation of its own logit true? Pairs, truth, explanations and their scores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import MappingProxyType

import pandas as pd
from torch import Tensor

from whyreid.data import ReIDTable
from whyreid.explain import (
    CorrespondenceExplainer,
    FeatureAblationExplainer,
    IntegratedGradientsExplainer,
    MatchingLogit,
    OcclusionExplainer,
    PairExplainer,
    PairExplanation,
    SbsmExplainer,
)
from whyreid.explain.matching_shortfall import ShortfallExplainer
from whyreid.models import QAConvModel, distance_from_logits
from whyreid.retrieval import rank_gallery
from whyreid.study.presets import size_of
from whyreid.study.qaconv_steps import TrainedQAConv, qaconv_scores
from whyreid.study.truth_explainers import Explained, controls_of, explained
from whyreid.study.truth_steps import PAIRS, TOP, TrueEffects, measured_effects, rendered, training_pairs
from whyreid.study.truth_table import truth_table
from whyreid.truth.counterfactual_effects import CounterfactualEffects
from whyreid.truth.counterfactual_pairs import CounterfactualPairs, impostor_pairs, join_pairs, random_pairs
from whyreid.truth.truth_scores import group_contributions, score_groups

FROM_BELOW = ("top1", "label_agreement")
"""Measures that look at who comes first: of a similarity, what speaks most against a match."""
_SHARES = ("explained", "true_explained")
_DRAW = 0  # the random pairs are those of the chapter on targets
_CHUNK = 16


class SpeaksAgainst:
    """A control that takes every difference for evidence against a match: the sizes of another one, all negative.

    Controls hand a score out in shares that have no sign, and a difference makes a distance larger. A similarity it
    makes smaller, and the sign of a logit says nothing about that: handed out as it is, a control's order would turn
    round with the sign of the pair's logit.

    Args:
        control: explains a similarity, by contributions or by maps.
    """

    def __init__(self, control: PairExplainer) -> None:
        self.control = control

    def explain(self, query: Tensor, gallery: Tensor) -> PairExplanation:
        """Explain P pairs of normalised pictures [P, 3, H, W]; they must be those that the control was made for."""
        found = self.control.explain(query, gallery)
        given = _downwards(found.contributions)
        return PairExplanation(
            score=found.score,
            kind=found.kind,
            contributions=given,
            query_maps=_downwards(found.query_maps),
            gallery_maps=_downwards(found.gallery_maps),
            attributes=found.attributes,
            remainder=found.score if given is None else found.score - given.sum(dim=1),
        )


def matched_pairs(
    trained: TrainedQAConv, table: ReIDTable, *, preset: str, device: str = "auto"
) -> CounterfactualPairs:
    """Pairs of test persons who differ in at least three groups: half random, half impostors by QAConv's own logits.

    The protocol of `whyreid.study.truth_steps.scored_pairs`, and the same random pairs.

    Args:
        trained: whose rank lists name the impostors.
        table: Promenade; its splits query and gallery.
        preset: decides how many, see `whyreid.study.truth_steps.PAIRS`.
        device: "auto", "cpu" or "cuda".
    """
    count = PAIRS[size_of(preset)]
    query, gallery = table.select("query"), table.select("gallery")
    distmat = distance_from_logits(qaconv_scores(trained, query, gallery, device=device))
    people = (query.pids, gallery.pids, query.camids, gallery.camids)
    ranking = rank_gallery(distmat, *people, top_k=TOP).indices
    drawn = random_pairs(query, gallery, count, seed=_DRAW)
    return join_pairs(drawn, impostor_pairs(query, gallery, ranking, count, seed=_DRAW))


def matching_effects(
    trained: TrainedQAConv, table: ReIDTable, *, trained_on: ReIDTable, preset: str, device: str = "auto"
) -> TrueEffects:
    """What the attributes in which two persons differ do to QAConv's logit; most make it smaller.

    Args:
        trained: the model.
        table: Promenade; its test persons are asked about.
        trained_on: the table whose training persons tell what is usual.
        preset: decides how many pairs.
        device: where the impostors are found; pictures are rendered on the CPU.
    """
    logit = [MatchingLogit(trained.model)]
    pairs = matched_pairs(trained, table, preset=preset, device=device)
    (before,) = measured_effects(trained.folder, training_pairs(trained_on, preset=preset), logit)
    (effects,) = measured_effects(trained.folder, pairs, logit)
    of = MappingProxyType({effects.kind: effects})
    return TrueEffects(pairs, rendered(pairs), of, before.mean_size().nan_to_num(0.0))


def matching_explainers(model: QAConvModel) -> Iterator[tuple[str, PairExplainer]]:
    """QAConv's own explanation, read from zero and from a perfect match, and every method that takes any score.

    GradCAM needs a target's pooled feature map, AMD and the attribute-related error its embedding: they are not here.
    """
    yield "QAConv, locations", CorrespondenceExplainer(model)
    yield "QAConv, shortfall", ShortfallExplainer(model)
    yield "integrated gradients", IntegratedGradientsExplainer(model)
    yield "occlusion, grey", OcclusionExplainer(model)
    yield "occlusion, blur", OcclusionExplainer(model, fill="blur")
    yield "SBSM", SbsmExplainer(model)
    yield "feature ablation", FeatureAblationExplainer(model)


def explain_matches(
    trained: TrainedQAConv, effects: TrueEffects, *, trained_on: ReIDTable, seed: int
) -> Iterator[Explained]:
    """Let every explainer and every control explain the pairs.

    Args:
        trained: whose logit is explained.
        effects: the pairs, and what is usual among training persons.
        trained_on: the table that tells how frequent attributes are.
        seed: of the random control.

    Yields:
        One after the other, explainers first. All rows of explainers are read off through true masks.
    """
    pairs, model = effects.pairs, trained.model
    pictures = pairs.pictures(model.image_input)
    for name, explainer in matching_explainers(model):
        yield explained(name, explainer, pairs, pictures, chunk=_CHUNK)
    for name, control in controls_of(model, pairs, effects.usual, trained_on=trained_on, seed=seed):
        yield explained(name, SpeaksAgainst(control), pairs, pictures, chunk=len(pairs), source="control")


def matching_table(found: list[Explained], effects: TrueEffects) -> pd.DataFrame:
    """`whyreid.study.truth_table.truth_table` for a similarity.

    Shares of the score are left out, because a logit has no natural zero. Measures that look at who comes first
    (`FROM_BELOW`) are taken from the other end: what speaks most against a match.

    Args:
        found: of `explain_matches`.
        effects: of `matching_effects`.
    """
    table = truth_table(found, effects).drop(columns=list(_SHARES))
    (truth,) = effects.of.values()
    turned = replace(truth, score=-truth.score, truth=-truth.truth, remainder=-truth.remainder)
    for one in found:
        scores = score_groups(-_grouped(one, truth), turned)
        for name in FROM_BELOW:
            table.loc[one.name, name] = float(getattr(scores, name).nanmean())
    return table


def _downwards(values: Tensor | None) -> Tensor | None:
    return None if values is None else -values.abs()


def _grouped(one: Explained, truth: CounterfactualEffects) -> Tensor:
    if one.explanation.contributions is None:
        raise ValueError(f"{one.name} must have contributions, got maps only; make it with explain_matches.")
    return group_contributions(one.explanation.contributions, one.explanation.attributes, truth.groups)
