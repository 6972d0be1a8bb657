"""What the training of a metric interpreter minimises: distillation of the distance plus the attribute prior."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from whyreid.losses import attribute_prior, metric_distillation
from whyreid.losses.attribute_prior import Threshold
from whyreid.losses.metric_distillation import OverAttributes
from whyreid.models.attribute_distances import attribute_distances
from whyreid.models.interpreter import Interpreter
from whyreid.training.augmentation import Augmentation


@dataclass(frozen=True)
class InterpreterRecipe:
    """How an interpreter is trained.

    The loss is distillation_weight * distillation + prior_weight * (sum_weight * sums + each_weight * eachs).

    Attributes:
        epochs: length of the training; a checkpoint is written after each.
        batches_per_epoch: None = one pass over the pictures.
        identities_per_batch: P; 6 in the official code of AMD.
        images_per_identity: K; 4 there.
        learning_rate: the greatest one, reached after a tenth of the steps, then a cosine down to zero (there: 1e-4,
            constant).
        weight_decay: AdamW's.
        over_attributes: "mean" or "sum", see `metric_distillation`.
        distillation_weight: 1 there, for distances of 26 to 33 in features that are not scaled. The distillation is in
            units of the distance, the prior in shares of it; a target whose embeddings have length one has distances
            of about 1.3 and needs a weight of about 20 for the same balance.
        prior_weight: 10 there; 0 = without prior.
        sum_weight: of the two sum terms; 0 = eachs only.
        each_weight: of the two each terms; 10 there; 0 = sums only.
        threshold: "root" or "ratio", see `attribute_prior`.
        augmentation: None = none: what the target computes is then kept and computed once.
        precision: a precision of Lightning Fabric, or "auto".
        splits: the splits of the table to learn from.

    Raises:
        ValueError: a number out of range.
    """

    epochs: int = 20
    batches_per_epoch: int | None = None
    identities_per_batch: int = 6
    images_per_identity: int = 4
    learning_rate: float = 5e-4
    weight_decay: float = 5e-4
    over_attributes: OverAttributes = "mean"
    distillation_weight: float = 1.0
    prior_weight: float = 10.0
    sum_weight: float = 1.0
    each_weight: float = 10.0
    threshold: Threshold = "root"
    augmentation: Augmentation | None = None
    precision: str = "auto"
    splits: tuple[str, ...] = ("train",)

    def __post_init__(self) -> None:
        """Refuse what would only fail later."""
        if self.epochs < 1 or not self.learning_rate > 0:
            raise ValueError(
                f"epochs must be at least 1 and learning_rate positive, got {self.epochs} and {self.learning_rate}."
            )
        if min(self.distillation_weight, self.prior_weight, self.sum_weight, self.each_weight) < 0:
            raise ValueError("weights must be >= 0, got a negative one.")


class InterpreterLosses(NamedTuple):
    """Losses of one batch, each a scalar; see `metric_distillation` and `AttributePrior`."""

    total: Tensor
    distillation: Tensor
    exclusive_sum: Tensor
    common_sum: Tensor
    exclusive_each: Tensor
    common_each: Tensor


class InterpreterObjective(nn.Module):
    """An interpreter with its losses: one module with one ``forward``, so that it runs on several devices unchanged.

    Args:
        interpreter: the model to train.
        recipe: names and weighs the losses.
    """

    def __init__(self, interpreter: Interpreter, recipe: InterpreterRecipe) -> None:
        super().__init__()
        self.interpreter = interpreter
        self.recipe = recipe

    def forward(self, activation: Tensor, feature_map: Tensor, attributes: Tensor) -> InterpreterLosses:
        """Losses of what `Interpreter.frozen` returned for B pictures, and their attributes [B, A] bool."""
        found = self.interpreter.decompose(activation, feature_map)
        with torch.autocast(feature_map.device.type, enabled=False):
            parts = attribute_distances(found.attribute_embeddings, found.attribute_embeddings)
            whole = attribute_distances(found.embedding[:, None], found.embedding[:, None])[:, :, 0]
            distillation = metric_distillation(whole, parts, over_attributes=self.recipe.over_attributes)
            prior = attribute_prior(parts, attributes, threshold=self.recipe.threshold)
        sums = prior.exclusive_sum + prior.common_sum
        eachs = prior.exclusive_each + prior.common_each
        weighted = self.recipe.sum_weight * sums + self.recipe.each_weight * eachs
        terms = (prior.exclusive_sum, prior.common_sum, prior.exclusive_each, prior.common_each)
        total = self.recipe.distillation_weight * distillation + self.recipe.prior_weight * weighted
        return InterpreterLosses(total, distillation, *terms)
