"""What each player adds to a game: Shapley values, exact for few players, from sampled permutations beyond."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from whyreid.tensor_checks import require_tensor

MOST_EXACT_PLAYERS = 16


@dataclass(frozen=True, eq=False)
class Shapley:
    """Shapley values of n players.

    Attributes:
        values: [n] float64 (or [n, K] for K games of the same players), in units of the game; they add up to the
            value of all players minus the value of none, exactly and from samples alike.
        standard_errors: the same shape; 0 where the values are exact, NaN for a single permutation.
    """

    values: Tensor
    standard_errors: Tensor


@dataclass(frozen=True, eq=False)
class CoalitionPlan:
    """Which coalitions have to be valued, each once, and how Shapley values follow from their values.

    Attributes:
        members: [S, n] bool, distinct; the first row is the empty coalition, the last one holds everybody.
        steps: [T, n + 1] rows of ``members`` that T permutations walk through, from nobody to everybody; None when
            ``members`` are all 2 ** n coalitions, in the order of binary numbers (player 0 is the lowest bit).
        order: [T, n] the player who joins at each step; None likewise.
    """

    members: Tensor
    steps: Tensor | None = None
    order: Tensor | None = None

    @property
    def num_players(self) -> int:
        """How many players the game has."""
        return self.members.shape[1]

    def shapley(self, values: Tensor) -> Shapley:
        """Shapley values from the values of the coalitions.

        Args:
            values: [S], or [S, K] for K games at once, as ``members`` are ordered.

        Returns:
            See `Shapley`, on the CPU in float64.

        Raises:
            TypeError: not a tensor.
            ValueError: another number of values than coalitions, or values that are not finite.
        """
        game = require_tensor("values", values).detach().double().cpu()
        if game.ndim not in (1, 2) or len(game) != len(self.members):
            raise ValueError(f"values must be [{len(self.members)}], one a coalition, got {list(game.shape)}.")
        if not bool(game.isfinite().all()):
            raise ValueError("values must be finite, got NaN or infinity; look for a division by zero in the game.")
        if self.steps is None or self.order is None:
            return _exact(game, self.num_players)
        return _from_permutations(game, self.steps, self.order)


def shapley_contributions(
    value: Callable[[Tensor], Tensor],
    num_players: int,
    *,
    samples: int | None = None,
    generator: torch.Generator | None = None,
) -> Shapley:
    """How much each player adds to the value of all, averaged over all orders in which they may join.

    Args:
        value: maps coalitions [S, n] bool to their values [S] (or [S, K]). It is called once, with distinct coalitions;
            it may work through them in chunks.
        num_players: n >= 0.
        samples: None = exact, over all 2 ** n coalitions; else the number of random permutations.
        generator: of the permutations, on the CPU; needed with ``samples``.

    Returns:
        See `Shapley`.

    Raises:
        TypeError: ``value`` returns no tensor.
        ValueError: too many players for the exact form, fewer than one sample, no generator, or values of the wrong
            shape or not finite.

    Cost: exact 2 ** n values; else at most ``samples`` * (n - 1) + 2.

    Example:
        >>> glove_game = lambda members: (members[:, 0] & members[:, 1:].any(dim=1)).float()  # left, right, right
        >>> shapley_contributions(glove_game, 3).values
        tensor([0.6667, 0.1667, 0.1667], dtype=torch.float64)

    References:
        Shapley. A value for n-person games. Contributions to the Theory of Games II (1953) 307-317.
        Castro, Gomez, Tejada. Polynomial calculation of the Shapley value based on sampling. Computers & Operations
        Research 36 (2009) 1726-1730, for the sampled form.
    """
    plan = plan_coalitions(num_players, samples=samples, generator=generator)
    return plan.shapley(require_tensor("value(members)", value(plan.members)))


def plan_coalitions(
    num_players: int, *, samples: int | None = None, generator: torch.Generator | None = None
) -> CoalitionPlan:
    """The coalitions that `shapley_contributions` would value, for games whose values are made elsewhere or together.

    Args:
        num_players: n >= 0.
        samples: None = all 2 ** n; else those on the way of so many random permutations.
        generator: of the permutations.

    Returns:
        Who is in each coalition, and how the values become Shapley values.

    Raises:
        ValueError: as `shapley_contributions`.
    """
    if num_players < 0:
        raise ValueError(f"num_players must be at least 0, got {num_players}.")
    if samples is None:
        if num_players > MOST_EXACT_PLAYERS:
            raise ValueError(
                f"num_players must be at most {MOST_EXACT_PLAYERS} for exact values, got {num_players}; give samples."
            )
        numbers = torch.arange(2**num_players)
        return CoalitionPlan(numbers[:, None].bitwise_right_shift(torch.arange(num_players)).bitwise_and(1).bool())
    if samples < 1 or generator is None:
        raise ValueError(f"samples must be at least 1 and come with a generator, got {samples} and {generator}.")
    order = torch.stack([torch.randperm(num_players, generator=generator) for _ in range(samples)])
    return _sampled_plan(order)


def _sampled_plan(order: Tensor) -> CoalitionPlan:
    """The distinct coalitions on the way of permutations [T, n]: nobody first, everybody last."""
    samples, players = order.shape
    joined = torch.nn.functional.one_hot(order, players).cumsum(dim=1).bool()
    path = torch.cat([torch.zeros(samples, 1, players, dtype=torch.bool), joined], dim=1)
    members, steps = path.flatten(0, 1).unique(dim=0, return_inverse=True)
    by_size = members.sum(dim=1).argsort(stable=True)
    place = torch.empty_like(by_size).scatter_(0, by_size, torch.arange(len(by_size)))
    return CoalitionPlan(members[by_size], place[steps].view(samples, players + 1), order)


def _exact(game: Tensor, players: int) -> Shapley:
    """Each player's gains over all coalitions without it, weighted |S|! (n - |S| - 1)! / n!."""
    numbers = torch.arange(len(game))
    size = numbers[:, None].bitwise_right_shift(torch.arange(max(players, 1))).bitwise_and(1).sum(dim=1)
    values = game.new_zeros(players, *game.shape[1:])
    weight = torch.tensor([1 / (players * math.comb(players - 1, k)) for k in range(players)], dtype=torch.float64)
    for player in range(players):
        without = numbers[numbers.bitwise_and(1 << player) == 0]
        gains = game[without + (1 << player)] - game[without]
        values[player] = torch.tensordot(weight[size[without]], gains, dims=1)
    return Shapley(values, torch.zeros_like(values))


def _from_permutations(game: Tensor, steps: Tensor, order: Tensor) -> Shapley:
    """Mean and standard error of each player's gains over permutations."""
    values = game[steps]
    gains = values[:, 1:] - values[:, :-1]
    place = order.argsort(dim=1)
    if game.ndim == 2:
        place = place[..., None].expand(-1, -1, game.shape[1])
    of_player = gains.gather(1, place)
    errors = of_player.std(dim=0) / math.sqrt(len(order)) if len(order) > 1 else torch.full_like(of_player[0], math.nan)
    return Shapley(of_player.mean(dim=0), errors)
