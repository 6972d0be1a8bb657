"""How good are predicted attributes: right on both sides, in the right order, and as sure as they should be?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from scipy.stats import rankdata
from torch import Tensor

from whyreid.tensor_checks import require_tensor


def balanced_accuracy(probabilities: Tensor, labels: Tensor) -> float:
    """Mean of the share of positives predicted above 0.5 and the share of negatives below; a tie counts half.

    Args:
        probabilities: [N] in [0, 1].
        labels: [N] bool.

    Returns:
        In [0, 1]; 0.5 = what any constant prediction gets. NaN without positives or without negatives.

    Example:
        >>> balanced_accuracy(torch.tensor([0.9, 0.2, 0.1, 0.6]), torch.tensor([True, True, False, False]))
        0.5
    """
    probabilities, labels = _checked(probabilities, labels)
    right = (probabilities > 0.5).double() + 0.5 * (probabilities == 0.5).double()
    if not bool(labels.any()) or bool(labels.all()):
        return float("nan")
    return float((right[labels].mean() + 1 - right[~labels].mean()) / 2)


def area_under_curve(scores: Tensor, labels: Tensor) -> float:
    """Area under the ROC curve: the chance that a random positive has a higher score than a random negative.

    Args:
        scores: [N], higher = more likely positive. Ties count half.
        labels: [N] bool.

    Returns:
        In [0, 1], 0.5 = no order. NaN without positives or without negatives.

    Example:
        >>> area_under_curve(torch.tensor([0.9, 0.3, 0.3, 0.1]), torch.tensor([True, True, False, False]))
        0.875
    """
    scores, labels = _checked(scores, labels)
    positives = int(labels.sum())
    negatives = len(labels) - positives
    if positives == 0 or negatives == 0:
        return float("nan")
    ranks = torch.from_numpy(rankdata(scores.double().cpu().numpy()))
    rank_sum = float(ranks[labels.cpu()].sum())
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)


def area_by_attribute(scores: Tensor, labels: Tensor) -> Tensor:
    """`area_under_curve` of every column: [N, A], [N, A] bool -> [A] float64, NaN where a column has one label only.

    With labels "the two persons of the pair differ in a" and scores "part of the distance put down to a", it says
    whether an explanation tells the attributes that differ.

    Raises:
        TypeError: not tensors, or labels not bool.
        ValueError: shapes disagree.
    """
    require_tensor("scores", scores)
    require_tensor("labels", labels)
    if scores.ndim != 2 or scores.shape != labels.shape:
        raise ValueError(f"scores and labels must be [N, A] each, got {list(scores.shape)} and {list(labels.shape)}.")
    areas = [area_under_curve(scores[:, a], labels[:, a]) for a in range(scores.shape[1])]
    return torch.tensor(areas, dtype=torch.float64)


def reliability_curve(probabilities: Tensor, labels: Tensor, *, bins: int = 10) -> pd.DataFrame:
    """Predicted probability against the share that is positive, in bins of equal width.

    Args:
        probabilities: [N] in [0, 1].
        labels: [N] bool.
        bins: number of bins of [0, 1]; the last one includes 1.

    Returns:
        One row a bin: low, high, n, mean_probability, positive_share (the last two NaN where n is 0).

    Raises:
        ValueError: a probability outside [0, 1].
    """
    probabilities, labels = _checked(probabilities, labels)
    if len(probabilities) and not (probabilities.min() >= 0 and probabilities.max() <= 1):
        raise ValueError(
            f"probabilities must lie in [0, 1], got [{probabilities.min():.3g}, {probabilities.max():.3g}]; "
            "pass logits through a sigmoid first."
        )
    which = (probabilities.double() * bins).long().clamp_(max=bins - 1)
    counts = torch.bincount(which, minlength=bins).double()
    predicted = torch.bincount(which, weights=probabilities.double(), minlength=bins) / counts
    positive = torch.bincount(which, weights=labels.double(), minlength=bins) / counts
    edges = np.linspace(0, 1, bins + 1)
    columns = {"n": counts.long(), "mean_probability": predicted, "positive_share": positive}
    return pd.DataFrame(
        {"low": edges[:-1], "high": edges[1:]} | {name: value.cpu().numpy() for name, value in columns.items()}
    )


def calibration_error(probabilities: Tensor, labels: Tensor, *, bins: int = 10) -> float:
    """Expected calibration error: mean over pictures of |share positive - mean probability| of their bin.

    Args:
        probabilities: [N] in [0, 1].
        labels: [N] bool.
        bins: see `reliability_curve`.

    Returns:
        In [0, 1]; 0 = as sure as right. NaN without pictures.

    Example:
        >>> round(calibration_error(torch.tensor([0.9, 0.9, 0.1, 0.1]), torch.tensor([True, True, True, False])), 3)
        0.25

    References:
        Guo et al. On Calibration of Modern Neural Networks. ICML 2017, arXiv 1706.04599, Eq. 3. Deviation: the
        probability of the attribute is binned, not that of the predicted side, so both ends of [0, 1] are seen.
    """
    curve = reliability_curve(probabilities, labels, bins=bins)
    filled = curve[curve["n"] > 0]
    if filled.empty:
        return float("nan")
    gap = (filled["positive_share"] - filled["mean_probability"]).abs()
    return float((gap * filled["n"]).sum() / filled["n"].sum())


def prediction_quality(
    probabilities: Tensor,
    attributes: Tensor,
    *,
    names: Sequence[str],
    known: Tensor | None = None,
    fitted: Tensor | None = None,
    bins: int = 10,
) -> pd.DataFrame:
    """All measures for every attribute.

    Args:
        probabilities: [N, A] in [0, 1].
        attributes: [N, A] bool, the labels.
        names: the A names.
        known: [N, A] bool, False where a label is missing; None = all known.
        fitted: [A] bool, False where the classifier had nothing to learn from: all measures are NaN there.
        bins: of the calibration error.

    Returns:
        One row an attribute, in the order of ``names``: attribute, positives, negatives (known pictures),
        balanced_accuracy, auc, calibration_error. The first two measures are NaN where only one side is known.

    Raises:
        TypeError: not tensors, or labels not bool.
        ValueError: shapes disagree, or a probability is outside [0, 1].
    """
    require_tensor("probabilities", probabilities)
    require_tensor("attributes", attributes)
    if probabilities.ndim != 2 or probabilities.shape != attributes.shape or probabilities.shape[1] != len(names):
        raise ValueError(
            f"probabilities and attributes must be [N, {len(names)}] (one column a name), got "
            f"{list(probabilities.shape)} and {list(attributes.shape)}."
        )
    known = torch.ones_like(attributes) if known is None else known
    rows = []
    for a, name in enumerate(names):
        labels, predicted = attributes[known[:, a], a], probabilities[known[:, a], a]
        measures = [balanced_accuracy(predicted, labels), area_under_curve(predicted, labels)]
        measures.append(calibration_error(predicted, labels, bins=bins))
        if fitted is not None and not bool(fitted[a]):
            measures = [float("nan")] * 3
        positives = int(labels.sum())
        rows.append((name, positives, len(labels) - positives, *measures))
    columns = ["attribute", "positives", "negatives", "balanced_accuracy", "auc", "calibration_error"]
    return pd.DataFrame(rows, columns=columns)


def _checked(values: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    require_tensor("probabilities", values)
    require_tensor("labels", labels)
    if labels.dtype != torch.bool:
        raise TypeError(f"labels must be bool, got {labels.dtype}; write labels > 0.")
    if values.ndim != 1 or values.shape != labels.shape:
        raise ValueError(
            f"probabilities and labels must be [N] each, got {list(values.shape)} and {list(labels.shape)}; "
            "pass one attribute at a time, or use prediction_quality."
        )
    if values.isnan().any():
        raise ValueError("probabilities must not hold NaN, got at least one; look at the embeddings they come from.")
    return values.detach(), labels
