"""What a change of the ranking gains, and how sure that is: queries of one person are no independent witnesses."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from whyreid.tensor_checks import require_floats, require_tensor


@dataclass(frozen=True)
class PairedGain:
    """Mean gain over queries with its interval.

    Attributes:
        gain: mean over queries of after - before.
        low: lower end of the bootstrap interval.
        high: upper end.
        queries: number of queries.
        identities: number of persons that they show; what is drawn anew.
        level: probability that the interval is meant to cover.
    """

    gain: float
    low: float
    high: float
    queries: int
    identities: int
    level: float

    def __str__(self) -> str:
        return f"{100 * self.gain:+.2f} [{100 * self.low:+.2f}, {100 * self.high:+.2f}]"


def paired_gain(
    before: Tensor, after: Tensor, pids: Tensor, *, draws: int = 2000, seed: int = 0, level: float = 0.95
) -> PairedGain:
    """The mean gain of the same queries under two rankings, with a bootstrap interval over persons.

    Persons are drawn with replacement, each with all queries of it; the interval goes from quantile to quantile of
    the mean gains of the drawn sets.

    Args:
        before: [V] floating point, such as `RankingReport.average_precision`.
        after: [V], of the same queries.
        pids: [V] integers, whom each query shows.
        draws: number of drawn sets.
        seed: of the draws.
        level: in (0, 1).

    Returns:
        The mean of ``after - before``, its interval, and of how many queries and persons.

    Raises:
        TypeError: not tensors.
        ValueError: shapes disagree, no query, or a level outside (0, 1).

    Example:
        >>> before, after = torch.tensor([0.5, 0.5, 0.2]), torch.tensor([0.6, 0.6, 0.3])
        >>> print(paired_gain(before, after, torch.tensor([1, 1, 2])))  # the same gain whoever is drawn
        +10.00 [+10.00, +10.00]
    """
    require_floats("before", before, "[V]")
    require_floats("after", after, "[V]")
    require_tensor("pids", pids, "[V]")
    if before.shape != after.shape or before.shape != pids.shape or len(pids) == 0:
        raise ValueError(
            f"before, after and pids must be [V] with the same V >= 1, got {list(before.shape)}, {list(after.shape)} "
            f"and {list(pids.shape)}; take the same valid queries of both reports."
        )
    if not 0 < level < 1:
        raise ValueError(f"level must be in (0, 1), got {level}; 0.95 is usual.")
    gains = after.double() - before.double()
    persons, place = pids.unique(return_inverse=True)
    sums = torch.zeros(len(persons), dtype=torch.float64).scatter_add_(0, place, gains)
    counts = torch.bincount(place).double()
    drawn = torch.randint(len(persons), (draws, len(persons)), generator=torch.Generator().manual_seed(seed))
    means = sums[drawn].sum(dim=1) / counts[drawn].sum(dim=1)
    ends = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)
    low, high = means.quantile(ends).tolist()
    return PairedGain(float(gains.mean()), low, high, len(gains), len(persons), level)
