"""A small residual network that learns to recognise people on a laptop's CPU."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from whyreid.models.neck import batch_norm_neck
from whyreid.models.pooling import GeneralizedMeanPooling
from whyreid.models.target import Architecture, ImageInput, TargetModel


class HalfInstanceNorm(nn.Module):
    """Instance normalisation of the first half of the channels, batch normalisation of the others.

    Removes light and colour cast of the single picture (camera, weather) and keeps what tells persons apart: "IBN-a" of
    Pan et al., arXiv 1807.09441.

    Args:
        channels: of the map, at least 2.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.instance = nn.InstanceNorm2d(channels // 2, affine=True)
        self.batch = nn.BatchNorm2d(channels - channels // 2)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, h, w] -> [B, C, h, w]."""
        first, second = x.split([self.instance.num_features, self.batch.num_features], dim=1)
        return torch.cat([self.instance(first), self.batch(second)], dim=1)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with normalisation and a shortcut (He et al., arXiv 1512.03385).

    Args:
        inputs: channels that come in.
        outputs: channels that go out.
        stride: 2 halves the map.
        instance_norm: the first normalisation is `HalfInstanceNorm`.
    """

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1, instance_norm: bool = False) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = HalfInstanceNorm(outputs) if instance_norm else nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        changes = stride != 1 or inputs != outputs
        self.shortcut = _convolution(inputs, outputs, 1, stride) if changes else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, h, w] -> [B, outputs, h/stride, w/stride]."""
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        return F.relu(self.bn2(self.conv2(y)) + self.shortcut(x), inplace=True)


class ThinNetwork(nn.Module):
    """Stem, three stages of residual blocks, a widening; the map is an eighth of the picture in each direction.

    Args:
        widths: channels of the stem and of the three stages.
        depths: residual blocks of the three stages.
        features: channels of the map at the end, made by a 1x1 convolution; None = those of the last stage, without it.
        instance_norm: the blocks of the first two stages normalise half of their channels picture by picture.
    """

    def __init__(
        self,
        widths: tuple[int, int, int, int],
        depths: tuple[int, int, int],
        *,
        features: int | None = None,
        instance_norm: bool = False,
    ) -> None:
        super().__init__()
        stem, *stages = widths
        self.stem = nn.Sequential(*_convolution(3, stem, 3, 2), nn.ReLU(inplace=True))
        self.stage1, self.stage2, self.stage3 = (
            _stage(inputs, outputs, depth, stride=stride, instance_norm=instance_norm and number < 2)
            for number, (inputs, outputs, stride, depth) in enumerate(
                zip((stem, *stages[:-1]), stages, (2, 2, 1), depths, strict=True)
            )
        )
        self.widening = (
            nn.Identity()
            if features is None
            else nn.Sequential(*_convolution(stages[-1], features, 1, 1), nn.ReLU(inplace=True))
        )

    def forward(self, image: Tensor) -> Tensor:
        """[B, 3, H, W] -> [B, C, H/8, W/8]."""
        return self.widening(self.stage3(self.stage2(self.stage1(self.stem(image)))))


def _convolution(inputs: int, outputs: int, size: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False), nn.BatchNorm2d(outputs))


def _stage(inputs: int, outputs: int, depth: int, *, stride: int, instance_norm: bool) -> nn.Sequential:
    first = ResidualBlock(inputs, outputs, stride=stride, instance_norm=instance_norm)
    return nn.Sequential(
        first, *(ResidualBlock(outputs, outputs, instance_norm=instance_norm) for _ in range(depth - 1))
    )


def thin_network(
    *,
    widths: tuple[int, int, int, int] = (32, 64, 128, 128),
    depths: tuple[int, int, int] = (1, 1, 2),
    features: int | None = None,
    instance_norm: bool = False,
    image_size: tuple[int, int] = (128, 64),
    seed: int = 0,
) -> TargetModel:
    """A target of under a million parameters: 16 x 8 map at 128 x 64, generalised-mean pooling, batch-norm neck.

    Args:
        widths: channels of the stem and of the three stages.
        depths: residual blocks of the three stages.
        features: channels of the map and size of the embedding; None = the last of ``widths``.
        instance_norm: half of the channels of the first two stages are normalised picture by picture.
        image_size: (height, width) of the pictures.
        seed: of the initial weights; the caller's random state is left alone.

    Returns:
        An untrained target; embeddings are compared by cosine distance.

    Example:
        >>> output = thin_network()(torch.zeros(2, 3, 128, 64))
        >>> list(output.feature_map.shape), list(output.embedding.shape)
        ([2, 128, 16, 8], [2, 128])
    """
    arguments = {"widths": tuple(widths), "depths": tuple(depths), "features": features, "instance_norm": instance_norm}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = ThinNetwork(widths, depths, features=features, instance_norm=instance_norm)
    return TargetModel(
        network,
        feature_node="stage3" if features is None else "widening",
        pooling=GeneralizedMeanPooling(),
        neck=batch_norm_neck(features or widths[-1]),
        distance="cosine",
        image_input=ImageInput(*image_size),
        architecture=Architecture("thin_network", arguments | {"image_size": tuple(image_size)}),
    )
