"""A small residual network that learns to recognise people on a laptop's CPU."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from whyreid.models.neck import batch_norm_neck
from whyreid.models.pooling import GeneralizedMeanPooling
from whyreid.models.target import Architecture, ImageInput, TargetModel


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with batch normalisation and a shortcut (He et al., arXiv 1512.03385).

    Args:
        inputs: channels that come in.
        outputs: channels that go out.
        stride: 2 halves the map.
    """

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        changes = stride != 1 or inputs != outputs
        self.shortcut = (
            nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
            if changes
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, h, w] -> [B, outputs, h/stride, w/stride]."""
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        return F.relu(self.bn2(self.conv2(y)) + self.shortcut(x), inplace=True)


class ThinNetwork(nn.Module):
    """Stem and three stages of residual blocks; the map is an eighth of the picture in each direction.

    Args:
        widths: channels of the stem and of the three stages.
        depths: residual blocks of the three stages.
    """

    def __init__(
        self, widths: tuple[int, int, int, int] = (32, 64, 128, 128), depths: tuple[int, int, int] = (1, 1, 2)
    ) -> None:
        super().__init__()
        stem, *stages = widths
        self.stem = nn.Sequential(nn.Conv2d(3, stem, 3, 2, 1, bias=False), nn.BatchNorm2d(stem), nn.ReLU(inplace=True))
        inputs = (stem, *stages[:-1])
        self.stage1, self.stage2, self.stage3 = (
            nn.Sequential(ResidualBlock(i, o, stride=s), *(ResidualBlock(o, o) for _ in range(depth - 1)))
            for i, o, s, depth in zip(inputs, stages, (2, 2, 1), depths, strict=True)
        )

    def forward(self, image: Tensor) -> Tensor:
        """[B, 3, H, W] -> [B, widths[3], H/8, W/8]."""
        return self.stage3(self.stage2(self.stage1(self.stem(image))))


def thin_network(
    *,
    widths: tuple[int, int, int, int] = (32, 64, 128, 128),
    depths: tuple[int, int, int] = (1, 1, 2),
    image_size: tuple[int, int] = (128, 64),
    seed: int = 0,
) -> TargetModel:
    """A target of under a million parameters: 16 x 8 map at 128 x 64, generalised-mean pooling, batch-norm neck.

    Args:
        widths: channels of the stem and of the three stages; the last is the embedding's size.
        depths: residual blocks of the three stages.
        image_size: (height, width) of the pictures.
        seed: of the initial weights; the caller's random state is left alone.

    Returns:
        An untrained target; embeddings are compared by cosine distance.

    Example:
        >>> output = thin_network()(torch.zeros(2, 3, 128, 64))
        >>> list(output.feature_map.shape), list(output.embedding.shape)
        ([2, 128, 16, 8], [2, 128])
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = ThinNetwork(widths, depths)
    arguments = {"widths": tuple(widths), "depths": tuple(depths), "image_size": tuple(image_size)}
    return TargetModel(
        network,
        feature_node="stage3",
        pooling=GeneralizedMeanPooling(),
        neck=batch_norm_neck(widths[-1]),
        distance="cosine",
        image_input=ImageInput(*image_size),
        architecture=Architecture("thin_network", arguments),
    )
