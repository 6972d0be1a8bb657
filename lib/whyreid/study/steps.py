"""The long steps that several notebooks share: train a target, embed pictures. Done once, found again."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from whyreid.data import ReIDTable
from whyreid.models import TargetModel
from whyreid.study.artifacts import artifact
from whyreid.training import (
    TrainingHistory,
    TrainingRecipe,
    embed_images,
    load_history,
    load_target,
    thin_target,
    train_target,
)


@dataclass(frozen=True)
class TrainedTarget:
    """A target model and where it came from.

    Attributes:
        model: the network, in eval mode, on the CPU.
        history: loss, accuracy and speed of every epoch.
        folder: the artifact that holds both; its name is the digest of recipe, data, seed and code.
    """

    model: TargetModel
    history: TrainingHistory
    folder: Path


def trained_target(
    table: ReIDTable, recipe: TrainingRecipe, *, seed: int, device: str = "auto", progress: bool = False
) -> TrainedTarget:
    """A target trained on the table's training identities; at the second call it is only loaded.

    A training that was killed goes on after its last whole epoch and ends as if it had not been.

    Args:
        table: with the splits that the recipe fits on.
        recipe: network, schedule and augmentation.
        seed: of the weights, the order and the augmentation.
        device: "auto", "cpu" or "cuda".
        progress: show a bar.
    """

    def make(folder: Path) -> None:
        train_target(
            thin_target(table, recipe, seed=seed),
            table,
            recipe,
            folder=folder,
            seed=seed,
            device=device,
            progress=progress,
        )

    inputs = {"table": table.digest(), "recipe": asdict(recipe), "seed": seed, "device": _device_type(device)}
    folder = artifact("target", inputs, make, code=["whyreid.training", "whyreid.models"])
    return TrainedTarget(load_target(folder), load_history(folder), folder)
