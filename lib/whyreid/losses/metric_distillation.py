"""Make the attributes' distances add up to the target's distance."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from whyreid.tensor_checks import require_floats

OverAttributes = Literal["mean", "sum"]
"""How attribute distances make up the target's distance: their mean (the official code) or their sum."""


def metric_distillation(
    distmat: Tensor, attribute_distmat: Tensor, *, over_attributes: OverAttributes = "mean"
) -> Tensor:
    """Mean over all ordered pairs of ``|d - mean_k d^k|``; the teacher's distance d gets no gradient.

    Official code of AMD (Chen et al., arXiv 2103.01451); the diagonal counts in the mean as a zero (there: 1e-9). With
    average or generalised-mean pooling and Euclidean distance the two forms differ by a global factor A in the
    attention, no more. Low loss is not a good explanation: attention 1 everywhere has loss zero in the mean form.

    Args:
        distmat: [B, B], the target's distances.
        attribute_distmat: [B, B, A], >= 0, the distances for each attribute (`attribute_distances`).
        over_attributes: "mean" or "sum".

    Returns:
        Scalar >= 0, in units of the distance.

    Raises:
        TypeError: not floating-point tensors.
        ValueError: shapes disagree, fewer than two pictures, unknown form.

    Example:
        >>> distmat = torch.tensor([[0.0, 3.0], [3.0, 0.0]])
        >>> attribute_distmat = torch.tensor([[[0.0, 0.0], [1.0, 3.0]], [[1.0, 3.0], [0.0, 0.0]]])
        >>> metric_distillation(distmat, attribute_distmat)  # |3 - 2| twice, over four pairs
        tensor(0.5000)
    """
    check_square(attribute_distmat)
    require_floats("distmat", distmat, "[B, B]")
    if distmat.shape != attribute_distmat.shape[:2]:
        raise ValueError(
            f"distmat must be {list(attribute_distmat.shape[:2])} as attribute_distmat is, got {list(distmat.shape)}."
        )
    explained = combine_attributes(attribute_distmat, over_attributes)
    off_diagonal = ~torch.eye(len(distmat), dtype=torch.bool, device=distmat.device)
    return (distmat.detach() - explained)[off_diagonal].abs().sum() / distmat.numel()


def combine_attributes(attribute_distmat: Tensor, over_attributes: OverAttributes) -> Tensor:
    """[..., A] -> [...]: the distance that the attributes make together.

    Raises:
        ValueError: neither "mean" nor "sum".
    """
    if over_attributes not in ("mean", "sum"):
        raise ValueError(f'over_attributes must be "mean" or "sum", got {over_attributes!r}.')
    return attribute_distmat.mean(dim=-1) if over_attributes == "mean" else attribute_distmat.sum(dim=-1)


def check_square(attribute_distmat: Tensor) -> None:
    """Refuse anything but [B, B, A] with at least two pictures and one attribute.

    Raises:
        TypeError: not a floating-point tensor.
        ValueError: another shape.
    """
    require_floats("attribute_distmat", attribute_distmat, "[B, B, A]")
    rows, columns, attributes = attribute_distmat.shape
    if rows != columns or rows < 2 or attributes < 1:
        raise ValueError(
            f"attribute_distmat must be [B, B, A] with B >= 2 and A >= 1, got {[rows, columns, attributes]}; "
            "compare a batch with itself."
        )
