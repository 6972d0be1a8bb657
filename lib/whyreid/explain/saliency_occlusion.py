"""Occlusion: hide one window of a picture after the other and look at the pair's distance."""

from __future__ import annotations

from collections.abc import Callable

import torch
from captum.attr import Occlusion
from torch import Tensor

from whyreid.explain.fill import Fill, filling
from whyreid.explain.pair import PairExplanation
from whyreid.explain.pair_score import PairScore, as_pair_score, explaining, represent, require_pairs
from whyreid.models.qaconv_features import QAConvModel
from whyreid.models.target import TargetModel


class OcclusionExplainer:
    """Occlusion (Zeiler and Fergus, arXiv 1311.2901) of the score, by Captum, on each of the two pictures.

    A window's effect is the score minus the score with the window filled: positive where what stands there sets the
    pair apart (and, for a similarity, where it brings the pair together). A pixel gets the mean effect of the windows
    that cover it, divided by the area of a window, so that sums over regions are in units of the score. The maps claim
    no sum: windows overlap, and hiding two is not hiding each.

    Deviation: the class score is replaced by the score of the pair, with the other picture as it is.

    Args:
        model: a target (its distance is explained) or a `PairScore`.
        fill: what stands in the window, see `whyreid.explain.fill`.
        window: (height, width) in pixels; None = an eighth of the height and a quarter of the width.
        stride: (height, width) in pixels, at most ``window``; None = half a window.
        batch_size: pictures at a time in the network (at least one for each pair).

    Raises:
        TypeError: ``model`` is neither.
        ValueError: an unknown fill, or a stride larger than the window.

    Cost: as many forward passes a picture as windows, 105 with the defaults.

    Example:
        >>> from whyreid.models import thin_network
        >>> explainer = OcclusionExplainer(thin_network(), window=(32, 32), stride=(32, 32))
        >>> explainer.explain(*torch.rand(2, 1, 3, 128, 64)).gallery_maps.shape
        torch.Size([1, 1, 128, 64])
    """

    def __init__(
        self,
        model: TargetModel | QAConvModel | PairScore,
        *,
        fill: Fill = "mean",
        window: tuple[int, int] | None = None,
        stride: tuple[int, int] | None = None,
        batch_size: int = 64,
    ) -> None:
        self.score = as_pair_score(model)
        filling(torch.zeros(1, 3, 2, 2), fill, self.score.image_input)  # refuses an unknown fill before any work
        self.fill: Fill = fill
        self.window, self.stride = window_and_stride(self.score.image_input.size, window, stride)
        self.batch_size = batch_size

    def explain(self, query: Tensor, gallery: Tensor) -> PairExplanation:
        """Explain P pairs of normalised pictures [P, 3, H, W]; maps [P, 1, H, W], score per pixel."""
        query, gallery = require_pairs(self.score, query, gallery)
        with explaining(self.score), torch.no_grad():
            first, second = (represent(self.score, images, self.batch_size) for images in (query, gallery))
            score = self.score.compare(first, second)
            query_maps = self._one_side(query, second, lambda mine, other: self.score.compare(mine, other))
            gallery_maps = self._one_side(gallery, first, lambda mine, other: self.score.compare(other, mine))
        return PairExplanation(score, self.score.kind, None, query_maps, gallery_maps, (), score.clone())

    def _one_side(self, images: Tensor, other: Tensor, compare: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        def score(pictures: Tensor, others: Tensor) -> Tensor:
            return compare(self.score.represent(pictures), others)

        effects = Occlusion(score).attribute(
            images,
            sliding_window_shapes=(3, *self.window),
            strides=(3, *self.stride),
            baselines=filling(images, self.fill, self.score.image_input),
            additional_forward_args=other,
            perturbations_per_eval=max(1, self.batch_size // len(images)),
        )
        return effects[:, :1].to(other.dtype) / (self.window[0] * self.window[1])  # colours are hidden together


def window_and_stride(
    size: tuple[int, int], window: tuple[int, int] | None, stride: tuple[int, int] | None
) -> tuple[tuple[int, int], tuple[int, int]]:
    """The window and stride in pixels for pictures of a (height, width), with defaults where None is given.

    Raises:
        ValueError: a stride that skips pixels, or a window that does not fit.
    """
    chosen = window or (max(1, size[0] // 8), max(1, size[1] // 4))
    step = stride or (max(1, chosen[0] // 2), max(1, chosen[1] // 2))
    fits = all(1 <= s <= w <= length for s, w, length in zip(step, chosen, size, strict=True))
    if not fits:
        raise ValueError(
            f"window must fit into {size} and stride be in 1..window, got window {chosen} and stride {step}."
        )
    return chosen, step
