"""Integrated gradients of a pair's distance: what each pixel adds on the way from two empty pictures."""

from __future__ import annotations

import torch
from captum.attr import IntegratedGradients
from torch import Tensor

from whyreid.explain.fill import Fill, filling
from whyreid.explain.pair import PairExplanation
from whyreid.explain.pair_score import PairScore, as_pair_score, explaining, require_pairs
from whyreid.models.qaconv_features import QAConvModel
from whyreid.models.target import TargetModel


class IntegratedGradientsExplainer:
    """Integrated gradients (Sundararajan et al., arXiv 1703.01365) of the score, by Captum, on both pictures at once.

    The path goes in a straight line from two baseline pictures to the two pictures. Summed over both, the maps are the
    score minus the score of the baselines, up to the error of ``steps`` steps. With the fill "mean" both baselines are
    the same picture, so a distance starts at zero and the maps add up to it; the remainder is the error of the
    integral. With "blur" the remainder holds the distance of the blurred pictures, too. (A cosine target without any
    bias, such as an untrained one, does not move along the path but jumps at its start: all is remainder.)

    Deviation: colours are summed, one number a pixel.

    Args:
        model: a target (its distance is explained) or a `PairScore`.
        fill: the baseline, see `whyreid.explain.fill`.
        steps: points on the path (Gauss-Legendre).
        batch_size: pairs at a time in the network.

    Raises:
        TypeError: ``model`` is neither.
        ValueError: an unknown fill, or steps below 1.

    Cost: ``steps`` forward and backward passes of both pictures.

    Example:
        >>> from whyreid.models import thin_network
        >>> explanation = IntegratedGradientsExplainer(thin_network(), steps=8).explain(*torch.rand(2, 1, 3, 128, 64))
        >>> list(explanation.query_maps.shape)
        [1, 1, 128, 64]
    """

    def __init__(
        self,
        model: TargetModel | QAConvModel | PairScore,
        *,
        fill: Fill = "mean",
        steps: int = 32,
        batch_size: int = 64,
    ) -> None:
        self.score = as_pair_score(model)
        filling(torch.zeros(1, 3, 2, 2), fill, self.score.image_input)  # refuses an unknown fill before any work
        if steps < 1:
            raise ValueError(f"steps must be at least 1, got {steps}.")
        self.fill: Fill = fill
        self.steps = steps
        self.batch_size = batch_size

    def explain(self, query: Tensor, gallery: Tensor) -> PairExplanation:
        """Explain P pairs of normalised pictures [P, 3, H, W]; maps [P, 1, H, W] in units of the score."""
        query, gallery = require_pairs(self.score, query, gallery)
        baselines = tuple(filling(images, self.fill, self.score.image_input) for images in (query, gallery))
        with explaining(self.score):
            with torch.no_grad():
                score = self._score(query, gallery)
            maps = IntegratedGradients(self._score).attribute(
                (query, gallery),
                baselines,
                n_steps=self.steps,
                internal_batch_size=max(self.batch_size, len(query)),
            )
        query_maps, gallery_maps = (part.detach().sum(dim=1, keepdim=True).to(score) for part in maps)
        remainder = score - query_maps.sum(dim=(1, 2, 3)) - gallery_maps.sum(dim=(1, 2, 3))
        return PairExplanation(score, self.score.kind, None, query_maps, gallery_maps, (), remainder)

    def _score(self, query: Tensor, gallery: Tensor) -> Tensor:
        return self.score.compare(self.score.represent(query), self.score.represent(gallery))
