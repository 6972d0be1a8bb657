"""Attributes that differ between two persons must make most of their distance, attributes that agree little of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from whyreid.losses.metric_distillation import check_square
from whyreid.tensor_checks import require_booleans

EACH_WEIGHT = 10.0
_EXCLUSIVE_SLACK, _COMMON_SLACK = 4e-3, 1e-3  # keep the bounds finite at N = 0; at N = 0 the common bound is 2 / A

Threshold = Literal["root", "ratio"]


@dataclass(frozen=True)
class AttributePrior:
    """The four terms of the prior loss, each a scalar >= 0 in shares of a pair's distance.

    Attributes:
        exclusive_sum: by how much the exclusive attributes together fall short of the share r.
        common_sum: by how much the common attributes together exceed 1 - r. Shares add up to one, so it equals
            ``exclusive_sum``: the term counts twice.
        exclusive_each: by how much single exclusive attributes fall short of their bound, summed over them.
        common_each: by how much single common attributes exceed theirs, summed over them.
    """

    exclusive_sum: Tensor
    common_sum: Tensor
    exclusive_each: Tensor
    common_each: Tensor

    @property
    def total(self) -> Tensor:
        """The sums plus ten times the eachs, as in the official code."""
        return self.exclusive_sum + self.common_sum + EACH_WEIGHT * (self.exclusive_each + self.common_each)


@dataclass(frozen=True)
class ShareBounds:
    """What the prior asks of a pair whose persons differ in N of A attributes; see `share_bounds`.

    Attributes:
        together: r, the least share of all exclusive attributes together; the common ones get at most 1 - r.
        exclusive: least share of each exclusive attribute.
        common: greatest share of each common attribute.
    """

    together: Tensor
    exclusive: Tensor
    common: Tensor


def attribute_prior(attribute_distmat: Tensor, attributes: Tensor, *, threshold: Threshold = "root") -> AttributePrior:
    """The attribute prior of AMD: hinge losses on the shares ``d^k / sum_l d^l`` of each pair.

    Chen et al., arXiv 2103.01451, as in the official code, without its data-set specific colour terms. Each term is
    the mean over all ordered pairs of the batch; a picture paired with itself counts in the mean as a pair that meets
    every bound, and passes no gradient. Of the shares of a pair without any distance, each is 1 / A.

    Args:
        attribute_distmat: [B, B, A], >= 0 (`whyreid.models.attribute_distances`).
        attributes: [B, A] bool.
        threshold: r = sqrt(N / A) ("root", the official code) or N / A ("ratio", an ablation).

    Returns:
        The four terms apart, and their `AttributePrior.total`.

    Raises:
        TypeError: not tensors, distances not floating point, attributes not bool.
        ValueError: shapes disagree, fewer than two pictures, unknown threshold.

    Example:
        >>> distances = torch.tensor([[[0.0, 0.0], [1.0, 3.0]], [[1.0, 3.0], [0.0, 0.0]]])
        >>> prior = attribute_prior(distances, torch.tensor([[True, False], [False, False]]))
        >>> round(prior.exclusive_sum.item(), 4)  # (sqrt(1/2) - 1/4) at two of four pairs
        0.2286
    """
    check_square(attribute_distmat)
    require_booleans("attributes", attributes, "[B, A]")
    if attributes.shape != attribute_distmat.shape[1:]:
        raise ValueError(
            f"attributes must be {list(attribute_distmat.shape[1:])} as attribute_distmat is, "
            f"got {list(attributes.shape)}."
        )
    differs = (attributes[:, None] != attributes[None, :]).to(attribute_distmat)
    bounds = share_bounds(differs.sum(dim=2), attributes.shape[1], threshold=threshold)
    shares = _shares(attribute_distmat)
    exclusive, common = (shares * differs).sum(dim=2), (shares * (1 - differs)).sum(dim=2)
    missing = F.relu(bounds.exclusive[:, :, None] - shares) * differs
    excess = F.relu(shares - bounds.common[:, :, None]) * (1 - differs)
    return AttributePrior(
        F.relu(bounds.together - exclusive).mean(),
        F.relu(common - (1 - bounds.together)).mean(),
        missing.sum(dim=2).mean(),
        excess.sum(dim=2).mean(),
    )


def share_bounds(num_exclusive: Tensor, num_attributes: int, *, threshold: Threshold = "root") -> ShareBounds:
    """The bounds on the shares of pairs that differ in N attributes.

    Up to the slacks both bounds on a single share are the geometric mean ``sqrt(r (1 - r) / (N (A - N)))`` of the two
    average shares r / N and (1 - r) / (A - N). The slacks, and N at most A - 0.1 where it would divide by zero, keep
    them finite, as in the official code: at N = 0 nothing is exclusive and the common bound is 2 / A; at N = A nothing
    is common and the exclusive bound is 0.70 / A for A = 26.

    Args:
        num_exclusive: N, floating point, any shape, 0..A.
        num_attributes: A.
        threshold: "root" (r = sqrt(N / A)) or "ratio" (r = N / A).

    Returns:
        Three tensors of the shape of N. Bounds that have nothing to bound are 0 (exclusive at N = 0, common at N = A).

    Raises:
        ValueError: an unknown threshold.
    """
    if threshold not in ("root", "ratio"):
        raise ValueError(f'threshold must be "root" or "ratio", got {threshold!r}.')
    n, below_all = num_exclusive, num_exclusive.clamp(max=num_attributes - 0.1)
    together, nearly = _together(n / num_attributes, threshold), _together(below_all / num_attributes, threshold)
    above = (num_attributes - below_all) * nearly + _EXCLUSIVE_SLACK
    below = below_all * (1 - nearly) + _COMMON_SLACK
    stretch = (above / below).sqrt()
    exclusive = together / n.clamp(min=1) / stretch
    common = (1 - together) / (num_attributes - below_all) * stretch
    return ShareBounds(together, exclusive, common)


def _together(part: Tensor, threshold: Threshold) -> Tensor:
    """The share r of all exclusive attributes together, from N / A."""
    if threshold not in ("root", "ratio"):
        raise ValueError(f'threshold must be "root" or "ratio", got {threshold!r}.')
    return part.sqrt() if threshold == "root" else part


def _shares(attribute_distmat: Tensor) -> Tensor:
    """[B, B, A] shares of each pair; 1 / A on the diagonal and where the pair has no distance."""
    total = attribute_distmat.sum(dim=2, keepdim=True)
    same = torch.eye(len(total), dtype=torch.bool, device=total.device)[:, :, None]
    undefined = same | (total <= 0)
    return torch.where(undefined, 1 / attribute_distmat.shape[2], attribute_distmat / total.masked_fill(undefined, 1))
