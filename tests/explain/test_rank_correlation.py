from __future__ import annotations

import math

import pytest
import torch

from whyreid.explain import correlation_table, rank_correlation


def test_rho_by_hand():
    # ranks 1 2 3 4 5 against 1 2 5 3 4: d = 0 0 2 1 1, 1 - 6 * 6 / (5 * 24) = 0.7
    found = rank_correlation(torch.arange(5.0), torch.tensor([10.0, 20.0, 50.0, 30.0, 40.0]))
    assert found.rho == pytest.approx(0.7)
    assert found.n == 5


def test_interval_by_hand():
    # rho 0.7, n 5: s = sqrt((1 + 0.245) / 2) = 0.78899; artanh 0.7 = 0.86730; half = 1.95996 * 0.78899 = 1.54639
    found = rank_correlation(torch.arange(5.0), torch.tensor([10.0, 20.0, 50.0, 30.0, 40.0]))
    assert found.low == pytest.approx(math.tanh(0.867301 - 1.546391), abs=1e-5)
    assert found.high == pytest.approx(math.tanh(0.867301 + 1.546391), abs=1e-5)


def test_ties_get_their_mean_rank():
    # ranks 1 2.5 2.5 4 against 1 2 3 4: Pearson of the ranks = 4.5 / sqrt(4.5 * 5)
    found = rank_correlation(torch.tensor([0.0, 1.0, 1.0, 2.0]), torch.arange(4.0))
    assert found.rho == pytest.approx(4.5 / math.sqrt(4.5 * 5))


def test_order_is_all_that_counts(generator):
    x, y = torch.randn(40, generator=generator), torch.randn(40, generator=generator)
    assert rank_correlation(x.exp(), y**3).rho == pytest.approx(rank_correlation(x, y).rho)
    assert rank_correlation(-x, y).rho == pytest.approx(-rank_correlation(x, y).rho)


def test_pairs_with_a_nan_are_left_out():
    x = torch.tensor([0.0, 1.0, float("nan"), 2.0, 3.0, 9.0])
    y = torch.tensor([0.0, 1.0, 5.0, 2.0, 3.0, float("nan")])
    found = rank_correlation(x, y)
    assert (found.rho, found.n) == (1.0, 4)
    assert 0.99 < found.low <= found.high <= 1


def test_interval_covers_what_it_should(generator):
    # 95 % intervals of independent pairs contain 0 about 95 times in 100: 500 draws, binomial sd 1 %
    hits = 0
    for _ in range(500):
        found = rank_correlation(torch.randn(20, generator=generator), torch.randn(20, generator=generator))
        hits += found.low <= 0 <= found.high
    assert 0.92 <= hits / 500 <= 0.98


def test_constant_or_short_lists_have_no_answer():
    assert math.isnan(rank_correlation(torch.ones(5), torch.arange(5.0)).rho)
    assert math.isnan(rank_correlation(torch.arange(3.0), torch.arange(3.0)).low)
    assert math.isnan(rank_correlation(torch.zeros(0), torch.zeros(0)).rho)


def test_wrong_inputs_are_refused():
    with pytest.raises(ValueError, match=r"x and y must be \[n\] each, got \[3\] and \[2\]"):
        rank_correlation(torch.ones(3), torch.ones(2))
    with pytest.raises(TypeError, match=r"torch.as_tensor\(y\)"):
        rank_correlation(torch.ones(3), [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"level must be in \(0, 1\), got 95"):
        rank_correlation(torch.ones(3), torch.ones(3), level=95)


def test_table_has_a_row_for_each_correlation():
    found = rank_correlation(torch.arange(5.0), torch.tensor([10.0, 20.0, 50.0, 30.0, 40.0]))
    table = correlation_table({"one": found, "two": found})
    assert table.index.tolist() == ["one", "two"]
    assert table.loc["two"].tolist() == [found.rho, found.low, found.high, 5]
