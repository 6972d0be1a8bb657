"""The published targets on ResNets: BoT, SBS and AGW."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from typing import Any, Literal

import torch
import torchvision
from torch import nn

from whyreid.models.neck import batch_norm_neck
from whyreid.models.nonlocal_block import NonLocalBlock
from whyreid.models.pooling import GeneralizedMeanPooling
from whyreid.models.target import Architecture, ImageInput, TargetModel

Depth = Literal[18, 34, 50, 101]
DEPTHS = (18, 34, 50, 101)


def bot_target(depth: int = 50, *, imagenet: bool = False, seed: int = 0) -> TargetModel:
    """Bag of tricks: last stride 1, average pooling, batch-norm neck, 256 x 128.

    Luo et al., arXiv 1903.07071; without the first ReLU, as in the authors' code. See `resnet_target`.
    """
    return resnet_target(depth, pooling="average", first_relu=False, imagenet=imagenet, seed=seed)


def sbs_target(depth: int = 50, *, imagenet: bool = False, seed: int = 0) -> TargetModel:
    """Stronger baseline as AMD explains it: last stride 1, generalised-mean pooling, batch-norm neck, 384 x 128.

    He et al., arXiv 2006.02631 (FastReID). AMD (arXiv 2103.01451) uses it without non-local blocks and compares
    unnormalised embeddings by Euclidean distance. See `resnet_target`.
    """
    return resnet_target(depth, image_size=(384, 128), distance="euclidean", imagenet=imagenet, seed=seed)


def agw_target(*, imagenet: bool = False, seed: int = 0) -> TargetModel:
    """AGW on a ResNet-50: five non-local blocks, generalised-mean pooling, batch-norm neck, 256 x 128.

    Ye et al., arXiv 2001.04193; the blocks follow the last two blocks of layer2 and the last three of layer3, and the
    first ReLU is missing, as in the authors' code. See `resnet_target`.
    """
    return resnet_target(50, non_local=(0, 2, 3, 0), first_relu=False, imagenet=imagenet, seed=seed)


def resnet_target(
    depth: int = 50,
    *,
    pooling: Literal["gem", "average"] = "gem",
    neck: Literal["batch_norm", "linear_512", "none"] = "batch_norm",
    non_local: tuple[int, int, int, int] = (0, 0, 0, 0),
    last_stride: int = 1,
    first_relu: bool = True,
    padded_max_pool: bool = True,
    distance: Literal["euclidean", "cosine"] = "cosine",
    image_size: tuple[int, int] = (256, 128),
    imagenet: bool = False,
    seed: int = 0,
) -> TargetModel:
    """A ResNet as re-identification uses it; node names are torchvision's (``layer1`` ... ``layer4``).

    Args:
        depth: 18, 34, 50 or 101.
        pooling: "gem" (learnable exponent, starts at 3) or "average".
        neck: "batch_norm" (without shift), "linear_512" (fully connected, batch norm, ReLU: torchreid's
            ``resnet50_fc512``) or "none".
        non_local: non-local blocks after the last blocks of layer1..layer4.
        last_stride: 1 keeps the map of layer4 as large as that of layer3.
        first_relu: False leaves out the ReLU after the first convolution, as in the code of BoT and AGW.
        padded_max_pool: False pools without padding and with the last window cut off (fast-reid).
        distance: how embeddings are compared.
        image_size: (height, width).
        imagenet: start from ImageNet weights. They are downloaded; where that fails a warning says so and the start is
            random.
        seed: of the random initial weights; the caller's random state is left alone.

    Returns:
        A target; its embedding has 512 (depth 18, 34) or 2048 numbers.

    Raises:
        ValueError: another depth, or more non-local blocks than a layer has blocks.
    """
    if depth not in DEPTHS:
        raise ValueError(f"depth must be one of {DEPTHS}, got {depth}.")
    arguments = {key: value for key, value in locals().items() if key not in ("imagenet", "seed")}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = getattr(torchvision.models, f"resnet{depth}")(weights=None)
        channels = network.fc.in_features
        if imagenet:
            _load_imagenet(network, depth)
        _set_last_stride(network.layer4, last_stride)
        _insert_non_local(network, non_local)
        necks = _neck(neck, channels)
    if not first_relu:
        network.relu = nn.Identity()
    if not padded_max_pool:
        network.maxpool = nn.MaxPool2d(3, 2, ceil_mode=True)
    return TargetModel(
        network,
        feature_node="layer4",
        pooling=GeneralizedMeanPooling() if pooling == "gem" else AveragePooling(),
        neck=necks,
        distance=distance,
        image_input=ImageInput(*image_size),
        architecture=Architecture("resnet_target", arguments),
    )


class AveragePooling(nn.Module):
    """Mean over places, [B, C, h, w] -> [B, C]."""

    def forward(self, feature_map: torch.Tensor) -> torch.Tensor:
        """[B, C, h, w] -> [B, C]."""
        return feature_map.mean(dim=(2, 3))


def _neck(kind: str, channels: int) -> nn.Module | None:
    if kind == "none":
        return None
    if kind == "linear_512":
        return nn.Sequential(nn.Linear(channels, 512), nn.BatchNorm1d(512), nn.ReLU())
    if kind == "batch_norm":
        return batch_norm_neck(channels)
    raise ValueError(f'neck must be "batch_norm", "linear_512" or "none", got {kind!r}.')


def _set_last_stride(layer4: Any, stride: int) -> None:
    """Change the stride of the layer's first block, on both of its ways."""
    first = layer4[0]
    strided = first.conv2 if hasattr(first, "conv3") else first.conv1
    strided.stride = (stride, stride)
    first.downsample[0].stride = (stride, stride)


def _insert_non_local(network: nn.Module, counts: tuple[int, int, int, int]) -> None:
    """Put a block named non_local<i> after the i-th of the last blocks of each layer; other names stay as they are."""
    for number, count in enumerate(counts, start=1):
        layer = getattr(network, f"layer{number}")
        if count > len(layer):
            raise ValueError(f"layer{number} has {len(layer)} blocks, got non_local={counts}; ask for fewer.")
        parts: OrderedDict[str, nn.Module] = OrderedDict()
        for index, block in enumerate(layer):
            parts[str(index)] = block
            if index >= len(layer) - count:
                last = block.conv3 if hasattr(block, "conv3") else block.conv2
                parts[f"non_local{index}"] = NonLocalBlock(last.out_channels)
        setattr(network, f"layer{number}", nn.Sequential(parts))


def _load_imagenet(network: nn.Module, depth: int) -> None:
    weights = getattr(torchvision.models, f"ResNet{depth}_Weights").IMAGENET1K_V1
    try:
        network.load_state_dict(weights.get_state_dict(progress=False, check_hash=True))
    except (OSError, RuntimeError) as error:  # no network, no access, a broken download
        warnings.warn(
            f"ImageNet weights of ResNet-{depth} could not be had ({type(error).__name__}: {error}): the network "
            f"starts from random weights and will stay far below published numbers. Download {weights.url} into "
            f"{torch.hub.get_dir()}/checkpoints to use them.",
            stacklevel=3,
        )
