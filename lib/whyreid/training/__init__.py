"""Train targets and embed pictures with them."""

from whyreid.models.target_file import load_target
from whyreid.training.attention_means import AttentionMeans, attention_means
from whyreid.training.attribute_classifier import (
    AttributeFit,
    choose_attribute_classifier,
    fit_attribute_classifier,
)
from whyreid.training.augmentation import Augmentation
from whyreid.training.embedding import embed_images
from whyreid.training.history import EpochRecord, TrainingHistory
from whyreid.training.interpreter import load_interpreter, train_interpreter
from whyreid.training.interpreter_embedding import AttributeEmbeddings, embed_attributes
from whyreid.training.interpreter_objective import InterpreterRecipe
from whyreid.training.recipe import TrainingRecipe, published_recipe, recipe_for
from whyreid.training.target_training import train_target

__all__ = [
    "AttentionMeans",
    "AttributeEmbeddings",
    "AttributeFit",
    "Augmentation",
    "EpochRecord",
    "InterpreterRecipe",
    "TrainingHistory",
    "TrainingRecipe",
    "attention_means",
    "choose_attribute_classifier",
    "embed_attributes",
    "embed_images",
    "fit_attribute_classifier",
    "load_interpreter",
    "load_target",
    "published_recipe",
    "recipe_for",
    "train_interpreter",
    "train_target",
]
