"""Losses on the matching logits of all pairs in a batch: every pair (QAConv 2.0), the hardest two (QAConv 2.1)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from whyreid.models.location_matching import require_tensor


class HardestScores(NamedTuple):
    """The pairs that a batch-hard loss looks at.

    Attributes:
        positive: [B] lowest score with another picture of the same identity; +inf where there is none.
        negative: [B] highest score with a picture of another identity; -inf where there is none.
    """

    positive: Tensor
    negative: Tensor


def pairwise_matching_loss(scores: Tensor, labels: Tensor) -> Tensor:
    """Binary cross-entropy of every pair in the batch, summed over each row (QAConv 2.0).

    Liao and Shao, arXiv 2104.01546, as in the authors' code: a picture paired with itself counts as a positive.

    Args:
        scores: [B, B] logits, higher = more likely the same person.
        labels: [B] integers.

    Returns:
        [B], each >= 0; the authors average them.

    Raises:
        TypeError: not tensors.
        ValueError: shapes disagree.

    Example:
        >>> pairwise_matching_loss(torch.zeros(2, 2), torch.tensor([0, 1]))  # log 2 a pair
        tensor([1.3863, 1.3863])
    """
    same = _same_identity(scores, labels)
    return F.softplus(torch.where(same, -scores, scores)).sum(dim=1)


def batch_hard_matching_loss(scores: Tensor, labels: Tensor, *, margin: float = 16.0) -> Tensor:
    """Hinge between the lowest positive and the highest negative score of each row (QAConv 2.1).

    ``relu(margin - positive + negative)``: Liao and Shao, arXiv 2104.01546, as in the authors' code.

    Args:
        scores: [B, B] logits, higher = more likely the same person.
        labels: [B] integers.
        margin: in units of the logit, >= 0.

    Returns:
        [B], each >= 0; 0 for a picture without a second one of its identity, or without another identity. The authors
        average the finite ones (in half precision a logit can overflow).

    Raises:
        TypeError: not tensors.
        ValueError: shapes disagree, or a negative margin.

    Example:
        >>> scores = torch.tensor([[9.0, 5.0, 2.0], [5.0, 9.0, -8.0], [2.0, -8.0, 9.0]])
        >>> batch_hard_matching_loss(scores, torch.tensor([0, 0, 1]))  # 16 - 5 + 2, 16 - 5 - 8, no positive
        tensor([13.,  3.,  0.])
    """
    if margin < 0:
        raise ValueError(f"margin must be at least 0, got {margin}; it is how far positives must lie above negatives.")
    positive, negative = hardest_scores(scores, labels)
    return F.relu(margin - positive + negative)


def hardest_scores(scores: Tensor, labels: Tensor) -> HardestScores:
    """Lowest positive and highest negative score of each row.

    ``(positive >= negative).float().mean()`` is the accuracy that the authors print while training.

    Args:
        scores: [B, B], higher = more likely the same person.
        labels: [B] integers.

    Raises:
        TypeError: not tensors.
        ValueError: shapes disagree.
    """
    same = _same_identity(scores, labels)
    itself = torch.eye(len(labels), dtype=torch.bool, device=scores.device)
    positive = scores.masked_fill(~same | itself, float("inf")).min(dim=1).values
    return HardestScores(positive, scores.masked_fill(same, float("-inf")).max(dim=1).values)


def _same_identity(scores: Tensor, labels: Tensor) -> Tensor:
    require_tensor("scores", scores)
    require_tensor("labels", labels)
    if labels.ndim != 1 or scores.shape != (len(labels), len(labels)) or len(labels) == 0:
        raise ValueError(
            f"scores must be [B, B] and labels [B] with B > 0, got {list(scores.shape)} and {list(labels.shape)}; "
            "match the batch against itself: matcher(maps, maps)."
        )
    return labels[:, None] == labels[None, :]
