"""What do single neurons know? Attributes read from the weights of a linear classifier on the embedding."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import torch
from torch import Tensor

from whyreid.tensor_checks import require_tensor


def neuron_attribute_table(weight: Tensor, names: Sequence[str], positive_ratio: Tensor) -> pd.DataFrame:
    """For how many neurons is each attribute the strongest? Specker, Table 4.1.

    A neuron belongs to the attribute with its largest (signed) weight. The report reads the counts beside the share
    of identities that have the attribute, since a rare attribute gives training little reason to spend neurons on it.

    Args:
        weight: [A, D]: the classifier's weights; or the same with rows of length one (`unit_attribute_vectors`), or
            correlations (`neuron_attribute_correlation`), to see what of the table is owed to the weights' lengths.
        names: the A attributes.
        positive_ratio: [A] share of training identities with the attribute; copied into the table as it is.

    Returns:
        Columns attribute, top1 (number of neurons), positive_ratio; most neurons first, ties in the order of
        ``names``. The counts add up to D by construction, except for neurons whose weights are all equal: they
        belong to nobody.

    Raises:
        TypeError: not tensors.
        ValueError: shapes disagree or a weight is not finite.

    Example:
        >>> weight = torch.tensor([[0.9, 0.1, 0.4], [0.2, 0.8, 0.6]])
        >>> neuron_attribute_table(weight, ["hat", "bag"], torch.tensor([0.1, 0.3]))["top1"].tolist()
        [2, 1]
    """
    _check_weight(weight, names)
    require_tensor("positive_ratio", positive_ratio)
    if positive_ratio.shape != (len(names),):
        raise ValueError(f"positive_ratio must be [{len(names)}], one a name, got {list(positive_ratio.shape)}.")
    tells = weight.amax(dim=0) > weight.amin(dim=0) if len(names) > 1 else weight[0] != 0
    counts = torch.bincount(weight.argmax(dim=0)[tells], minlength=len(names))
    table = pd.DataFrame(
        {"attribute": list(names), "top1": counts.tolist(), "positive_ratio": positive_ratio.double().tolist()}
    )
    return table.sort_values("top1", ascending=False, kind="stable", ignore_index=True)


def unit_attribute_vectors(weight: Tensor) -> Tensor:
    """[A, D] with every attribute's vector scaled to length one; zero vectors stay zero."""
    return torch.nn.functional.normalize(require_tensor("weight", weight).detach(), dim=1)


def neuron_attribute_correlation(embeddings: Tensor, attributes: Tensor, *, known: Tensor | None = None) -> Tensor:
    """Pearson correlation of every neuron with every attribute: no classifier, no weights that share the work.

    Args:
        embeddings: [N, D].
        attributes: [N, A] bool.
        known: [N, A] bool, False where a label is missing; None = all known.

    Returns:
        [A, D] float64 in [-1, 1]; 0 where the neuron or the attribute does not vary.

    Raises:
        TypeError: not tensors.
        ValueError: different numbers of rows.
    """
    require_tensor("embeddings", embeddings)
    require_tensor("attributes", attributes)
    if embeddings.ndim != 2 or attributes.ndim != 2 or len(embeddings) != len(attributes):
        raise ValueError(
            "embeddings must be [N, D] and attributes [N, A], one row a picture in both, got "
            f"{list(embeddings.shape)} and {list(attributes.shape)}."
        )
    known = torch.ones_like(attributes, dtype=torch.bool) if known is None else known
    counted, values = known.double(), embeddings.detach().double()
    values = values - values.mean(dim=0)  # correlations do not change; sums of squares keep their digits
    labels = attributes.double() * counted
    n = counted.sum(dim=0)[:, None]
    sums, squares, products = counted.T @ values, counted.T @ values.square(), labels.T @ values
    share = labels.sum(dim=0)[:, None]
    covariance = products - share * sums / n
    spread = (squares - sums.square() / n).clamp_min(0) * (share - share.square() / n)
    return torch.where(spread > 1e-12 * n.square(), covariance / spread.clamp_min(1e-300).sqrt(), 0.0)


def strongest_attributes(weight: Tensor, names: Sequence[str], neuron: int, *, count: int = 3) -> pd.DataFrame:
    """The attributes with the largest and with the smallest weight at one neuron, as under Specker's Fig. 4.1.

    Args:
        weight: [A, D].
        names: the A attributes.
        neuron: column of ``weight``.
        count: how many on either side, at most A / 2.

    Returns:
        2 ``count`` rows, strongest first: attribute, weight.

    Raises:
        TypeError: not tensors.
        ValueError: shapes disagree, no such neuron, or too few attributes.
    """
    _check_weight(weight, names)
    if not 0 <= neuron < weight.shape[1]:
        raise ValueError(f"neuron must be in 0..{weight.shape[1] - 1}, got {neuron}.")
    if not 1 <= count <= len(names) // 2:
        raise ValueError(f"count must be in 1..{len(names) // 2} for {len(names)} attributes, got {count}.")
    column = weight[:, neuron].detach().double().cpu()
    order = column.argsort(descending=True, stable=True).tolist()
    chosen = order[:count] + order[-count:]
    return pd.DataFrame({"attribute": [names[a] for a in chosen], "weight": column[chosen].tolist()})


def conjunction_gain(
    weight: Tensor, embeddings: Tensor, attributes: Tensor, names: Sequence[str], *, fewest: int = 10
) -> pd.DataFrame:
    """Which neurons stand for two attributes together rather than for either?

    For each neuron the two attributes with the largest weights are taken; the neuron stands for the combination
    when it correlates more with having both than with having either one.

    Args:
        weight: [A, D].
        embeddings: [N, D] of pictures that the classifier was not fitted on.
        attributes: [N, A] bool, their labels (all known).
        names: the A attributes.
        fewest: pictures that must have both, and that must lack one, for the neuron to be judged.

    Returns:
        One row a neuron: neuron, first, second (names), single (the larger of the two correlations), both
        (correlation with having both), gain = both - single; the last three NaN where too few pictures have both.

    Raises:
        TypeError: not tensors.
        ValueError: shapes disagree or fewer than two attributes.
    """
    _check_weight(weight, names)
    if len(names) < 2:
        raise ValueError(f"names must hold at least two attributes, got {len(names)}.")
    top = weight.detach().topk(2, dim=0).indices.to(attributes.device)
    single = neuron_attribute_correlation(embeddings, attributes)
    neurons = torch.arange(weight.shape[1])
    larger = torch.maximum(single[top[0], neurons], single[top[1], neurons])
    together = attributes[:, top[0]] & attributes[:, top[1]]  # [N, D]
    both = _columnwise_correlation(embeddings, together)
    judged = (together.sum(dim=0) >= fewest) & ((~together).sum(dim=0) >= fewest)
    nothing = torch.full_like(both, torch.nan)
    columns = {
        "single": larger.where(judged, nothing),
        "both": both.where(judged, nothing),
        "gain": (both - larger).where(judged, nothing),
    }
    frame = pd.DataFrame({"neuron": neurons.tolist(), **{key: value.tolist() for key, value in columns.items()}})
    frame.insert(1, "first", [names[a] for a in top[0].tolist()])
    frame.insert(2, "second", [names[a] for a in top[1].tolist()])
    return frame


def _columnwise_correlation(x: Tensor, y: Tensor) -> Tensor:
    """Correlation of column d of x with column d of y: [N, D], [N, D] -> [D]; 0 where either does not vary."""
    x, y = x.detach().double(), y.double()
    x, y = x - x.mean(dim=0), y - y.mean(dim=0)
    spread = (x.square().sum(dim=0) * y.square().sum(dim=0)).sqrt()
    return torch.where(spread > 0, (x * y).sum(dim=0) / spread.where(spread > 0, 1), 0.0)


def _check_weight(weight: Tensor, names: Sequence[str]) -> None:
    require_tensor("weight", weight)
    if weight.ndim != 2 or weight.shape[0] != len(names):
        raise ValueError(
            f"weight must be [{len(names)}, D], one row a name, got {list(weight.shape)}; transpose it if it is [D, A]."
        )
    if not bool(weight.isfinite().all()):
        raise ValueError("weight must be finite, got NaN or infinity; look at the fit that made it.")
