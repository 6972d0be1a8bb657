"""Measurements that vary along a part, as piecewise linear functions of the place along it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor

Knots = Sequence[tuple[float, float]]


def profile(place: Tensor, knots: Knots) -> Tensor:
    """The value at ``place`` (any shape) of the line through ``knots`` [(place, value), ...], constant outside.

    Example:
        >>> import torch
        >>> profile(torch.tensor([-1.0, 0.5, 1.5, 9.0]), [(0, 0), (1, 2), (2, 2.5)])
        tensor([0.0000, 1.0000, 2.2500, 2.5000])
    """
    value = place * 0.0 + float(knots[0][1])
    for (x0, y0), (x1, y1) in pairwise(knots):
        value = value + (place - x0).clamp(0.0, x1 - x0) * ((y1 - y0) / (x1 - x0))
    return value


def rings(people_like: Tensor, places: Sequence[float]) -> Tensor:
    """The same places for every person: [N, R], on the device of an [N, ...] tensor."""
    return people_like.new_tensor(list(places)).expand(people_like.shape[0], len(places))


def col(value: Tensor) -> Tensor:
    """[N] to [N, 1], to meet ring tensors [N, R]."""
    return value.unsqueeze(-1)


def vec(value: Tensor) -> Tensor:
    """[N, 3] to [N, 1, 3], to meet ring tensors [N, R, 3]."""
    return value.unsqueeze(1)
