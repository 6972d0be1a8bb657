"""What models are trained with."""

from whyreid.losses.triplet import batch_hard_triplet, weighted_regularised_triplet

__all__ = ["batch_hard_triplet", "weighted_regularised_triplet"]
