"""Networks that embed pictures of people."""

from whyreid.models.attention import attention_activation
from whyreid.models.attribute_classifier import AttributeClassifier
from whyreid.models.attribute_embeddings import attribute_distances, attribute_embeddings
from whyreid.models.interpreter import Interpreter, InterpreterOutput
from whyreid.models.pooling import GeneralizedMeanPooling
from whyreid.models.target import ChannelsLast, ImageInput, TargetModel, TargetOutput, TokenGrid
from whyreid.models.thin import thin_network

__all__ = [
    "AttributeClassifier",
    "ChannelsLast",
    "GeneralizedMeanPooling",
    "ImageInput",
    "Interpreter",
    "InterpreterOutput",
    "TargetModel",
    "TargetOutput",
    "TokenGrid",
    "attention_activation",
    "attribute_distances",
    "attribute_embeddings",
    "thin_network",
]
