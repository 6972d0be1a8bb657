"""The number that an explainer of pictures takes apart: the distance of a target, its square, or QAConv's logit.

Methods that look at a model from outside (gradients, occlusion) need no more of it than a number for each pair, made
in two steps: represent each picture, then compare two representations. What is masked on one picture then costs one
forward pass of that picture; the other one is represented once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from whyreid.explain.attribute_error_explainer import comparable
from whyreid.explain.correspondences import nearest_locations
from whyreid.explain.pair import Kind
from whyreid.models.cutting import restore_training_flags, training_flags
from whyreid.models.qaconv_features import QAConvModel
from whyreid.models.target import ImageInput, TargetModel
from whyreid.tensor_checks import require_floats


@runtime_checkable
class PairScore(Protocol):
    """A number for each pair of pictures, differentiable in the pictures. Anything with these members is one.

    Attributes:
        kind: "distance", "squared_distance" or "similarity", see `whyreid.explain.pair.Kind`.
        network: the module whose mode and parameters are looked after while explaining.
        image_input: size and normalisation of the pictures.
    """

    @property
    def kind(self) -> Kind: ...  # noqa: D102

    @property
    def network(self) -> nn.Module: ...  # noqa: D102

    @property
    def image_input(self) -> ImageInput: ...  # noqa: D102

    def represent(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] normalised pictures -> [B, ...], each picture by itself."""
        ...

    def compare(self, query: Tensor, gallery: Tensor) -> Tensor:
        """[P, ...] and [P, ...] representations -> [P]."""
        ...


class TargetDistance:
    """The Euclidean distance of a target's embeddings, or its square.

    The embeddings of a target that compares by cosine are scaled to length one first, so that the distance ranks as
    the target does: its square is twice the cosine distance.

    Args:
        target: any target.
        squared: take the square.

    Example:
        >>> from whyreid.models import thin_network
        >>> score = TargetDistance(thin_network(), squared=True)
        >>> score.compare(*torch.tensor([[[3.0, 0.0]], [[0.0, 4.0]]])), score.kind
        (tensor([25.]), 'squared_distance')
    """

    def __init__(self, target: TargetModel, *, squared: bool = False) -> None:
        self.network = target
        self.image_input = target.image_input
        self.squared = squared
        self.kind: Kind = "squared_distance" if squared else "distance"

    def represent(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] -> [B, D] embeddings, float32."""
        return self.from_feature_map(self.network.feature_map(images))

    def from_feature_map(self, feature_map: Tensor) -> Tensor:
        """[B, C, h, w] the target's last map -> [B, D] embeddings, float32."""
        embedding = self.network.embed(self.network.pool(feature_map))
        return comparable(embedding.float(), self.network.distance)

    def compare(self, query: Tensor, gallery: Tensor) -> Tensor:
        """[P, D], [P, D] -> [P] >= 0. The gradient at distance zero is zero."""
        difference = query - gallery
        return difference.square().sum(dim=1) if self.squared else difference.norm(dim=1)


class MatchingLogit:
    """QAConv's logit of each pair, a similarity.

    Args:
        model: extractor and matcher.
    """

    kind: Kind = "similarity"

    def __init__(self, model: QAConvModel) -> None:
        self.network = model
        self.image_input = model.image_input

    def represent(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] -> [B, C, h, w] maps, L2-normalised over C."""
        maps: Tensor = self.network(images)
        return maps.to(self.network.matcher.fc.weight.dtype)

    def compare(self, query: Tensor, gallery: Tensor) -> Tensor:
        """[P, C, h, w], [P, C, h, w] -> [P] logits, each pair by itself."""
        found = nearest_locations(query, gallery)
        return self.network.matcher.logits(found.query_similarity, found.gallery_similarity)


def as_pair_score(model: TargetModel | QAConvModel | PairScore) -> PairScore:
    """The distance of a target, the logit of a QAConv model; a `PairScore` is returned as it is.

    Raises:
        TypeError: something else; the message says what to pass.
    """
    if isinstance(model, TargetModel):
        return TargetDistance(model)
    if isinstance(model, QAConvModel):
        return MatchingLogit(model)
    if isinstance(model, PairScore):
        return model
    raise TypeError(
        f"model must be a TargetModel, a QAConvModel or a PairScore, got {type(model).__name__}; "
        "wrap a network in TargetModel, see whyreid.models."
    )


def require_pairs(score: PairScore, query: Tensor, gallery: Tensor) -> tuple[Tensor, Tensor]:
    """The pictures of P pairs on the network's device, without gradient.

    Raises:
        TypeError: not floating-point tensors.
        ValueError: not [P, 3, H, W] both, with as many pictures on either side and at least one.
    """
    for name, value in (("query", query), ("gallery", gallery)):
        require_floats(name, value, "[P, 3, H, W]")
    if len(query) != len(gallery) or len(query) == 0:
        raise ValueError(
            "query and gallery must be [P, 3, H, W] with one picture a pair each, "
            f"got {list(query.shape)} and {list(gallery.shape)}."
        )
    parameter = next(score.network.parameters(), None)
    device = query.device if parameter is None else parameter.device
    return query.detach().to(device), gallery.detach().to(device)


@contextmanager
def explaining(score: PairScore) -> Iterator[None]:
    """Evaluation mode, and no gradient for any parameter; both are restored at the end, also after an error.

    Gradients of the pictures can be had inside, at the cost of the pictures alone.
    """
    network = score.network
    flags = training_flags(network)
    wanted = [parameter for parameter in network.parameters() if parameter.requires_grad]
    try:
        network.eval()
        for parameter in wanted:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter in wanted:
            parameter.requires_grad_(True)
        restore_training_flags(network, flags)


def score_pairs(score: PairScore, query: Tensor, gallery: Tensor, *, batch_size: int = 64) -> Tensor:
    """The number of each of P pairs, without gradient, in evaluation mode.

    Args:
        score: what is asked.
        query: [P, 3, H, W].
        gallery: [P, 3, H, W].
        batch_size: pictures at a time.

    Returns:
        [P].
    """
    query, gallery = require_pairs(score, query, gallery)
    with explaining(score), torch.no_grad():
        return score.compare(represent(score, query, batch_size), represent(score, gallery, batch_size))


def represent(score: PairScore, images: Tensor, batch_size: int) -> Tensor:
    """[B, 3, H, W] -> [B, ...] with the memory of ``batch_size`` pictures; to be called inside `explaining`."""
    return torch.cat([score.represent(part) for part in images.split(batch_size)])
