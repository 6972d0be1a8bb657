"""Everything that decides how a target is trained, in one frozen record."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any, Literal

from whyreid.training.augmentation import Augmentation

Preset = Literal["smoke", "default", "paper"]
_SMALL = Augmentation(padding=5)  # for pictures of half the published height and width


@dataclass(frozen=True)
class TrainingRecipe:
    """How a target is trained. Two trainings with equal recipe, table, model and seed give equal weights on a CPU.

    Attributes:
        epochs: length of the training; a checkpoint is written after each.
        images_per_epoch: pictures in an epoch (rounded to whole batches); None = every training picture once. A fixed
            number makes a training on few pictures as long as one on many.
        identities_per_batch: P.
        images_per_identity: K.
        optimiser: "adamw" (decay apart from the gradient) or "adam" (decay in the gradient, as in the papers).
        learning_rate: the greatest one.
        weight_decay: L2 decay.
        schedule: "one_cycle" (rise over ``warmup`` of the steps, cosine down to zero), "steps" (linear rise from 0.01
            over ``warmup_epochs``, then a tenth after each milestone, as in BoT and AGW) or "late_cosine" (the same
            rise, flat to the first milestone, cosine down to 0.002 of the rate, as in SBS).
        warmup: share of the steps in which "one_cycle" rises.
        warmup_epochs: epochs in which "steps" and "late_cosine" rise.
        milestones: epochs after which "steps" divides by ten; the first is where "late_cosine" starts to fall.
        classifier: "linear" logits, or "circle" logits on cosines (`circle_softmax`; SBS).
        label_smoothing: of the cross-entropy over training identities.
        metric_loss: "batch_hard" triplets, "weighted_regularised" triplets (AGW), or "none".
        metric_weight: its weight beside the cross-entropy.
        metric_on: the triplet loss compares "pooled" vectors, before the neck, or the "embedding" (SBS).
        margin: of the batch-hard triplets; None = soft margin.
        augmentation: how pictures are varied.
        image_size: (height, width) in pixels; None = the model's own.
        precision: a precision of Lightning Fabric, or "auto": bfloat16 mixed where the processor has it, else float32.
        splits: the splits of the table to learn from.

    Raises:
        ValueError: a number out of range or an unknown name.
    """

    epochs: int = 20
    images_per_epoch: int | None = None
    identities_per_batch: int = 16
    images_per_identity: int = 4
    optimiser: Literal["adamw", "adam"] = "adamw"
    learning_rate: float = 2e-3
    weight_decay: float = 5e-4
    schedule: Literal["one_cycle", "steps", "late_cosine"] = "one_cycle"
    warmup: float = 0.25
    warmup_epochs: int = 10
    milestones: tuple[int, ...] = (40, 70)
    classifier: Literal["linear", "circle"] = "linear"
    label_smoothing: float = 0.1
    metric_loss: Literal["batch_hard", "weighted_regularised", "none"] = "batch_hard"
    metric_weight: float = 1.0
    metric_on: Literal["pooled", "embedding"] = "pooled"
    margin: float | None = None
    augmentation: Augmentation = field(default_factory=Augmentation)
    image_size: tuple[int, int] | None = None
    precision: str = "auto"
    splits: tuple[str, ...] = ("train",)

    def __post_init__(self) -> None:
        """Refuse what would only fail hours later."""
        if self.epochs < 1 or (self.images_per_epoch is not None and self.images_per_epoch < 1):
            raise ValueError(
                f"epochs and images_per_epoch must be at least 1, got {self.epochs}, {self.images_per_epoch}."
            )
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be positive, got {self.learning_rate}.")
        names: dict[str, tuple[str, ...]] = {
            "optimiser": ("adamw", "adam"),
            "schedule": ("one_cycle", "steps", "late_cosine"),
            "classifier": ("linear", "circle"),
            "metric_on": ("pooled", "embedding"),
            "metric_loss": ("batch_hard", "weighted_regularised", "none"),
        }
        for name, known in names.items():
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, got {getattr(self, name)!r}.")

    @property
    def batch_size(self) -> int:
        """P x K."""
        return self.identities_per_batch * self.images_per_identity

    @property
    def batches_per_epoch(self) -> int | None:
        """Whole batches in ``images_per_epoch`` pictures, at least one; None = one pass over the pictures."""
        return None if self.images_per_epoch is None else max(1, round(self.images_per_epoch / self.batch_size))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a record of what was run."""
        return dataclasses.asdict(self)


def learning_rate_at(recipe: TrainingRecipe, step: int, steps_per_epoch: int) -> float:
    """The learning rate of one step, a pure function of its number: nothing to store, nothing to restore.

    Args:
        recipe: names the schedule.
        step: 0-based, counted over all epochs.
        steps_per_epoch: batches in an epoch.

    Returns:
        A positive number, at most ``recipe.learning_rate``.
    """
    if recipe.schedule == "one_cycle":
        return recipe.learning_rate * _one_cycle((step + 1) / (recipe.epochs * steps_per_epoch + 1), recipe.warmup)
    epoch = step / steps_per_epoch
    rise = min(1.0, 0.01 + 0.99 * epoch / recipe.warmup_epochs) if recipe.warmup_epochs else 1.0
    if recipe.schedule == "steps":
        return recipe.learning_rate * rise * 0.1 ** sum(epoch >= milestone for milestone in recipe.milestones)
    start = recipe.milestones[0] if recipe.milestones else 0
    fall = min(1.0, max(0.0, (epoch - start) / max(recipe.epochs - start, 1)))
    return recipe.learning_rate * rise * (0.002 + 0.998 * _cosine(fall))


def _cosine(position: float) -> float:
    """From 1 at position 0 to 0 at position 1."""
    return 0.5 * (1 + math.cos(math.pi * position))


def _one_cycle(position: float, warmup: float) -> float:
    if position < warmup:
        return 0.04 + 0.96 * (1 - _cosine(position / warmup))
    return _cosine((position - warmup) / (1 - warmup))


def recipe_for(preset: Preset) -> TrainingRecipe:
    """The recipe of a preset, for the thin network ("smoke", "default") or a published one ("paper").

    Args:
        preset: "smoke" learns something in seconds, "default" trains a thin target in minutes on two CPU cores, on any
            table alike; "paper" is that of AGW, see `published_recipe`.

    Raises:
        ValueError: no such preset.
    """
    recipes = {
        "smoke": TrainingRecipe(epochs=4, images_per_epoch=1024, identities_per_batch=8, augmentation=_SMALL),
        "default": TrainingRecipe(epochs=20, images_per_epoch=6400, weight_decay=0.05, augmentation=_SMALL),
        "paper": published_recipe("agw"),
    }
    if preset not in recipes:
        raise ValueError(f"preset must be one of {', '.join(recipes)}, got {preset!r}.")
    return recipes[preset]


def published_recipe(name: Literal["bot", "sbs", "agw"]) -> TrainingRecipe:
    """The published schedule of a target in `whyreid.models.published`, for a GPU.

    BoT (Luo et al., arXiv 1903.07071) and AGW (Ye et al., arXiv 2001.04193): 120 epochs of 16 x 4 pictures of 256 x
    128, Adam. SBS: as fast-reid's Base-SBS.yml, 60 epochs of 4 x 16 pictures of 384 x 128. Left out: the center loss of
    BoT and AGW (weight 0.0005), SBS's AutoAugment and its frozen first 1,000 steps; SBS's warm-up of 2,000 steps is ten
    epochs here.

    Args:
        name: "bot", "sbs" or "agw".

    Raises:
        ValueError: another name.
    """
    base = TrainingRecipe(epochs=120, optimiser="adam", learning_rate=3.5e-4, schedule="steps", image_size=(256, 128))
    recipes = {
        "bot": dataclasses.replace(base, margin=0.3),
        "agw": dataclasses.replace(base, metric_loss="weighted_regularised"),
        "sbs": dataclasses.replace(
            base,
            epochs=60,
            identities_per_batch=4,
            images_per_identity=16,
            schedule="late_cosine",
            milestones=(30,),
            classifier="circle",
            metric_on="embedding",
            image_size=(384, 128),
        ),
    }
    if name not in recipes:
        raise ValueError(f"name must be one of {', '.join(recipes)}, got {name!r}.")
    return recipes[name]
