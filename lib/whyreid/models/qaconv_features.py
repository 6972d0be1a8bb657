"""The feature extractor of QAConv: an early cut of a network, a narrow neck, vectors of length one at each location."""

from __future__ import annotations

import copy
import dataclasses
from dataclasses import dataclass
from typing import Literal

import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F

from whyreid.models import cutting
from whyreid.models.qaconv import QAConv
from whyreid.models.target import Architecture, ImageInput, TargetModel
from whyreid.models.thin import thin_network

Version = Literal["1.0", "2.0", "2.1"]


@dataclass(frozen=True)
class _Neck:
    channels: int
    normalised: bool  # batch normalisation after a convolution without bias, or a convolution with bias alone
    frozen_statistics: bool


_NECKS = {"1.0": _Neck(128, True, False), "2.0": _Neck(64, True, False), "2.1": _Neck(128, False, True)}


class QAConvFeatures(nn.Module):
    """Picture -> feature map whose vectors have length one: what `whyreid.models.QAConv` matches.

    A 3x3 convolution narrows the map: with batch normalisation in 1.0 and 2.0, with a bias instead in 2.1 (the authors'
    code; ``state_dict`` has its keys: base, neck_conv, neck_bn). In 2.1 the batch normalisation of the base stays in
    evaluation mode while training, "for a better generalization"; that needs a base that was trained before.

    Args:
        base: picture [B, 3, H, W] -> [B, channels, h, w].
        channels: of the base's map.
        neck: channels of the result; None = 128 (1.0, 2.1) or 64 (2.0).
        version: "1.0", "2.0" or "2.1".
        frozen_statistics: keep the base's batch normalisation in evaluation mode while training; None = as published.
        image_input: size of the pictures; no version normalises colours, so mean 0 and std 1 by default.

    Raises:
        ValueError: an unknown version.
    """

    def __init__(
        self,
        base: nn.Module,
        channels: int,
        *,
        neck: int | None = None,
        version: Version = "2.1",
        frozen_statistics: bool | None = None,
        image_input: ImageInput | None = None,
    ) -> None:
        super().__init__()
        if version not in _NECKS:
            raise ValueError(f"version must be one of {', '.join(_NECKS)}, got {version!r}.")
        published = _NECKS[version]
        self.version: Version = version
        self.num_features = neck or published.channels
        self.frozen_statistics = published.frozen_statistics if frozen_statistics is None else frozen_statistics
        self.image_input = image_input or _pixels_as_they_are((384, 128))
        self.base = base
        self.neck_conv = nn.Conv2d(channels, self.num_features, 3, padding=1, bias=not published.normalised)
        if published.normalised:
            self.neck_bn = nn.BatchNorm2d(self.num_features)

    def forward(self, image: Tensor) -> Tensor:
        """[B, 3, H, W] -> [B, num_features, h, w], length one over the features; float32 or finer, also in autocast."""
        maps = self.neck_conv(self.base(image))
        maps = self.neck_bn(maps) if hasattr(self, "neck_bn") else maps
        with torch.autocast(maps.device.type, enabled=False):
            return F.normalize(maps.to(torch.promote_types(maps.dtype, torch.float32)), dim=1)

    def train(self, mode: bool = True) -> QAConvFeatures:
        """Training mode, but for the base's batch normalisation where ``frozen_statistics``."""
        super().train(mode)
        if self.frozen_statistics:
            for part in self.base.modules():
                if isinstance(part, nn.modules.batchnorm._BatchNorm):
                    part.eval()
        return self


class QAConvModel(nn.Module):
    """A feature extractor and the matcher of its maps.

    Args:
        features: picture -> maps.
        matcher: maps, maps -> logits.
        architecture: how both are built again; set by this library's own builders.

    Example:
        >>> model = thin_qaconv(image_size=(64, 32)).eval()
        >>> images = torch.rand(3, 3, 64, 32)
        >>> list(model(images).shape), list(model.matcher(model(images), model(images[:2])).shape)
        ([3, 64, 8, 4], [3, 2])
    """

    def __init__(self, features: QAConvFeatures, matcher: QAConv, *, architecture: Architecture | None = None) -> None:
        super().__init__()
        self.features, self.matcher = features, matcher
        self.architecture = architecture

    def forward(self, image: Tensor) -> Tensor:
        """Maps [B, C, h, w] of pictures [B, 3, H, W]."""
        maps: Tensor = self.features(image)
        return maps

    @property
    def image_input(self) -> ImageInput:
        """Size and normalisation of the pictures."""
        return self.features.image_input

    def parameter_groups(self, learning_rate: float, *, base_factor: float = 0.1) -> list[dict[str, object]]:
        """Groups for an optimiser: the base learns ``base_factor`` times as fast as neck and matcher, as published."""
        base = list(self.features.base.parameters())
        in_base = {id(parameter) for parameter in base}
        new = [parameter for parameter in self.parameters() if id(parameter) not in in_base]
        return [{"params": base, "lr": base_factor * learning_rate}, {"params": new, "lr": learning_rate}]


def qaconv_from_target(
    target: TargetModel, *, version: Version = "2.1", neck: int | None = None, seed: int = 0
) -> QAConvModel:
    """QAConv on a copy of a target's network, up to its feature map; pictures are prepared as for the target.

    Args:
        target: any target; it stays as it is.
        version: "1.0", "2.0" or "2.1".
        neck: channels of the matched maps; None = as published.
        seed: of the initial weights of neck and matcher.

    Returns:
        An untrained model; its base has the target's weights.

    Raises:
        ValueError: an unknown version.
    """
    base = copy.deepcopy(target.backbone)
    if target.to_map is not None:
        base = nn.Sequential(base, copy.deepcopy(target.to_map))
    model = _assemble(base, version, neck, target.image_input, seed)
    if target.architecture is not None:
        described = dataclasses.asdict(target.architecture)
        arguments = {"target": described, "version": version, "neck": neck, "image_size": target.image_input.size}
        model.architecture = Architecture("qaconv_from_target", arguments)
    return model


def thin_qaconv(
    *,
    version: Version = "2.1",
    neck: int = 64,
    widths: tuple[int, int, int, int] = (32, 48, 96, 192),
    depths: tuple[int, int, int] = (1, 2, 2),
    image_size: tuple[int, int] = (128, 64),
    seed: int = 0,
) -> QAConvModel:
    """QAConv for the CPU: the network of `whyreid.models.thin_network` and a neck of 64 channels.

    Deviation: the network starts from random weights, so its batch normalisation learns in every version.

    Args:
        version: "1.0", "2.0" or "2.1".
        neck: channels of the matched maps.
        widths: channels of the stem and of the three stages.
        depths: residual blocks of the three stages.
        image_size: (height, width) of the pictures; the map is an eighth of it in each direction.
        seed: of all initial weights.

    Returns:
        A model with random weights.

    Raises:
        ValueError: an unknown version.
    """
    target = thin_network(widths=widths, depths=depths, image_size=image_size, seed=seed)
    model = _assemble(target.backbone, version, neck, _pixels_as_they_are(image_size), seed)
    model.features.frozen_statistics = False
    arguments = {"version": version, "neck": neck, "widths": tuple(widths), "depths": tuple(depths)}
    model.architecture = Architecture("thin_qaconv", {**arguments, "image_size": tuple(image_size)})
    return model


def resnet50_qaconv(
    *,
    version: Version = "2.1",
    neck: int | None = None,
    image_size: tuple[int, int] = (384, 128),
    network: nn.Module | None = None,
    seed: int = 0,
) -> QAConvModel:
    """The published extractor: a ResNet up to layer3, a 24x8 map of 384x128 pictures.

    Deviation: the authors use ResNet-50 with IBN-b from 1.1 on and ImageNet weights; both come in as ``network``.

    Args:
        version: "1.0", "2.0" or "2.1".
        neck: channels of the matched maps; None = as published.
        image_size: (height, width) of the pictures; the map is a sixteenth of it in each direction.
        network: any network with a module called layer3, such as a ResNet-50 with weights or with IBN-b; None =
            torchvision's ResNet-50 with random weights. Its parameters are used, not copied.
        seed: of the weights that start at random.

    Returns:
        A model whose neck and matcher are untrained.

    Raises:
        ValueError: an unknown version, or a network without layer3.
    """
    arguments = {"version": version, "neck": neck, "image_size": tuple(image_size)}
    architecture = Architecture("resnet50_qaconv", arguments) if network is None else None
    if network is None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = torchvision.models.resnet50()
    model = _assemble(cutting.extract(network, "layer3"), version, neck, _pixels_as_they_are(image_size), seed)
    model.architecture = architecture
    return model


def _pixels_as_they_are(image_size: tuple[int, int]) -> ImageInput:
    """0..1 without ImageNet's mean and deviation, as in every version."""
    return ImageInput(*image_size, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


def _assemble(base: nn.Module, version: Version, neck: int | None, image_input: ImageInput, seed: int) -> QAConvModel:
    """Neck and matcher for the map that the base gives at this picture size."""
    _, channels, height, width = _map_shape(base, image_input.size)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        features = QAConvFeatures(base, channels, neck=neck, version=version, image_input=image_input)
        matcher = QAConv(features.num_features, height, width, version="1.0" if version == "1.0" else "2.1")
    return QAConvModel(features, matcher)


def _map_shape(base: nn.Module, image_size: tuple[int, int]) -> torch.Size:
    """[1, C, h, w], found by passing one black picture; the training flags are restored."""
    flags = {name: part.training for name, part in base.named_modules()}
    parameter = next(base.parameters(), None)
    try:
        with torch.inference_mode():
            image = torch.zeros(1, 3, *image_size, device=None if parameter is None else parameter.device)
            shape: torch.Size = base.eval()(image).shape
    finally:
        base.train(flags[""])
        for name, part in base.named_modules():
            part.training = flags[name]
    if len(shape) != 4:
        raise ValueError(f"the base must return [B, C, h, w], got {list(shape)}; cut the network before it is pooled.")
    return shape
