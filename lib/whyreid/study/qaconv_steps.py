"""QAConv as stored steps: train a version, match a query set with a gallery. Done once, found again."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from whyreid.data import ReIDTable
from whyreid.models import QAConvModel, qaconv_from_target, resnet50_qaconv, resnet_target, score_gallery
from whyreid.models.qaconv_features import Version
from whyreid.models.qaconv_file import load_qaconv
from whyreid.study.artifacts import artifact
from whyreid.study.presets import size_of
from whyreid.study.steps import TrainedTarget, trained_target
from whyreid.training import TrainingHistory, recipe_for
from whyreid.training.device import resolve_device
from whyreid.training.qaconv_embedding import embed_maps
from whyreid.training.qaconv_recipe import QAConvRecipe, qaconv_recipe_for
from whyreid.training.qaconv_training import FILE, statistics_are_trained, train_qaconv

NECK = 64
"""Channels of the matched maps on the thin network."""
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainedQAConv:
    """A QAConv model and where it came from.

    Attributes:
        model: extractor and matcher, in evaluation mode, on the CPU.
        history: loss, accuracy and speed of every epoch.
        folder: the artifact that holds both; its name is the digest of recipe, data, seed, start and code.
    """

    model: QAConvModel
    history: TrainingHistory
    folder: Path


def trained_qaconv(
    table: ReIDTable, *, version: Version, preset: str, seed: int, device: str = "auto", progress: bool = False
) -> TrainedQAConv:
    """QAConv in one of its versions, trained on the "train" split of a table; at the second call it is only loaded.

    The published versions start from a ResNet with ImageNet weights, and 2.1 keeps that network's batch normalisation
    as it came. The thin network has no such weights, so in "smoke", "default" and "full" every version starts
    from the thin target that was trained on the same pictures with the same seed: compare it with a target that was
    trained on for as long (`whyreid.study.target_trained_on`), and name the start in every table. In "paper" it
    starts from ImageNet weights where they can be had.

    Args:
        table: the data set.
        version: "1.0", "2.0" or "2.1".
        preset: names network, schedule and length, see `qaconv_recipe_for`.
        seed: of the start, the new layers, the order and the augmentation.
        device: "auto", "cpu" or "cuda".
        progress: show a bar.
    """
    size = size_of(preset)
    recipe = qaconv_recipe_for(size, version)
    if size == "paper":
        return _trained(table, recipe, None, seed, device, progress)
    start = trained_target(table, recipe_for(size), seed=seed, device=device, progress=progress)
    return qaconv_after(start, table, recipe, seed=seed, device=device, progress=progress)


def qaconv_after(
    start: TrainedTarget,
    table: ReIDTable,
    recipe: QAConvRecipe,
    *,
    seed: int,
    device: str = "auto",
    progress: bool = False,
) -> TrainedQAConv:
    """QAConv on a copy of any trained target's network, trained with any recipe; an artifact.

    Args:
        start: the target.
        table: the data set.
        recipe: schedule, loss and augmentation.
        seed: of the new layers, the order and the augmentation.
        device: "auto", "cpu" or "cuda".
        progress: show a bar.
    """
    return _trained(table, recipe, start, seed, device, progress)


def qaconv_maps(trained: TrainedQAConv, table: ReIDTable, *, device: str = "auto") -> Tensor:
    """The maps that the matcher takes, of every picture of a table: [N, C, h, w] float32 on the CPU, length one over C.

    Not stored: a map is some 32 kB a picture, and a forward pass a picture makes it again.

    Args:
        trained: from `trained_qaconv`.
        table: the pictures; any data set.
        device: "auto", "cpu" or "cuda".
    """
    return embed_maps(trained.model, table, device=device)


def qaconv_scores(
    trained: TrainedQAConv, query_table: ReIDTable, gallery_table: ReIDTable, *, device: str = "auto"
) -> Tensor:
    """Matching logits of every query with every gallery picture, stored at the first call.

    Args:
        trained: from `trained_qaconv`.
        query_table: the queries.
        gallery_table: the gallery. The same pictures as the queries give the logits among themselves.
        device: "auto", "cpu" or "cuda".

    Returns:
        [Q, G] float32 on the CPU, higher = more likely the same person; rows as in the tables. For re-ranking take
        `whyreid.models.distance_from_logits`, for temporal lifting `whyreid.models.similarity_from_logits`.

    Cost: see `whyreid.models.location_matching.match_locations`.
    """

    def make(folder: Path) -> None:
        where = resolve_device(device)
        queries = qaconv_maps(trained, query_table, device=device)
        gallery = queries if same else qaconv_maps(trained, gallery_table, device=device)
        matcher = trained.model.matcher.to(where)
        try:
            torch.save(score_gallery(matcher, queries, gallery), folder / "logits.pt")
        finally:
            matcher.to("cpu")

    same = query_table.digest() == gallery_table.digest()
    inputs = {"qaconv": trained.folder, "query": query_table, "gallery": gallery_table}
    inputs["device"] = resolve_device(device).type
    code = ["whyreid.training.qaconv_embedding", "whyreid.models.score_gallery"]
    folder = artifact("qaconv-scores", inputs, make, code=code)
    stored: Tensor = torch.load(folder / "logits.pt", weights_only=True)
    return stored


def _trained(
    table: ReIDTable, recipe: QAConvRecipe, start: TrainedTarget | None, seed: int, device: str, progress: bool
) -> TrainedQAConv:
    def make(folder: Path) -> None:
        model = _new_model(recipe.version, start, seed)
        train_qaconv(model, table, recipe, folder=folder, seed=seed, device=device, progress=progress)

    learned = table.select(*recipe.splits)
    inputs = {"table": learned, "recipe": recipe, "start": start and start.folder, "seed": seed, "neck": NECK}
    inputs["device"] = resolve_device(device).type
    code = ["whyreid.training.qaconv_training", "whyreid.models.qaconv_from_target", "whyreid.models.resnet50_qaconv"]
    folder = artifact("qaconv", inputs, make, code=code)
    return TrainedQAConv(load_qaconv(folder / FILE), TrainingHistory.load(folder), folder)


def _new_model(version: Version, start: TrainedTarget | None, seed: int) -> QAConvModel:
    """The thin network of a target, or the published ResNet-50, with fresh neck and matcher."""
    if start is not None:
        return qaconv_from_target(start.model, version=version, neck=NECK, seed=seed)
    model = resnet50_qaconv(version=version, seed=seed)
    model.features.base.load_state_dict(resnet_target(50, imagenet=True).backbone.state_dict(), strict=False)
    if not statistics_are_trained(model):
        logger.warning("without ImageNet weights the batch normalisation of the base learns along")
        model.features.frozen_statistics = False
    return model
