"""Networks that embed pictures of people."""

from whyreid.models.attention import attention_activation
from whyreid.models.attribute_classifier import AttributeClassifier
from whyreid.models.attribute_distances import attribute_distances
from whyreid.models.attribute_embeddings import attribute_embeddings
from whyreid.models.converters import target_from_checkpoint
from whyreid.models.interpreter import Interpreter, InterpreterOutput
from whyreid.models.nonlocal_block import NonLocalBlock
from whyreid.models.pooling import GeneralizedMeanPooling
from whyreid.models.published import agw_target, bot_target, resnet_target, sbs_target
from whyreid.models.qaconv import QAConv, distance_from_logits, similarity_from_logits
from whyreid.models.qaconv_features import (
    QAConvFeatures,
    QAConvModel,
    qaconv_from_target,
    resnet50_qaconv,
    thin_qaconv,
)
from whyreid.models.qaconv_file import load_published_qaconv, load_qaconv, save_qaconv
from whyreid.models.qaconv_scoring import rescore_top, score_gallery, score_pairs
from whyreid.models.target import ChannelsLast, ImageInput, TargetModel, TargetOutput, TokenGrid
from whyreid.models.thin import thin_network

__all__ = [
    "AttributeClassifier",
    "ChannelsLast",
    "GeneralizedMeanPooling",
    "ImageInput",
    "Interpreter",
    "InterpreterOutput",
    "NonLocalBlock",
    "QAConv",
    "QAConvFeatures",
    "QAConvModel",
    "TargetModel",
    "TargetOutput",
    "TokenGrid",
    "agw_target",
    "attention_activation",
    "attribute_distances",
    "attribute_embeddings",
    "bot_target",
    "distance_from_logits",
    "load_published_qaconv",
    "load_qaconv",
    "qaconv_from_target",
    "rescore_top",
    "resnet50_qaconv",
    "resnet_target",
    "save_qaconv",
    "sbs_target",
    "score_gallery",
    "score_pairs",
    "similarity_from_logits",
    "target_from_checkpoint",
    "thin_network",
    "thin_qaconv",
]
