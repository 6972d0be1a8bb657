"""What models are trained with."""

from whyreid.losses.attribute_prior import AttributePrior, attribute_prior
from whyreid.losses.circle import circle_softmax
from whyreid.losses.class_memory import ClassMemory
from whyreid.losses.metric_distillation import metric_distillation
from whyreid.losses.pairwise_matching import batch_hard_matching_loss, pairwise_matching_loss
from whyreid.losses.triplet import batch_hard_triplet, weighted_regularised_triplet

__all__ = [
    "AttributePrior",
    "ClassMemory",
    "attribute_prior",
    "batch_hard_matching_loss",
    "batch_hard_triplet",
    "circle_softmax",
    "metric_distillation",
    "pairwise_matching_loss",
    "weighted_regularised_triplet",
]
