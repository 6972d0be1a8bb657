"""What agreement with labels is worth: the same measure for explanations that look at no picture.

Chen et al. (arXiv 2103.01451) report X-mAP without controls. On the test identities of Market-1501 one fixed order of
the attributes reaches 51 / 92 % (exclusive / common), and the query's label with the attributes' frequencies 73 / 96 %,
as much as the published interpreter. Print these rows beside every X-mAP.

A control depends on a pair's labels alone, so pictures with equal rows are scored once and counted: a whole test set
takes about as long as its identities.
"""

from __future__ import annotations

import torch
from torch import Tensor

from whyreid.tensor_checks import require_booleans, require_floats, require_tensor
from whyreid.truth.label_agreement import AttributeAgreement, agreement_from_chunks


def random_order_agreement(query_attributes: Tensor, gallery_attributes: Tensor) -> AttributeAgreement:
    """What an explanation in random order scores, in exact expectation (no seed).

    It is also what attention 1 everywhere scores, which has no distillation loss: with equal contributions every order
    is as good as another.

    Args:
        query_attributes: [Q, A] bool.
        gallery_attributes: [G, A] bool.

    Returns:
        The agreement, per attribute and over all pairs.

    Raises:
        TypeError: not bool tensors.
        ValueError: the two sides differ in A, or one is empty.
    """
    require_booleans("query_attributes", query_attributes, "[Q, A]")
    return _agreement(torch.ones(query_attributes.shape), query_attributes, gallery_attributes)


def fixed_order_agreement(
    contributions: Tensor, query_attributes: Tensor, gallery_attributes: Tensor
) -> AttributeAgreement:
    """What one and the same explanation for every pair scores.

    Args:
        contributions: [A], higher = more; `disagreement_rate` of the training identities is the order to print.
        query_attributes: [Q, A] bool.
        gallery_attributes: [G, A] bool.

    Returns:
        The agreement, per attribute and over all pairs.

    Raises:
        TypeError: not tensors, labels not bool.
        ValueError: as `random_order_agreement`; another number of contributions.
    """
    require_floats("contributions", contributions, "[A]")
    require_booleans("query_attributes", query_attributes, "[Q, A]")
    _check_width("contributions", contributions, query_attributes)
    return _agreement(contributions.expand(query_attributes.shape), query_attributes, gallery_attributes)


def query_prior_agreement(
    query_probabilities: Tensor, positive_ratio: Tensor, query_attributes: Tensor, gallery_attributes: Tensor
) -> AttributeAgreement:
    """What the query's attributes and the attributes' frequencies alone score: no gallery picture, no model of pairs.

    The contribution of attribute k is the probability that a random person differs from the query in it,
    ``x (1 - p_k) + (1 - x) p_k``: 1 - p_k when the query has it, p_k when not.

    Args:
        query_probabilities: [Q, A]: the true labels (bool), predicted labels (bool), or predicted probabilities in
            0..1. An interpreter knows no true label: print the row with predictions, too.
        positive_ratio: [A] in 0..1: share of the training identities that have the attribute.
        query_attributes: [Q, A] bool, the truth that agreement is measured with.
        gallery_attributes: [G, A] bool.

    Returns:
        The agreement, per attribute and over all pairs.

    Raises:
        TypeError: not tensors, labels not bool.
        ValueError: as `random_order_agreement`; shapes disagree; values outside 0..1.

    Example:
        >>> query, gallery = torch.tensor([[True, False]]), torch.tensor([[False, False]])
        >>> query_prior_agreement(query, torch.tensor([0.1, 0.5]), query, gallery).exclusive_map
        1.0
    """
    require_tensor("query_probabilities", query_probabilities, "[Q, A]")
    require_floats("positive_ratio", positive_ratio, "[A]")
    require_booleans("query_attributes", query_attributes, "[Q, A]")
    _check_width("positive_ratio", positive_ratio, query_attributes)
    if query_probabilities.shape != query_attributes.shape:
        raise ValueError(
            f"query_probabilities must be {list(query_attributes.shape)} as query_attributes is, "
            f"got {list(query_probabilities.shape)}."
        )
    has = query_probabilities.to(positive_ratio)
    for name, value in (("query_probabilities", has), ("positive_ratio", positive_ratio)):
        if not bool(((value >= 0) & (value <= 1)).all()):
            raise ValueError(
                f"{name} must lie in 0..1, got other values; apply sigmoid to logits, divide percent by 100."
            )
    return _agreement(has + positive_ratio - 2 * has * positive_ratio, query_attributes, gallery_attributes)


def disagreement_rate(attributes: Tensor) -> Tensor:
    """How often two persons differ in each attribute: 2 p (1 - p).

    Args:
        attributes: [I, A] bool, one row an identity, of the training identities.

    Returns:
        [A] float64 in 0..0.5.
    """
    require_booleans("attributes", attributes, "[I, A]")
    ratio = attributes.double().mean(dim=0)
    return 2 * ratio * (1 - ratio)


def _agreement(contributions: Tensor, query_attributes: Tensor, gallery_attributes: Tensor) -> AttributeAgreement:
    """Agreement of contributions [Q, A] that are the same for every gallery picture; equal rows are scored once."""
    require_booleans("gallery_attributes", gallery_attributes, "[G, A]")
    _check_width("gallery_attributes", gallery_attributes, query_attributes)
    if 0 in query_attributes.shape or 0 in gallery_attributes.shape:
        raise ValueError("there must be queries, gallery pictures and attributes, got none; check the splits.")
    num_attributes = query_attributes.shape[1]
    rows = torch.cat([contributions.double(), query_attributes.double()], dim=1)
    rows, query_count = rows.unique(dim=0, return_counts=True)
    gallery, gallery_count = gallery_attributes.unique(dim=0, return_counts=True)
    values = rows[:, None, :num_attributes].expand(-1, len(gallery), -1)
    weight = query_count[:, None] * gallery_count
    return agreement_from_chunks([(values, rows[:, num_attributes:] > 0, gallery, weight)])


def _check_width(name: str, value: Tensor, query_attributes: Tensor) -> None:
    if value.shape[-1] != query_attributes.shape[1]:
        raise ValueError(
            f"{name} must have one value for each of {query_attributes.shape[1]} attributes, got {value.shape[-1]}; "
            "choose the same attributes for labels and control."
        )
