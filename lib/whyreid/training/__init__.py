"""Train targets and embed pictures with them."""

from whyreid.models.target_file import load_target
from whyreid.training.attribute_classifier import (
    AttributeFit,
    choose_attribute_classifier,
    fit_attribute_classifier,
)
from whyreid.training.augmentation import Augmentation
from whyreid.training.embedding import embed_images
from whyreid.training.history import EpochRecord, TrainingHistory
from whyreid.training.recipe import TrainingRecipe, published_recipe, recipe_for
from whyreid.training.target_training import train_target

__all__ = [
    "AttributeFit",
    "Augmentation",
    "EpochRecord",
    "TrainingHistory",
    "TrainingRecipe",
    "choose_attribute_classifier",
    "embed_images",
    "fit_attribute_classifier",
    "load_target",
    "published_recipe",
    "recipe_for",
    "train_target",
]
