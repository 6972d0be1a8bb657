"""How sure a mean over pairs is when the pairs share persons: bootstrap over families of look-alikes, and Holm."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from whyreid.tensor_checks import require_floats, require_tensor


@dataclass(frozen=True, eq=False)
class FamilyBootstrap:
    """Means of K measures over pairs, with intervals.

    Attributes:
        mean: [K] float64 over the pairs that have a value; NaN without any.
        low: [K] lower end of the interval.
        high: [K] upper end.
        draws: [B, K] the means of the resampled worlds.
    """

    mean: Tensor
    low: Tensor
    high: Tensor
    draws: Tensor


def family_bootstrap(
    values: Tensor, families: Tensor, *, draws: int = 2000, seed: int = 0, level: float = 0.95
) -> FamilyBootstrap:
    """Means over pairs, and what they would be with other families of look-alikes.

    Pairs that share a person, or a look-alike, are no independent witnesses. So families are drawn with replacement,
    and a pair of two families counts as often as the product of how often each was drawn (a pair within one family as
    often as that family was). The interval goes from quantile to quantile of the draws.

    Args:
        values: [P, K] floating point; NaN = the pair has no value of this measure.
        families: [P, 2] int64, the families of the two persons.
        draws: number of resampled worlds.
        seed: of the draws.
        level: probability that the interval is meant to cover.

    Returns:
        Means [K], the ends of their intervals, and the means of every draw.

    Raises:
        TypeError: not tensors.
        ValueError: shapes disagree, or level is not in (0, 1).

    References:
        Davezies, D'Haultfoeuille and Guyonvarch. Empirical process results for exchangeable arrays. Annals of
        Statistics 49 (2021) 845-862, for the product of the two counts.
    """
    require_floats("values", values, "[P, K]")
    require_tensor("families", families, "[P, 2]")
    if families.shape != (len(values), 2):
        raise ValueError(f"families must be [{len(values)}, 2], two a pair, got {list(families.shape)}.")
    if not 0 < level < 1:
        raise ValueError(f"level must be in (0, 1), got {level}; 0.95 is usual.")
    weights = _weights(families, draws, torch.Generator().manual_seed(seed))
    known = (~values.isnan()).double()
    filled = values.double().nan_to_num(0.0)
    resampled = (weights @ filled) / (weights @ known)
    ends = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)
    low, high = resampled.nanquantile(ends, dim=0)
    return FamilyBootstrap(filled.sum(dim=0) / known.sum(dim=0), low, high, resampled)


def bootstrap_p_values(differences: FamilyBootstrap) -> Tensor:
    """[K] two-sided: how often a resampled mean falls on the other side of zero, twice, at least 2 / (B + 1)."""
    draws = differences.draws
    counted = draws.isfinite().sum(dim=0)
    tail = torch.minimum((draws <= 0).sum(dim=0), (draws >= 0).sum(dim=0))
    return (2 * (tail + 1.0) / (counted + 1)).clamp(max=1.0).double()


def holm(p_values: Tensor) -> Tensor:
    """p-values adjusted for how many are tested (Holm's step-down), [K] -> [K], at most 1.

    Example:
        >>> holm(torch.tensor([0.01, 0.04, 0.03]))
        tensor([0.0300, 0.0600, 0.0600])

    References:
        Holm. A simple sequentially rejective multiple test procedure. Scandinavian J. of Statistics 6 (1979) 65-70.
    """
    require_floats("p_values", p_values, "[K]")
    ordered, order = p_values.sort()
    factors = torch.arange(len(p_values), 0, -1)
    stepped = (ordered * factors).cummax(dim=0).values.clamp(max=1.0) if len(ordered) else ordered
    return torch.empty_like(stepped).scatter_(0, order, stepped)


def _weights(families: Tensor, draws: int, generator: torch.Generator) -> Tensor:
    """[B, P] float64: how often each pair counts in each resampled world."""
    names, place = families.unique(return_inverse=True)
    drawn = torch.randint(len(names), (draws, len(names)), generator=generator)
    ones = torch.ones(drawn.shape, dtype=torch.float64)
    counts = torch.zeros(draws, len(names), dtype=torch.float64).scatter_add_(1, drawn, ones)
    first, second = counts[:, place[:, 0]], counts[:, place[:, 1]]
    return torch.where(place[:, 0] == place[:, 1], first, first * second)
