"""GradCAM of a pair's distance: the target's last map, each channel weighed by how it moves the distance."""

from __future__ import annotations

from collections.abc import Callable

import torch
from captum.attr import LayerGradCam
from torch import Tensor, nn

from whyreid.explain.pair import PairExplanation
from whyreid.explain.pair_score import TargetDistance, explaining, require_pairs
from whyreid.models.target import TargetModel


class GradCamExplainer:
    """GradCAM (Selvaraju et al., arXiv 1610.02391) of the distance, by Captum, on each of the two pictures.

    A channel's weight is the mean over places of the gradient of the distance; the map is the weighted sum of the
    channels. Positive places set the pictures apart, negative ones bring them together.

    Deviations: the class score is replaced by the distance; nothing is cut off below zero (the published ReLU would
    drop all that brings a pair together). The maps claim no sum.

    Args:
        target: its distance is explained.
        squared: explain the square of the distance.

    Raises:
        TypeError: not a target: GradCAM needs a feature map and what comes after it.

    Cost: one forward pass of each picture, and a gradient of pooling and neck only.

    Example:
        >>> from whyreid.models import thin_network
        >>> GradCamExplainer(thin_network()).explain(*torch.rand(2, 1, 3, 128, 64)).query_maps.shape
        torch.Size([1, 1, 16, 8])
    """

    def __init__(self, target: TargetModel, *, squared: bool = False) -> None:
        if not isinstance(target, TargetModel):
            raise TypeError(f"target must be a TargetModel, got {type(target).__name__}; GradCAM needs a feature map.")
        self.score = TargetDistance(target, squared=squared)

    def explain(self, query: Tensor, gallery: Tensor) -> PairExplanation:
        """Explain P pairs of normalised pictures [P, 3, H, W]; maps [P, 1, h, w] at the size of the feature map."""
        query, gallery = require_pairs(self.score, query, gallery)
        target = self.score.network
        with explaining(self.score):
            with torch.no_grad():
                feature_maps = [target.feature_map(images) for images in (query, gallery)]
                first, second = (self.score.from_feature_map(maps) for maps in feature_maps)
                score = self.score.compare(first, second)
            query_maps = self._one_side(feature_maps[0], lambda embedding: self.score.compare(embedding, second))
            gallery_maps = self._one_side(feature_maps[1], lambda embedding: self.score.compare(first, embedding))
        return PairExplanation(score, self.score.kind, None, query_maps, gallery_maps, (), score.clone())

    def _one_side(self, feature_map: Tensor, compare: Callable[[Tensor], Tensor]) -> Tensor:
        """[P, 1, h, w]; the network before the map is not run again."""
        layer = nn.Identity()

        def distance(maps: Tensor) -> Tensor:
            return compare(self.score.from_feature_map(layer(maps)))

        cam = LayerGradCam(distance, layer).attribute(feature_map.clone().requires_grad_())
        return cam.detach().float()
