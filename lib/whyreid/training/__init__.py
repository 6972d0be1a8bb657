"""Train targets and embed pictures with them."""

from whyreid.models.target_file import load_target
from whyreid.training.augmentation import Augmentation
from whyreid.training.embedding import embed_images
from whyreid.training.history import EpochRecord, TrainingHistory
from whyreid.training.recipe import TrainingRecipe, recipe_for
from whyreid.training.target_training import train_target

__all__ = [
    "Augmentation",
    "EpochRecord",
    "TrainingHistory",
    "TrainingRecipe",
    "embed_images",
    "load_target",
    "recipe_for",
    "train_target",
]
