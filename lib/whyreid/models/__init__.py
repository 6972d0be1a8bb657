"""Networks that embed pictures of people."""

from whyreid.models.pooling import GeneralizedMeanPooling
from whyreid.models.target import ChannelsLast, ImageInput, TargetModel, TargetOutput, TokenGrid
from whyreid.models.thin import thin_network

__all__ = [
    "ChannelsLast",
    "GeneralizedMeanPooling",
    "ImageInput",
    "TargetModel",
    "TargetOutput",
    "TokenGrid",
    "thin_network",
]
