"""The target with as much practice as QAConv: what a target gains by learning longer, not by being matched."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from whyreid.data import ReIDTable
from whyreid.study.artifacts import artifact
from whyreid.study.presets import size_of
from whyreid.study.steps import TrainedTarget, trained_target
from whyreid.training import TrainingHistory, load_target, recipe_for, train_target
from whyreid.training.device import resolve_device
from whyreid.training.qaconv_recipe import qaconv_recipe_for


def target_trained_on(table: ReIDTable, *, preset: str, seed: int, device: str = "auto") -> TrainedTarget:
    """The thin target after as many further pictures as QAConv 2.1 sees, by its own losses; an artifact.

    The recipe of the target with a fresh one-cycle schedule at a tenth of its rate, as QAConv's base learns at a tenth.

    Args:
        table: the data set.
        preset: as for `trained_qaconv`.
        seed: of the target; the continuation draws other pictures than the start.
        device: "auto", "cpu" or "cuda".
    """
    size = size_of(preset)
    recipe, budget = recipe_for(size), qaconv_recipe_for(size, "2.1")
    start = trained_target(table, recipe, seed=seed, device=device)
    per_epoch = budget.images_per_epoch or len(table.select(*recipe.splits))
    recipe = dataclasses.replace(
        recipe, epochs=budget.epochs, images_per_epoch=per_epoch, learning_rate=recipe.learning_rate / 10
    )

    def make(folder: Path) -> None:
        train_target(load_target(start.folder), table, recipe, folder=folder, seed=seed + 1000, device=device)

    inputs = {"start": start.folder, "table": table.select(*recipe.splits), "recipe": recipe, "seed": seed}
    inputs["device"] = resolve_device(device).type
    folder = artifact("target-trained-on", inputs, make, code=["whyreid.training.train_target"])
    return TrainedTarget(load_target(folder), TrainingHistory.load(folder), folder)
