"""Triplet losses of re-identification: pull pictures of one person together, push other persons away."""

from __future__ import annotations

import torch
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.losses import TripletMarginLoss
from pytorch_metric_learning.miners import BatchHardMiner
from pytorch_metric_learning.reducers import MeanReducer
from torch import Tensor
from torch.nn import functional as F


def batch_hard_triplet(embeddings: Tensor, labels: Tensor, *, margin: float | None = None) -> Tensor:
    """Farthest picture of the same person against nearest picture of another, mean over the batch.

    Hermans et al., arXiv 1703.07737, by pytorch-metric-learning (batch-hard miner, mean over anchors). With
    Euclidean distances it equals BoT's loss, margin and soft margin, wherever each identity has two pictures in the
    batch. Deviation from BoT: an anchor without a second picture is left out instead of being its own positive.

    Args:
        embeddings: [B, D], as they are compared (not normalised here).
        labels: [B] int64.
        margin: in units of the distance; None = soft margin, log(1 + exp(d_positive - d_negative)).

    Returns:
        Scalar >= 0; zero when the batch has no triplet.
    """
    distance = LpDistance(normalize_embeddings=False)
    triplets = BatchHardMiner(distance=distance)(embeddings, labels)
    loss = TripletMarginLoss(margin=margin or 0.0, smooth_loss=margin is None, distance=distance, reducer=MeanReducer())
    return loss(embeddings, labels, triplets)


def weighted_regularised_triplet(embeddings: Tensor, labels: Tensor, *, epsilon: float = 1e-6) -> Tensor:
    """AGW's triplet loss without a margin: every pair counts, hard pairs more.

    log(1 + exp(sum_p w_p d_p - sum_n w_n d_n)) for each anchor, w_p = softmax of the distances to its positives, w_n =
    softmax of the negated distances to its negatives; mean over anchors. Ye et al., arXiv 2001.04193, as in the
    authors' code: the anchor is one of its own positives (distance about 1e-6), and ``epsilon`` is added to the
    softmaxes' denominators. That is more than a guard against zero: the negatives' exponentials are not scaled by their
    maximum, so once all negatives are farther than about ln(1 / epsilon) = 14 their weights, and the push, fade.

    Args:
        embeddings: [B, D], before the neck, not normalised.
        labels: [B] int64.
        epsilon: of the authors' code; 0 = the formula as printed, for embeddings of any scale.

    Returns:
        Scalar >= 0.

    Raises:
        ValueError: shapes disagree, or the batch holds one identity only (no negative).

    Example:
        >>> loss = weighted_regularised_triplet(torch.tensor([[0.0], [0.0], [9.0], [9.0]]), torch.tensor([0, 0, 1, 1]))
        >>> round(loss.item(), 4)  # log(1 + exp(0 - 9))
        0.0001
    """
    if embeddings.ndim != 2 or labels.shape != embeddings.shape[:1]:
        raise ValueError(
            f"embeddings must be [B, D] and labels [B], got {list(embeddings.shape)} and {list(labels.shape)}; "
            "pool the feature map first."
        )
    same = labels[:, None] == labels[None, :]
    if bool(same.all()):
        raise ValueError("the batch holds a single identity, so no anchor has a negative; sample several identities.")
    distances = _euclidean(embeddings)
    farthest = distances.detach().masked_fill(~same, 0.0).amax(dim=1, keepdim=True)
    positive = _weights(distances, same, farthest, epsilon)
    negative = _weights(-distances, ~same, torch.zeros_like(farthest), epsilon)
    return F.softplus((positive * distances).sum(dim=1) - (negative * distances).sum(dim=1)).mean()


def _weights(values: Tensor, mask: Tensor, shift: Tensor, epsilon: float) -> Tensor:
    """Softmax over the masked entries of each row, with epsilon in the denominator after the shift."""
    chosen = values.masked_fill(~mask, float("-inf"))
    if epsilon == 0:
        return chosen.softmax(dim=1)
    exponentials = (chosen - shift).exp()
    return exponentials / (exponentials.sum(dim=1, keepdim=True) + epsilon)


def _euclidean(x: Tensor) -> Tensor:
    """[B, D] -> [B, B], at least 1e-6 so that the root has a gradient at identical vectors."""
    squares = x.square().sum(dim=1)
    squared = torch.addmm(squares[:, None] + squares[None, :], x, x.T, alpha=-2.0)
    return squared.clamp(min=1e-12).sqrt()
