"""Shapley values: games with known answers, the axioms, and all permutations as a reference."""

from __future__ import annotations

from itertools import permutations

import pytest
import torch

from whyreid.truth.shapley import plan_coalitions, shapley_contributions


def random_game(players: int, seed: int = 0):
    """Any game: a random value for each coalition; and how often each coalition was asked for."""
    table = torch.rand(2**players, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    asked: list[int] = []

    def value(members):
        numbers = (members.long() * 2 ** torch.arange(players)).sum(dim=1)
        asked.extend(numbers.tolist())
        return table[numbers]

    return value, table, asked


def shapley_reference(table: torch.Tensor, players: int) -> list[float]:
    """The mean gain of each player over every order of joining, one by one."""
    total = [0.0] * players
    orders = list(permutations(range(players)))
    for order in orders:
        coalition = 0
        for player in order:
            total[player] += float(table[coalition | 1 << player] - table[coalition])
            coalition |= 1 << player
    return [value / len(orders) for value in total]


def test_gloves_by_hand():
    # one left glove (player 0), two right ones; a pair is worth 1. Of the six orders the left glove's owner completes
    # the pair in four (unless he comes first), each right one in one: 4/6, 1/6, 1/6
    found = shapley_contributions(lambda m: (m[:, 0] & m[:, 1:].any(dim=1)).double(), 3)
    assert found.values.tolist() == pytest.approx([4 / 6, 1 / 6, 1 / 6])
    assert found.standard_errors.tolist() == [0, 0, 0]


@pytest.mark.parametrize("players", [1, 2, 3, 4, 6])
def test_exact_values_are_the_mean_over_all_permutations(players):
    value, table, _ = random_game(players)
    assert shapley_contributions(value, players).values.tolist() == pytest.approx(shapley_reference(table, players))


@pytest.mark.parametrize("samples", [None, 5])
def test_values_add_up_to_what_all_are_worth_more_than_none(samples, generator):
    value, table, _ = random_game(5)
    found = shapley_contributions(value, 5, samples=samples, generator=generator)
    assert found.values.sum().item() == pytest.approx(float(table[-1] - table[0]))


@pytest.mark.parametrize("samples", [None, 40])
def test_each_coalition_is_valued_once(samples, generator):
    value, _, asked = random_game(4)
    shapley_contributions(value, 4, samples=samples, generator=generator)
    assert len(asked) == len(set(asked)) <= 16


@pytest.mark.parametrize("samples", [None, 3])
def test_an_additive_game_gives_everybody_their_own_worth(samples, generator):
    worth = torch.tensor([1.0, -2.0, 0.5, 4.0], dtype=torch.float64)
    found = shapley_contributions(lambda m: 7 + m.double() @ worth, 4, samples=samples, generator=generator)
    assert found.values.tolist() == pytest.approx(worth.tolist())
    assert found.standard_errors.tolist() == pytest.approx([0, 0, 0, 0], abs=1e-12)


def test_equal_players_get_the_same_and_one_who_adds_nothing_gets_nothing():
    found = shapley_contributions(lambda m: m[:, :3].sum(dim=1).double().square(), 4)
    assert found.values.tolist() == pytest.approx([3, 3, 3, 0])


def test_the_values_of_a_sum_of_games_are_the_sums_of_their_values():
    (one, _, _), (other, _, _) = random_game(4, 1), random_game(4, 2)
    both = shapley_contributions(lambda m: one(m) + 3 * other(m), 4).values
    apart = shapley_contributions(one, 4).values + 3 * shapley_contributions(other, 4).values
    torch.testing.assert_close(both, apart)


@pytest.mark.parametrize("samples", [None, 6])
def test_several_games_at_once_are_as_one_after_the_other(samples):
    (one, _, _), (other, _, _) = random_game(4, 1), random_game(4, 2)

    def seeded(value):
        return shapley_contributions(value, 4, samples=samples, generator=torch.Generator().manual_seed(3))

    both = seeded(lambda m: torch.stack([one(m), other(m)], dim=1))
    for column, game in enumerate((one, other)):
        torch.testing.assert_close(both.values[:, column], seeded(game).values)
        torch.testing.assert_close(both.standard_errors[:, column], seeded(game).standard_errors)


def test_samples_come_close_and_their_standard_errors_say_how_close(generator):
    value, _, _ = random_game(6)
    exact = shapley_contributions(value, 6).values
    few, many = (shapley_contributions(value, 6, samples=n, generator=generator) for n in (100, 1600))
    assert ((many.values - exact).abs() < 4 * many.standard_errors).all()
    ratio = few.standard_errors / many.standard_errors
    assert ((ratio > 3.0) & (ratio < 5.3)).all()  # sixteen times the permutations, a quarter of the error


def test_standard_errors_by_hand():
    # player 0 gains 1 when first, 0 when second; the two permutations are 01 and 10: mean 1/2, sd sqrt(1/2), /sqrt(2)
    plan = plan_coalitions(2, samples=2, generator=torch.Generator().manual_seed(2))
    assert sorted(plan.order.tolist()) == [[0, 1], [1, 0]]
    found = plan.shapley(plan.members.any(dim=1).double())
    assert found.values.tolist() == [0.5, 0.5]
    assert found.standard_errors.tolist() == pytest.approx([0.5, 0.5])


def test_one_permutation_has_no_standard_error(generator):
    assert (
        shapley_contributions(lambda m: m.sum(1).float(), 3, samples=1, generator=generator)
        .standard_errors.isnan()
        .all()
    )


def test_the_same_seed_draws_the_same_permutations():
    value, _, _ = random_game(5)
    one, same, other = (
        shapley_contributions(value, 5, samples=4, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(one.values, same.values)
    assert not torch.equal(one.values, other.values)


@pytest.mark.parametrize("samples", [None, 9])
def test_a_plan_starts_with_nobody_and_ends_with_everybody(samples, generator):
    members = plan_coalitions(5, samples=samples, generator=generator).members
    assert not members[0].any()
    assert members[-1].all()
    assert len(members.unique(dim=0)) == len(members)


def test_a_game_without_players_has_no_values():
    assert shapley_contributions(lambda m: m.sum(dim=1).double(), 0).values.shape == (0,)


def test_wrong_games_are_refused(generator):
    with pytest.raises(ValueError, match=r"at most 16 for exact values, got 17; give samples"):
        shapley_contributions(lambda m: m.sum(1).float(), 17)
    with pytest.raises(ValueError, match=r"samples must be at least 1 and come with a generator"):
        shapley_contributions(lambda m: m.sum(1).float(), 3, samples=0, generator=generator)
    with pytest.raises(ValueError, match=r"come with a generator, got 4 and None"):
        shapley_contributions(lambda m: m.sum(1).float(), 3, samples=4)
    with pytest.raises(ValueError, match=r"values must be \[8\], one a coalition, got \[3\]"):
        shapley_contributions(lambda m: torch.zeros(3), 3)
    with pytest.raises(ValueError, match=r"values must be finite"):
        shapley_contributions(lambda m: m.sum(1).float() / 0, 2)
    with pytest.raises(TypeError, match=r"value\(members\) must be a torch.Tensor, got a numpy array"):
        shapley_contributions(lambda m: m.sum(1).numpy(), 2)
    with pytest.raises(ValueError, match=r"num_players must be at least 0"):
        shapley_contributions(lambda m: m.sum(1).float(), -1)
