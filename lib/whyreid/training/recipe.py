"""Everything that decides how a target is trained, in one frozen record."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any, Literal

from whyreid.training.augmentation import Augmentation

Preset = Literal["smoke", "default", "paper"]


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
        schedule: "one_cycle" (rise over ``warmup`` of the steps, cosine down to zero), or "steps" (linear rise from
            0.01 over ``warmup_epochs``, then a tenth after each milestone, as in BoT and AGW).
        warmup: share of the steps in which "one_cycle" rises.
        warmup_epochs: epochs in which "steps" rises.
        milestones: epochs after which "steps" divides by ten.
        label_smoothing: of the cross-entropy over training identities.
        metric_loss: "batch_hard" triplets, "weighted_regularised" triplets (AGW), or "none".
        metric_weight: its weight beside the cross-entropy.
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
    schedule: Literal["one_cycle", "steps"] = "one_cycle"
    warmup: float = 0.25
    warmup_epochs: int = 10
    milestones: tuple[int, ...] = (40, 70)
    label_smoothing: float = 0.1
    metric_loss: Literal["batch_hard", "weighted_regularised", "none"] = "batch_hard"
    metric_weight: float = 1.0
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
            "schedule": ("one_cycle", "steps"),
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
        position = (step + 1) / (recipe.epochs * steps_per_epoch + 1)
        if position < recipe.warmup:
            factor = 0.04 + 0.96 * 0.5 * (1 - math.cos(math.pi * position / recipe.warmup))
        else:
            factor = 0.5 * (1 + math.cos(math.pi * (position - recipe.warmup) / (1 - recipe.warmup)))
        return recipe.learning_rate * factor
    epoch = step / steps_per_epoch
    rise = min(1.0, 0.01 + 0.99 * epoch / recipe.warmup_epochs) if recipe.warmup_epochs else 1.0
    return recipe.learning_rate * rise * 0.1 ** sum(epoch >= milestone for milestone in recipe.milestones)


def recipe_for(preset: Preset) -> TrainingRecipe:
    """The recipe of a preset, for the thin network ("smoke", "default") or the published ones ("paper").

    Args:
        preset: "smoke" learns something in seconds, "default" trains a thin target in minutes on two CPU cores, "paper"
            is the schedule of AGW (Ye et al., arXiv 2001.04193) for a ResNet-50 on a GPU.

    Raises:
        ValueError: no such preset.
    """
    recipes = {
        "smoke": TrainingRecipe(epochs=4, images_per_epoch=1024, identities_per_batch=8),
        "default": TrainingRecipe(epochs=20, images_per_epoch=6400),
        "paper": TrainingRecipe(
            epochs=120,
            optimiser="adam",
            learning_rate=3.5e-4,
            schedule="steps",
            metric_loss="weighted_regularised",
        ),
    }
    if preset not in recipes:
        raise ValueError(f"preset must be one of {', '.join(recipes)}, got {preset!r}.")
    return recipes[preset]
