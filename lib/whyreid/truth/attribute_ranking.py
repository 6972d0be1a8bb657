"""How well the order of a pair's attributes, from most to least contributing, separates differing from shared ones."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


class PairScores(NamedTuple):
    """Agreement of single pairs; see `score_pairs`.

    Attributes:
        exclusive: [n] average precision of the differing attributes, most contributing first; 0 where none differs.
        common: [n] average precision of the shared attributes, least contributing first; 0 where none is shared.
        ahead: [n, A] float32: 1 where the attribute is among the N most contributing, N = how many differ; between 0
            and 1 where a tie decides.
    """

    exclusive: Tensor
    common: Tensor
    ahead: Tensor


class _Sorted(NamedTuple):
    """Rows in ascending order of contribution.

    Attributes:
        order: [n, A] which attribute stands at each place.
        values: [n, A] its contribution.
        differs: [n, A] float32, 1 where it differs.
        seen: [n, A] how many differing ones stand up to and including each place.
    """

    order: Tensor
    values: Tensor
    differs: Tensor
    seen: Tensor


def score_pairs(contributions: Tensor, differs: Tensor) -> PairScores:
    """Average precisions of n pairs, in expectation over the order of equal contributions.

    Equal contributions carry no order: each score is its exact expectation over all orders of the tied attributes. So
    an explanation that says the same of every attribute scores as a random one does, whatever the attributes' order.

    Where nothing differs (N = 0), no order of the shared attributes is wrong: ``common`` is 1. AMD's evaluation then
    marks those with a share above 2 / A as errors; they stand last, where they cannot lower an average precision.

    Args:
        contributions: [n, A] floating point, signed allowed; higher = sets the pair further apart.
        differs: [n, A] bool.

    Raises:
        ValueError: contributions are not finite.

    Cost: O(A log A) a pair; about ten times the memory of the contributions.
    """
    ranked = _sort(contributions, differs)
    count = ranked.seen[:, -1:]
    place = torch.arange(1, contributions.shape[1] + 1, device=contributions.device, dtype=torch.float32)
    above = (count + 1 - ranked.seen).mul_(ranked.differs).div_(place.flip(0))
    below = (place - ranked.seen).mul_(1 - ranked.differs).div_(place)
    scores = PairScores(
        above.sum(dim=1) / count[:, 0].clamp(min=1),
        below.sum(dim=1) / (len(place) - count[:, 0]).clamp(min=1),
        _ahead(contributions, ranked.values, count),
    )
    tied = torch.nonzero((ranked.values[:, 1:] == ranked.values[:, :-1]).any(dim=1))[:, 0]
    if len(tied):
        expected = _expected_scores(_Sorted(*(part[tied] for part in ranked)))
        for whole, part in zip(scores, expected, strict=True):
            whole[tied] = part
    return scores


def _sort(contributions: Tensor, differs: Tensor) -> _Sorted:
    order = _ascending_order(contributions)
    values = contributions.gather(1, order)
    if not bool(values[:, [0, -1]].isfinite().all()):  # NaN stands last
        raise ValueError("contributions must be finite, got NaN or infinity; look for a division by zero.")
    relevant = differs.gather(1, order).float()
    return _Sorted(order, values, relevant, relevant.cumsum(dim=1))


def _ascending_order(contributions: Tensor) -> Tensor:
    """[n, A] order of each row. On the CPU by numpy, whose argsort of short rows is vectorised; torch's is not."""
    if contributions.device.type != "cpu":
        return contributions.argsort(dim=1)
    return torch.from_numpy(np.argsort(contributions.numpy(), axis=1))


def _ahead(contributions: Tensor, values: Tensor, count: Tensor) -> Tensor:
    """[n, A] 1 where the contribution is among the ``count`` greatest of its row."""
    first = (values.shape[1] - count.long()).clamp(max=values.shape[1] - 1)
    return ((contributions >= values.gather(1, first)) & (count > 0)).float()


def _expected_scores(ranked: _Sorted) -> PairScores:
    """Scores of rows with ties, averaged over all orders within each group of equal values.

    Of a group of t attributes, m of them relevant, each place holds a relevant one with probability m / t, and then the
    i places before it in the group hold i (m - 1) / (t - 1) relevant ones on average.
    """
    _, places = ranked.values.shape
    start, end = _groups(ranked.values)
    place = torch.arange(places, device=start.device).expand_as(start)
    size = (end - start + 1).float()
    count, up_to = ranked.seen[:, -1:], ranked.seen.gather(1, end)
    lower = ranked.seen.gather(1, start) - ranked.differs.gather(1, start)
    exclusive = _expected_precision(up_to - lower, size, count - up_to, end - place, places - place)
    common = _expected_precision(size - (up_to - lower), size, start - lower, place - start, place + 1)
    at_the_end = (places - count - start).clamp(min=0).minimum(size)
    ahead = torch.empty_like(size).scatter_(1, ranked.order, 1 - at_the_end / size)
    return PairScores(exclusive / count[:, 0].clamp(min=1), common / (places - count[:, 0]).clamp(min=1), ahead)


def _groups(values: Tensor) -> tuple[Tensor, Tensor]:
    """First and last place [n, A] of the group of equal values that each place of a sorted row belongs to."""
    places = values.shape[1]
    place = torch.arange(places, device=values.device).expand_as(values)
    changes = values[:, 1:] != values[:, :-1]
    edge = torch.ones_like(changes[:, :1])
    start = place.where(torch.cat([edge, changes], dim=1), 0).cummax(dim=1).values
    end = place.where(torch.cat([changes, edge], dim=1), places - 1).flip(1).cummin(dim=1).values.flip(1)
    return start, end


def _expected_precision(relevant: Tensor, size: Tensor, before: Tensor, within: Tensor, place: Tensor) -> Tensor:
    """Expected sum over places of precision at relevant places, [n]; arguments [n, A], ``place`` counted from 1."""
    found = before + 1 + within * (relevant - 1) / (size - 1).clamp(min=1)
    return (relevant / size * found / place).sum(dim=1)
