"""Circle loss with class weights: a classifier on cosines that pulls harder on scores far from their goal."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def circle_softmax(cosines: Tensor, labels: Tensor, *, scale: float = 64.0, margin: float = 0.35) -> Tensor:
    """Logits of the circle loss for a cross-entropy over training identities.

    The score s of the right class becomes scale * a (s - (1 - margin)) with a = relu(1 + margin - s), that of any other
    class scale * a (s - margin) with a = relu(s + margin); the factors a are constants for the gradient. Sun et al.,
    arXiv 2002.10857; scale and margin as in fast-reid's SBS, whose loss this is.
    pytorch-metric-learning's circle loss is the pairwise form, another function.

    Args:
        cosines: [B, C] cosine similarities of embeddings and class weights, -1..1.
        labels: [B] int64, 0..C-1.
        scale: factor of the logits.
        margin: 0..1; scores are drawn to 1 + margin and -margin.

    Returns:
        [B, C] logits.

    Raises:
        ValueError: shapes disagree.

    Example:
        >>> circle_softmax(torch.tensor([[1.0, 0.0]]), torch.tensor([0]), scale=1.0, margin=0.25)
        tensor([[ 0.0625, -0.0625]])
    """
    if cosines.ndim != 2 or labels.shape != cosines.shape[:1]:
        raise ValueError(
            f"cosines must be [B, C] and labels [B], got {list(cosines.shape)} and {list(labels.shape)}; "
            "compare embeddings with class weights first."
        )
    constant = cosines.detach()
    positive = (1 + margin - constant).clamp(min=0) * (cosines - (1 - margin))
    negative = (constant + margin).clamp(min=0) * (cosines - margin)
    right = F.one_hot(labels, cosines.shape[1]).bool()
    return scale * torch.where(right, positive, negative)
