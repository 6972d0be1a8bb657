"""Feature ablation: fill whole segments of a picture, such as the cells of a grid or body parts."""

from __future__ import annotations

from collections.abc import Callable

import torch
from captum.attr import FeatureAblation
from torch import Tensor

from whyreid.explain.fill import Fill, filling
from whyreid.explain.pair import PairExplanation
from whyreid.explain.pair_score import PairScore, as_pair_score, explaining, represent, require_pairs
from whyreid.models.qaconv_features import QAConvModel
from whyreid.models.target import TargetModel
from whyreid.tensor_checks import require_tensor


class FeatureAblationExplainer:
    """Feature ablation of the score, by Captum, on each of the two pictures.

    A segment's effect is the score minus the score with the segment filled; each of its pixels gets an equal part of
    it, so that the sum over the segment is its effect. Segments are the cells of a grid unless they are given by
    `for_pairs`; with true part masks the result is an *oracle mask* one and must be labelled so. The maps claim no
    sum.

    Args:
        model: a target (its distance is explained) or a `PairScore`.
        fill: what stands in the segment, see `whyreid.explain.fill`.
        grid: (rows, columns) of the grid.
        batch_size: pictures at a time in the network (at least one for each pair).

    Raises:
        TypeError: ``model`` is neither.
        ValueError: an unknown fill, or an empty grid.

    Cost: one forward pass a picture and segment.

    Example:
        >>> from whyreid.models import thin_network
        >>> explanation = FeatureAblationExplainer(thin_network(), grid=(4, 2)).explain(*torch.rand(2, 1, 3, 128, 64))
        >>> explanation.query_maps.unique().numel()
        8
    """

    def __init__(
        self,
        model: TargetModel | QAConvModel | PairScore,
        *,
        fill: Fill = "mean",
        grid: tuple[int, int] = (8, 4),
        batch_size: int = 64,
    ) -> None:
        self.score = as_pair_score(model)
        filling(torch.zeros(1, 3, 2, 2), fill, self.score.image_input)  # refuses an unknown fill before any work
        if min(grid) < 1:
            raise ValueError(f"grid must be (rows, columns) of at least 1, got {grid}.")
        self.fill: Fill = fill
        self.grid = grid
        self.batch_size = batch_size
        self.segments: tuple[Tensor, Tensor] | None = None

    def for_pairs(self, query_segments: Tensor, gallery_segments: Tensor) -> FeatureAblationExplainer:
        """The same explainer for P pairs whose segments are known.

        Args:
            query_segments: [P, H, W] int64, the segment of each pixel, such as body parts; any numbers >= 0.
            gallery_segments: the same for the gallery pictures.

        Returns:
            A new explainer; its ``explain`` takes these P pairs.
        """
        bound = FeatureAblationExplainer(self.score, fill=self.fill, grid=self.grid, batch_size=self.batch_size)
        bound.segments = (query_segments, gallery_segments)
        return bound

    def explain(self, query: Tensor, gallery: Tensor) -> PairExplanation:
        """Explain P pairs of normalised pictures [P, 3, H, W]; maps [P, 1, H, W], score per pixel."""
        query, gallery = require_pairs(self.score, query, gallery)
        with explaining(self.score), torch.no_grad():
            first, second = (represent(self.score, images, self.batch_size) for images in (query, gallery))
            score = self.score.compare(first, second)
            query_maps = self._one_side(0, query, second, lambda mine, other: self.score.compare(mine, other))
            gallery_maps = self._one_side(1, gallery, first, lambda mine, other: self.score.compare(other, mine))
        return PairExplanation(score, self.score.kind, None, query_maps, gallery_maps, (), score.clone())

    def _one_side(
        self, side: int, images: Tensor, other: Tensor, compare: Callable[[Tensor, Tensor], Tensor]
    ) -> Tensor:
        def score(pictures: Tensor, others: Tensor) -> Tensor:
            return compare(self.score.represent(pictures), others)

        segments = self._segments(side, images)
        effects = FeatureAblation(score).attribute(
            images,
            baselines=filling(images, self.fill, self.score.image_input),
            feature_mask=segments[:, None].expand(-1, 3, -1, -1),
            additional_forward_args=other,
            perturbations_per_eval=max(1, self.batch_size // len(images)),
        )
        return effects[:, :1].to(other.dtype) / _areas(segments)[:, None]

    def _segments(self, side: int, images: Tensor) -> Tensor:
        """[P or 1, H, W] int64 numbered 0, 1, ... without gaps."""
        height, width = images.shape[2:]
        if self.segments is None:
            return grid_segments((height, width), self.grid).to(images.device)[None]
        given = require_tensor(("query_segments", "gallery_segments")[side], self.segments[side], "[P, H, W]")
        if given.shape != (len(images), height, width):
            raise ValueError(
                f"segments must be {[len(images), height, width]}, one map a pair, got {list(given.shape)}; call "
                "for_pairs with the segments of exactly these pairs."
            )
        return given.to(images.device).unique(return_inverse=True)[1]


def grid_segments(size: tuple[int, int], grid: tuple[int, int]) -> Tensor:
    """[H, W] int64: the cell of each pixel, row * columns + column; cells differ by at most one pixel a side.

    Example:
        >>> grid_segments((2, 4), (1, 2))
        tensor([[0, 0, 1, 1],
                [0, 0, 1, 1]])
    """
    rows, columns = (torch.arange(length) * cells // length for length, cells in zip(size, grid, strict=True))
    return rows[:, None] * min(grid[1], size[1]) + columns


def _areas(segments: Tensor) -> Tensor:
    """[P or 1, H, W] float: how many pixels the segment of each pixel has in its picture."""
    flat = segments.flatten(1)
    counts = torch.zeros(len(flat), int(flat.max()) + 1, device=flat.device)
    counts.scatter_add_(1, flat, torch.ones_like(flat, dtype=counts.dtype))
    return counts.gather(1, flat).view(segments.shape)
