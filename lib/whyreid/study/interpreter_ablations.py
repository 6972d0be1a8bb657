"""The variants of the metric interpreter's loss, data and layers that are compared: one thing is changed at a time."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from whyreid.data import ReIDTable
from whyreid.models.interpreter import Start
from whyreid.study.interpreter_steps import TrainedInterpreter, interpreter_recipe_for, trained_interpreter
from whyreid.study.presets import size_of
from whyreid.study.steps import TrainedTarget
from whyreid.training import InterpreterRecipe, TrainingRecipe, recipe_for

EPOCHS = 6
"""Ablations train at most so long, the full loss too where it is compared with them."""

FULL = "full"


@dataclass(frozen=True)
class Ablation:
    """One variant.

    Attributes:
        name: a few words.
        changes: fields of `InterpreterRecipe` that are not those of the full loss.
        share_until: last module shared with the target; "default" as everywhere else.
        start: of the interpreter's own layers, "fresh" or "target".
        dataset: "promenade-a", "promenade-b", or "balanced" (`balanced_promenade`): what target and interpreter learn.
        network: of the target, a name of `whyreid.study.networks.NETWORKS`.
        target_epochs: the target trains at most so long; None = as long as every other (`target_recipe`).
    """

    name: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    share_until: str | None = "default"
    start: Start = "fresh"
    dataset: str = "promenade-a"
    network: str = "thin"
    target_epochs: int | None = None


_NO_PRIOR = MappingProxyType({"prior_weight": 0.0})

MAIN = (
    Ablation(FULL),
    Ablation("no prior", _NO_PRIOR),
    Ablation("sums only", {"each_weight": 0.0}),
    Ablation("eachs only", {"sum_weight": 0.0}),
)
"""The terms of the prior."""

SIDE = (
    Ablation("untrained", {"epochs": 1, "batches_per_epoch": 1, "learning_rate": 1e-9}),
    Ablation("bound N/A", {"threshold": "ratio"}),
    Ablation("prior weight 1", {"prior_weight": 1.0}),
    Ablation("prior weight 30", {"prior_weight": 30.0}),
    Ablation("sum over attributes", {"over_attributes": "sum"}),
    Ablation("shared less (stage 1)", share_until="stage1"),
    Ablation("shared more (half of stage 3)", share_until="stage3.0"),
    Ablation("started from the target", start="target"),
    Ablation("balanced data", dataset="balanced"),
    Ablation("balanced data, no prior", _NO_PRIOR, dataset="balanced"),
    Ablation("trained on B", dataset="promenade-b"),
    Ablation("instance-normalised target", network="thin-ibn"),
    Ablation("ResNet-18 target", network="bot-r18", target_epochs=6),
)
"""Questions beside the main one; "untrained" takes one step that changes nothing.

A ResNet-18 on pictures of 256 x 128 sees some 35 of them a second where a thin network sees 250 (one core), so it
trains for six epochs where others have twenty; see "target mAP" for what it is worth as a target.
"""

TARGETS = (FULL, "instance-normalised target", "ResNet-18 target")
"""The variants that differ in their target alone: loss, data and schedule of the interpreter are the same."""


def target_recipe(ablation: Ablation, *, preset: str) -> TrainingRecipe:
    """How the target of a variant is trained: by the preset's recipe, shorter where the variant says so.

    A target with the preset's own recipe is the one that all other chapters explain. A shorter training is one of its
    own, with its own one-cycle schedule, not an early state of the longer one.

    Args:
        ablation: of `MAIN` or `SIDE`.
        preset: size of the study.

    Example:
        >>> [target_recipe(one, preset="default").epochs for one in (*MAIN, *SIDE) if one.name in TARGETS]
        [20, 20, 6]
    """
    recipe = recipe_for(size_of(preset))
    longest = recipe.epochs if ablation.target_epochs is None else ablation.target_epochs
    return dataclasses.replace(recipe, epochs=min(recipe.epochs, longest))


def ablation_recipe(ablation: Ablation, *, preset: str) -> InterpreterRecipe:
    """The preset's recipe, at most `EPOCHS` long, with the variant's changes.

    Args:
        ablation: of `MAIN` or `SIDE`.
        preset: size of the study.
    """
    recipe = interpreter_recipe_for(size_of(preset))
    changes = {"epochs": min(recipe.epochs, EPOCHS), **ablation.changes}
    return dataclasses.replace(recipe, **changes)


def trained_ablation(
    ablation: Ablation,
    target: TrainedTarget,
    table: ReIDTable,
    *,
    preset: str,
    seed: int,
    device: str = "auto",
    progress: bool = False,
) -> TrainedInterpreter:
    """The interpreter of a variant; at the second call it is only loaded.

    Args:
        ablation: of `MAIN` or `SIDE`.
        target: to be explained, trained on ``table`` by `target_recipe`.
        table: with attributes.
        preset: size of the study.
        seed: of the new weights and of the order of pictures.
        device: "auto", "cpu" or "cuda".
        progress: show a bar.
    """
    return trained_interpreter(
        target,
        table,
        ablation_recipe(ablation, preset=preset),
        seed=seed,
        share_until=ablation.share_until,
        start=ablation.start,
        device=device,
        progress=progress,
    )
