"""Similarity-based saliency: how much further a pair gets when a window of one picture is hidden."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from whyreid.explain.fill import Fill, filling
from whyreid.explain.pair import PairExplanation
from whyreid.explain.pair_score import PairScore, as_pair_score, explaining, represent, require_pairs
from whyreid.explain.saliency_occlusion import window_and_stride
from whyreid.models.qaconv_features import QAConvModel
from whyreid.models.target import TargetModel

SbsmForm = Literal["signed", "rectified"]


def sliding_windows(size: tuple[int, int], window: tuple[int, int], stride: tuple[int, int]) -> Tensor:
    """All windows of a picture, [S, H, W] bool, row by row; windows at the lower and right border are cut.

    They start a part of a window outside of the picture, so that every pixel lies in as many windows as any other when
    the stride divides the window.

    Example:
        >>> sliding_windows((1, 3), (1, 2), (1, 1)).int().tolist()
        [[[1, 0, 0]], [[1, 1, 0]], [[0, 1, 1]], [[0, 0, 1]]]
    """
    sides = []
    for length, width, step in zip(size, window, stride, strict=True):
        starts = torch.arange(-(width - step), length, step)[:, None]
        place = torch.arange(length)
        sides.append((place >= starts) & (place < starts + width))
    rows, columns = sides
    return (rows[:, None, :, None] & columns[None, :, None, :]).flatten(0, 1)


def sbsm_saliency(rise: Tensor, windows: Tensor, *, form: SbsmForm = "signed") -> Tensor:
    """The mean, over the windows that cover a pixel, of what hiding them adds to the distance.

    Args:
        rise: [P, S] distance with window s hidden minus distance of the pair.
        windows: [S, H, W] bool.
        form: "rectified" counts windows that bring the pair closer as zero, as published; "signed" keeps them.

    Returns:
        [P, H, W] in units of the distance; positive = what stands there holds the pair together. Not normalised. Zero
        where no window lies.

    Raises:
        ValueError: an unknown form.

    Example:
        >>> windows = sliding_windows((1, 3), (1, 2), (1, 1))
        >>> sbsm_saliency(torch.tensor([[0.0, 2.0, -1.0, 0.0]]), windows)
        tensor([[[ 1.0000,  0.5000, -0.5000]]])
    """
    if form not in ("signed", "rectified"):
        raise ValueError(f'form must be "signed" or "rectified", got {form!r}.')
    rise = rise.clamp_min(0) if form == "rectified" else rise
    covering = windows.to(rise)
    total = torch.einsum("ps,shw->phw", rise, covering)
    return total / covering.sum(dim=0).clamp_min(1)


class SbsmExplainer:
    """Similarity-based saliency maps on each of the two pictures, with the protocol's sign.

    The published saliency is ``relu(d(q, masked g) - d(q, g))`` (see `sbsm_saliency`): it shows what holds a pair
    together. A map of this protocol is positive where a distance gets larger, so the maps are its **negative**, in the
    signed form what `OcclusionExplainer` says with other windows. They are divided by the area of a window: sums over
    regions are in units of the score. They claim no sum.

    Deviations: both pictures are masked, each with the other one as it is (published: the gallery picture); the signed
    form; no normalisation; windows reach beyond the border, so pixels there are covered as often as others.

    Args:
        model: a target (its distance is explained) or a `PairScore`; of a similarity, the fall is measured.
        form: "signed" or "rectified".
        fill: what stands in the window, see `whyreid.explain.fill`.
        window: (height, width) in pixels; None = an eighth of the height and a quarter of the width.
        stride: (height, width) in pixels, at most ``window``; None = half a window.
        batch_size: pictures at a time in the network.

    Raises:
        TypeError: ``model`` is neither.
        ValueError: an unknown form or fill, or a stride larger than the window.

    Cost: as many forward passes a picture as windows, 144 with the defaults.

    References:
        Dong, Collins, Hoogs. Explainability for Content-Based Image Retrieval. CVPR Workshops 2019; sliding windows
        and the formula as in xaitk-saliency's SBSMStack.
    """

    def __init__(
        self,
        model: TargetModel | QAConvModel | PairScore,
        *,
        form: SbsmForm = "signed",
        fill: Fill = "mean",
        window: tuple[int, int] | None = None,
        stride: tuple[int, int] | None = None,
        batch_size: int = 64,
    ) -> None:
        self.score = as_pair_score(model)
        filling(torch.zeros(1, 3, 2, 2), fill, self.score.image_input)  # refuses an unknown fill before any work
        sbsm_saliency(torch.zeros(1, 1), torch.zeros(1, 1, 1, dtype=torch.bool), form=form)  # and an unknown form
        self.form: SbsmForm = form
        self.fill: Fill = fill
        self.window, self.stride = window_and_stride(self.score.image_input.size, window, stride)
        self.batch_size = batch_size

    def explain(self, query: Tensor, gallery: Tensor) -> PairExplanation:
        """Explain P pairs of normalised pictures [P, 3, H, W]; maps [P, 1, H, W], score per pixel."""
        query, gallery = require_pairs(self.score, query, gallery)
        with explaining(self.score), torch.no_grad():
            first, second = (represent(self.score, images, self.batch_size) for images in (query, gallery))
            score = self.score.compare(first, second)
            query_maps = self._one_side(query, second, score, swapped=True)
            gallery_maps = self._one_side(gallery, first, score, swapped=False)
        return PairExplanation(score, self.score.kind, None, query_maps, gallery_maps, (), score.clone())

    def _one_side(self, images: Tensor, others: Tensor, score: Tensor, *, swapped: bool) -> Tensor:
        """[P, 1, H, W] of the pictures ``images``; ``swapped`` when these are the queries."""
        windows = sliding_windows((images.shape[2], images.shape[3]), self.window, self.stride).to(images.device)
        filled = filling(images, self.fill, self.score.image_input)
        farther = -1.0 if self.score.kind == "similarity" else 1.0
        rises = []
        for image, fill, other, before in zip(images, filled, others, score, strict=True):
            hidden = torch.where(windows[:, None], fill, image)
            mine, theirs = represent(self.score, hidden, self.batch_size), other.expand(len(windows), *other.shape)
            after = self.score.compare(mine, theirs) if swapped else self.score.compare(theirs, mine)
            rises.append(farther * (after - before))
        saliency = sbsm_saliency(torch.stack(rises), windows, form=self.form)
        return -farther * saliency[:, None] / (self.window[0] * self.window[1])
