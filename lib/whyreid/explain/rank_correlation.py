"""Spearman's rank correlation with a confidence interval."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
from scipy import stats
from torch import Tensor

from whyreid.tensor_checks import require_tensor


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's rho of n pairs of numbers, with its interval.

    Attributes:
        rho: in [-1, 1]; NaN when one side is constant.
        low: lower end of the confidence interval; NaN for n < 4.
        high: upper end.
        n: number of pairs that were used.
        level: of the interval, such as 0.95.
    """

    rho: float
    low: float
    high: float
    n: int
    level: float

    def __str__(self) -> str:
        return f"ρ = {self.rho:.2f} [{self.low:.2f}, {self.high:.2f}], n = {self.n}"


def rank_correlation(x: Tensor, y: Tensor, *, level: float = 0.95) -> RankCorrelation:
    """Do two lists of numbers put things in the same order?

    Spearman's rho (ties get their mean rank). The interval is Fisher's, tanh(artanh(rho) +- z s), with
    s^2 = (1 + rho^2 / 2) / (n - 3); it needs independent pairs, so average the pictures of a person first.

    Args:
        x: [n]; pairs with a NaN on either side are left out.
        y: [n].
        level: probability that the interval is meant to cover.

    Returns:
        See `RankCorrelation`.

    Raises:
        TypeError: not tensors.
        ValueError: shapes disagree or level is not in (0, 1).

    Example:
        >>> import torch
        >>> print(rank_correlation(torch.arange(5.0), torch.tensor([10.0, 20.0, 50.0, 30.0, 40.0])))
        ρ = 0.70 [-0.59, 0.98], n = 5

    References:
        Bonett and Wright. Sample size requirements for estimating Pearson, Kendall and Spearman correlations.
        Psychometrika 65 (2000) 23-28, for s.
    """
    require_tensor("x", x)
    require_tensor("y", y)
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"x and y must be [n] each, got {list(x.shape)} and {list(y.shape)}.")
    if not 0 < level < 1:
        raise ValueError(f"level must be in (0, 1), got {level}; 0.95 is usual.")
    x, y = x.detach().double().cpu(), y.detach().double().cpu()
    kept = ~(x.isnan() | y.isnan())
    n = int(kept.sum())
    rho = _spearman(x[kept], y[kept])
    if n < 4 or math.isnan(rho):
        return RankCorrelation(rho, math.nan, math.nan, n, level)
    centre = math.atanh(max(min(rho, 1 - 1e-12), -1 + 1e-12))
    half = stats.norm.ppf(0.5 + level / 2) * math.sqrt((1 + rho**2 / 2) / (n - 3))
    return RankCorrelation(rho, math.tanh(centre - half), math.tanh(centre + half), n, level)


def correlation_table(correlations: Mapping[str, RankCorrelation]) -> pd.DataFrame:
    """Several correlations under each other: index label; columns rho, from, to (the interval), n."""
    rows = {
        label: {"rho": found.rho, "from": found.low, "to": found.high, "n": found.n}
        for label, found in correlations.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def _spearman(x: Tensor, y: Tensor) -> float:
    if len(x) < 2 or bool((x == x[0]).all()) or bool((y == y[0]).all()):
        return math.nan
    return float(stats.spearmanr(x.numpy(), y.numpy()).statistic)
