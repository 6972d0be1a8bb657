"""The long steps that several notebooks share: train a target, embed pictures. Done once, found again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from whyreid.data import ReIDTable
from whyreid.data.loading import ImageStore
from whyreid.models import TargetModel
from whyreid.models.colour_histogram import stripe_colour_histogram
from whyreid.study.artifacts import artifact
from whyreid.study.networks import new_network
from whyreid.training import TrainingHistory, TrainingRecipe, embed_images, load_target, train_target
from whyreid.training.device import resolve_device


@dataclass(frozen=True)
class TrainedTarget:
    """A target model and where it came from.

    Attributes:
        model: the network, in evaluation mode, on the CPU.
        history: loss, accuracy and speed of every epoch.
        folder: the artifact that holds both; its name is the digest of recipe, data, seed and code.
    """

    model: TargetModel
    history: TrainingHistory
    folder: Path


def trained_target(
    table: ReIDTable,
    recipe: TrainingRecipe,
    *,
    seed: int,
    network: str = "thin",
    device: str = "auto",
    progress: bool = False,
) -> TrainedTarget:
    """A target, trained on the splits of the table that the recipe names; at the second call it is only loaded.

    A training that was killed goes on after its last whole epoch, and on a CPU ends as if it had not been.

    Args:
        table: the data set.
        recipe: schedule, losses and augmentation.
        seed: of the weights, the order and the augmentation.
        network: a name of `NETWORKS`.
        device: "auto", "cpu" or "cuda".
        progress: show a bar.
    """

    def make(folder: Path) -> None:
        model = new_network(network, seed=seed)
        train_target(model, table, recipe, folder=folder, seed=seed, device=device, progress=progress)

    learned = table.select(*recipe.splits)
    inputs = {"table": learned, "recipe": recipe, "network": network, "seed": seed}
    inputs["device"] = resolve_device(device).type
    code = ["whyreid.training.train_target", "whyreid.study.networks.new_network"]
    folder = artifact("target", inputs, make, code=code)
    return TrainedTarget(load_target(folder), TrainingHistory.load(folder), folder)


def embeddings(target: TrainedTarget, table: ReIDTable, *, device: str = "auto", progress: bool = False) -> Tensor:
    """The target's embeddings of every picture of a table, averaged with those of the mirror images, and kept.

    Args:
        target: from `trained_target`.
        table: the pictures; any data set, not only the one that the target was trained on.
        device: "auto", "cpu" or "cuda".
        progress: show a bar.

    Returns:
        [N, D] float32 on the CPU, in the table's row order.
    """

    def make(folder: Path) -> None:
        torch.save(embed_images(target.model, table, device=device, progress=progress), folder / "embeddings.pt")

    inputs = {"target": target.folder, "table": table, "device": resolve_device(device).type}
    folder = artifact("embeddings", inputs, make, code=["whyreid.training.embed_images"])
    stored: Tensor = torch.load(folder / "embeddings.pt", weights_only=True)
    return stored


def colour_embeddings(table: ReIDTable, *, size: tuple[int, int] = (128, 64), batch_size: int = 256) -> Tensor:
    """The stripe colour histogram of every picture of a table: the baseline that has learned nothing.

    Args:
        table: the pictures.
        size: (height, width) to which they are resized.
        batch_size: pictures at a time; bounds the memory.

    Returns:
        [N, D] float32, in the table's row order, to be compared by Euclidean distance.

    Cost: about a millisecond a picture.
    """
    store = ImageStore(table, size, memory_limit=0)
    rows = torch.arange(len(store)).split(batch_size)
    return torch.cat([stripe_colour_histogram(images) for images in store.batches(rows)])
