"""The model that gets explained: any network that turns a picture into a feature map and an embedding."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.transforms.v2 import functional as vision

from whyreid.models import cutting

Distance = Literal["euclidean", "cosine"]


class TargetOutput(NamedTuple):
    """What a target says about a batch of pictures.

    Attributes:
        feature_map: [B, C, h, w], the last spatial activations.
        embedding: [B, D] float32, the vector used for retrieval.
    """

    feature_map: Tensor
    embedding: Tensor


@dataclass(frozen=True)
class ImageInput:
    """What a target expects of a picture: RGB in 0..1, resized to height x width, minus mean, over std.

    Attributes:
        height: pixels.
        width: pixels.
        mean: of R, G and B (ImageNet's by default).
        std: of R, G and B.
    """

    height: int = 256
    width: int = 128
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.height, self.width

    def prepare(self, images: Tensor) -> Tensor:
        """Bytes to what the target takes.

        Args:
            images: uint8 [B, 3, H, W], RGB, any size.

        Returns:
            float32 [B, 3, height, width].

        Raises:
            TypeError: not uint8: 0..1 or 0..255 could not be told apart.
        """
        if images.dtype != torch.uint8:
            raise TypeError(f"images must be uint8 (0..255), got {images.dtype}; normalised pictures go to the target.")
        if images.shape[-2:] != self.size:
            images = vision.resize(images, list(self.size), antialias=True)
        return vision.normalize(images.float().div_(255.0), list(self.mean), list(self.std), inplace=True)


class TokenGrid(nn.Module):
    """Tokens of a transformer [B, skip + h*w, C] to a feature map [B, C, h, w].

    Args:
        height: rows of the grid (image height over patch size).
        width: columns of the grid.
        skip: tokens in front that belong to no place, such as the class token.

    Example:
        >>> TokenGrid(4, 2, skip=1)(torch.zeros(5, 9, 16)).shape
        torch.Size([5, 16, 4, 2])
    """

    def __init__(self, height: int, width: int, *, skip: int = 1) -> None:
        super().__init__()
        self.height, self.width, self.skip = height, width, skip

    def forward(self, tokens: Tensor) -> Tensor:
        """[B, skip + h*w, C] -> [B, C, h, w]."""
        expected = self.skip + self.height * self.width
        if tokens.ndim != 3 or tokens.shape[1] != expected:
            raise ValueError(
                f"tokens must be [B, {expected}, C] for a {self.height}x{self.width} grid after {self.skip} extra "
                f"tokens, got {list(tokens.shape)}; correct the grid or choose another feature_node."
            )
        return tokens[:, self.skip :].transpose(1, 2).unflatten(2, (self.height, self.width))


class ChannelsLast(nn.Module):
    """A map with its channels behind (Swin, [B, h, w, C]) to [B, C, h, w]."""

    def forward(self, feature_map: Tensor) -> Tensor:
        """[B, h, w, C] -> [B, C, h, w]."""
        return feature_map.permute(0, 3, 1, 2)


@dataclass(frozen=True)
class Architecture:
    """How a network of this library is built again: the name of its function in `whyreid.models` and the arguments."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)


class TargetModel(nn.Module):
    """Any network as a re-identification model: picture -> (feature map, embedding).

    The network is traced and cut after ``feature_node``; the feature map is pooled to a vector, which the neck (a batch
    normalisation in most published models) turns into the embedding. Pooling and neck are done in float32.

    Args:
        module: any network. Its parameters are used, not copied.
        feature_node: name of the module whose output is the feature map, as in ``named_modules()``; None when
            ``module`` itself returns the feature map (it then need not be traceable, and cannot be cut).
        pooling: [B, C, h, w] -> [B, C]; a module, or a function without parameters.
        neck: [B, C] -> [B, D]; None = the pooled vector is the embedding.
        normalise: scale embeddings to length one.
        to_map: turns the node's output into [B, C, h, w], for example `TokenGrid` or `ChannelsLast`.
        distance: how embeddings are compared, "euclidean" or "cosine"; None = "cosine" if ``normalise`` else
            "euclidean".
        image_input: size and normalisation of the pictures.
        leaf_modules: classes that torch.fx should not look into.
        architecture: how the network is built again; set by this library's own builders.

    Example:
        >>> import torchvision
        >>> network = torchvision.models.resnet18()
        >>> target = TargetModel(network, feature_node="layer4", pooling=lambda x: x.mean(dim=(2, 3)))
        >>> [list(part.shape) for part in target(torch.zeros(2, 3, 128, 64))]
        [[2, 512, 4, 2], [2, 512]]
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        feature_node: str | None,
        pooling: Callable[[Tensor], Tensor],
        neck: nn.Module | None = None,
        normalise: bool = False,
        to_map: nn.Module | None = None,
        distance: Distance | None = None,
        image_input: ImageInput | None = None,
        leaf_modules: Iterable[type[nn.Module]] = (),
        architecture: Architecture | None = None,
    ) -> None:
        super().__init__()
        if distance not in (None, "euclidean", "cosine"):
            raise ValueError(f'distance must be "euclidean" or "cosine", got {distance!r}.')
        self.backbone = (
            module if feature_node is None else cutting.extract(module, feature_node, leaf_modules=leaf_modules)
        )
        self.to_map = to_map
        self.pooling = pooling
        self.neck = neck
        self.normalise = normalise
        self.distance: Distance = distance or ("cosine" if normalise else "euclidean")
        self.image_input = image_input or ImageInput()
        self.architecture = architecture

    def forward(self, image: Tensor) -> TargetOutput:
        """Feature map and embedding of normalised pictures, float [B, 3, H, W]."""
        feature_map = self.feature_map(image)
        return TargetOutput(feature_map, self.embed(self.pool(feature_map)))

    def feature_map(self, image: Tensor) -> Tensor:
        """The last spatial activations: [B, 3, H, W] -> [B, C, h, w], in the network's precision."""
        features = self.backbone(image)
        if self.to_map is not None:
            features = self.to_map(features)
        if not isinstance(features, Tensor) or features.ndim != 4:
            got = list(features.shape) if isinstance(features, Tensor) else type(features).__name__
            raise ValueError(
                f"the feature map must be [B, C, h, w], got {got}; choose another feature_node, or pass "
                "to_map=TokenGrid(...) for the tokens of a transformer, to_map=ChannelsLast() for [B, h, w, C]."
            )
        return features

    def pool(self, feature_map: Tensor) -> Tensor:
        """Feature map [B, C, h, w] -> pooled vector [B, C] float32, before the neck (where triplet losses act)."""
        with torch.autocast(feature_map.device.type, enabled=False):
            return self.pooling(feature_map.float())

    def embed(self, pooled: Tensor) -> Tensor:
        """Pooled vector [B, C] -> embedding [B, D] float32."""
        with torch.autocast(pooled.device.type, enabled=False):
            embedding = pooled if self.neck is None else self.neck(pooled)
            return F.normalize(embedding, dim=1) if self.normalise else embedding

    def cut(self, node: str) -> tuple[nn.Module, nn.Module]:
        """The network before and after a node, so that another model can share the early layers.

        Args:
            node: a module name of the network before ``feature_node``; every path must pass through it.

        Returns:
            early: image [B, 3, H, W] -> activation of the node. late: that activation -> feature map [B, C, h, w]. Both
            share the target's parameters: copy (``copy.deepcopy``) the part that is to be trained apart. When the step
            after the node works in place (an inplace ReLU), late overwrites what early gave: clone it for a second use.

        Raises:
            ValueError: no such node, a path that goes around it, or a network that was not traced.
        """
        late: nn.Module = cutting.remainder(self.backbone, node)
        if self.to_map is not None:
            late = nn.Sequential(late, self.to_map)
        return cutting.until(self.backbone, node), late


def embedding_dim(target: TargetModel) -> int:
    """D, found by passing one black picture in evaluation mode; nothing of the model is changed."""
    flags = cutting.training_flags(target)
    parameter = next(target.parameters(), None)
    image = torch.zeros(1, 3, *target.image_input.size, device=None if parameter is None else parameter.device)
    try:
        with torch.inference_mode():
            return target.eval()(image).embedding.shape[1]
    finally:
        cutting.restore_training_flags(target, flags)
