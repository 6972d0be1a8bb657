"""Attribute-related error: which attributes stand for the gap between two embeddings?

The squared Euclidean distance of two embeddings is a sum over neurons. Specker hands the part of each neuron out to
the attributes by the weights of a linear attribute classifier. The weights are signed and have any scale, so his
errors (`attribute_errors`) add up to nothing in particular; `error_composition` hands out the same neurons with
shares that are non-negative and add up to one. That its parts are non-negative and complete is so by construction,
for any classifier, a random one too: it is no evidence that they are right.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from whyreid.explain.matching_scores import check_ranking
from whyreid.tensor_checks import require_tensor

ErrorForm = Literal["signed", "composition"]
_WORKSPACE = 2**23
"""Numbers held at a time beside inputs and result (32 MB in single precision)."""


def attribute_errors(query_embeddings: Tensor, gallery_embeddings: Tensor, weight: Tensor) -> Tensor:
    """Specker, Eq. 3.2: e_a = sum over neurons n of (f_n^q - f_n^g)^2 w_na. One chunk: [Q, G, A] is built whole.

    Args:
        query_embeddings: [Q, D] as the ranking compares them (L2-normalised for a cosine model).
        gallery_embeddings: [G, D].
        weight: [A, D] of the attribute classifier, as it is; scale its rows first if their lengths should not count.

    Returns:
        [Q, G, A] signed, without gradient, in units of squared distance x weight: positive = the embeddings differ
        in neurons that speak for the attribute. The sum over attributes is not the distance.

    Raises:
        TypeError: not tensors, or not floating point.
        ValueError: shapes disagree.

    Cost: Q G D A multiply-adds; 32 MB beside the result, whatever Q and G.

    Example:
        >>> attribute_errors(torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, 0.0]]), torch.tensor([[0.5, -1.0]]))
        tensor([[[-3.5000]]])
    """
    query, gallery, weight = _checked(query_embeddings, gallery_embeddings, weight)
    return _all_pairs(query, gallery, weight)


def error_composition(query_embeddings: Tensor, gallery_embeddings: Tensor, weight: Tensor) -> Tensor:
    """The squared distance, handed out to the attributes and an unexplained rest. One chunk: [Q, G, A+1] built whole.

    Each neuron's squared difference is split by `attribute_shares`. Deviation from Specker's Eq. 3.2, whose parts
    may be negative and add up to something else: attribute vectors are scaled to length one (else the attribute
    with the longest vector wins), only positive weights count, and what no attribute claims is kept apart.

    Args:
        query_embeddings: [Q, D] as the ranking compares them (L2-normalised for a cosine model).
        gallery_embeddings: [G, D].
        weight: [A, D] of the attribute classifier.

    Returns:
        [Q, G, A+1], >= 0, without gradient, the last entry unexplained; the sum is the squared Euclidean distance
        to rounding.

    Raises:
        TypeError: not tensors, or not floating point.
        ValueError: shapes disagree.

    Cost: as `attribute_errors`.

    Example:
        >>> error_composition(torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 0.0]]), torch.tensor([[1.0, -1.0]]))
        tensor([[[ 9., 16.]]])
    """
    query, gallery, weight = _checked(query_embeddings, gallery_embeddings, weight)
    return _all_pairs(query, gallery, attribute_shares(weight))


def attribute_shares(weight: Tensor) -> Tensor:
    """How the squared difference of each neuron is handed out: [A, D] weights -> [A+1, D], columns sum to 1.

    Rows of ``weight`` are scaled to length one, negative weights are set to zero, and each column is divided by its
    sum. A neuron without a positive weight goes to the last row, "unexplained".
    """
    positive = torch.nn.functional.normalize(weight, dim=1).clamp_min(0)
    claimed = positive.sum(dim=0)
    shares = positive / claimed.where(claimed > 0, 1)
    return torch.cat([shares, (claimed == 0).to(shares.dtype)[None]])


def rank_list_errors(
    query_embeddings: Tensor,
    gallery_embeddings: Tensor,
    ranking: Tensor,
    weight: Tensor,
    *,
    form: ErrorForm = "composition",
) -> Tensor:
    """`attribute_errors` or `error_composition` for the first k ranks of every query only.

    Args:
        query_embeddings: [Q, D].
        gallery_embeddings: [G, D].
        ranking: [Q, k] int64 rows of the gallery, best first; negative = no picture at this rank.
        weight: [A, D].
        form: "signed" = Eq. 3.2, "composition" = non-negative and complete.

    Returns:
        [Q, k, A] ("signed") or [Q, k, A+1] ("composition"), NaN where there is no picture.

    Raises:
        TypeError, ValueError: as the two functions, or a ranking that does not fit.

    Cost: Q k D A multiply-adds, so 3,368 queries x 10 ranks x 2,048 neurons x 30 attributes take about a second on
    a CPU.
    """
    query, gallery, weight = _checked(query_embeddings, gallery_embeddings, weight)
    check_ranking(ranking, len(query), len(gallery))
    if form not in ("signed", "composition"):
        raise ValueError(f'form must be "signed" or "composition", got {form!r}.')
    handed_out = weight if form == "signed" else attribute_shares(weight)
    errors = query.new_empty(*ranking.shape, len(handed_out))
    step = max(1, _WORKSPACE // max(1, ranking.shape[1] * query.shape[1]))
    for start in range(0, len(query), step):
        rows = slice(start, start + step)
        difference = query[rows, None, :] - gallery[ranking[rows].clamp_min(0)]
        errors[rows] = difference.square_() @ handed_out.T
    return errors.masked_fill_(ranking[:, :, None] < 0, torch.nan)


def _all_pairs(query: Tensor, gallery: Tensor, handed_out: Tensor) -> Tensor:
    """[Q, G, rows of handed_out]; the difference comes before the square, so close pairs lose no digits."""
    errors = query.new_empty(len(query), len(gallery), len(handed_out))
    columns = max(1, min(len(gallery), _WORKSPACE // max(1, query.shape[1])))
    rows = max(1, _WORKSPACE // max(1, columns * query.shape[1]))
    for q in range(0, len(query), rows):
        for g in range(0, len(gallery), columns):
            difference = query[q : q + rows, None, :] - gallery[None, g : g + columns, :]
            errors[q : q + rows, g : g + columns] = difference.square_() @ handed_out.T
    return errors


def _checked(query: Tensor, gallery: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    tensors = {"query_embeddings": query, "gallery_embeddings": gallery, "weight": weight}
    for name, value in tensors.items():
        require_tensor(name, value)
        if not value.is_floating_point():
            raise TypeError(f"{name} must be floating point, got {value.dtype}; convert it with .float().")
        if value.ndim != 2 or value.shape[1] != query.shape[-1]:
            expected = f"[{'A' if name == 'weight' else 'N'}, {query.shape[-1]}]"
            raise ValueError(
                f"{name} must be {expected} as query_embeddings is, got {list(value.shape)}; "
                "embed both sides with the model that the classifier was fitted on."
            )
    dtype = torch.promote_types(torch.promote_types(query.dtype, gallery.dtype), torch.float32)
    return query.detach().to(dtype), gallery.detach().to(dtype), weight.detach().to(dtype)
