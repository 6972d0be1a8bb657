"""Intervals over look-alike families, and p-values of many tests."""

from __future__ import annotations

import math

import pytest
import torch

from whyreid.truth.family_bootstrap import bootstrap_p_values, family_bootstrap, holm


def test_the_mean_is_the_plain_mean_and_lies_in_its_interval(generator):
    values = torch.randn(50, 2, generator=generator).double()
    families = torch.randint(20, (50, 2), generator=generator)
    found = family_bootstrap(values, families)
    torch.testing.assert_close(found.mean, values.mean(dim=0))
    assert (found.low < found.mean).all()
    assert (found.mean < found.high).all()


def test_a_missing_value_does_not_count():
    values = torch.tensor([[1.0, math.nan], [3.0, 5.0]])
    found = family_bootstrap(values, torch.tensor([[1, 2], [3, 4]]))
    assert found.mean.tolist() == [2.0, 5.0]
    assert found.low[1] == found.high[1] == 5.0


def test_a_pair_counts_as_often_as_the_product_of_its_families():
    # two families: drawn twice are (1,1), (1,2), (2,1), (2,2). The pair (1,2) of value 0 counts only in the middle two,
    # the pair (1,1) of value 1 counts 2, 1, 1, 0 times: means 1, 1/2, 1/2 and none
    draws = family_bootstrap(torch.tensor([[0.0], [1.0]]), torch.tensor([[1, 2], [1, 1]]), draws=400).draws[:, 0]
    assert set(draws[draws.isfinite()].tolist()) == {0.5, 1.0}
    assert 0.15 < draws.isnan().double().mean() < 0.35


def test_pairs_of_one_family_are_fewer_witnesses_than_pairs_of_many(generator):
    values = torch.randn(60, 1, generator=generator).double()
    many = family_bootstrap(values, torch.arange(120).view(60, 2))
    few = family_bootstrap(
        values + torch.arange(60).view(60, 1) // 20, torch.arange(60).view(60, 1).expand(-1, 2) // 20
    )
    assert (few.high - few.low) > (many.high - many.low)


def test_p_value_of_a_clear_and_of_no_difference(generator):
    noise = torch.randn(80, generator=generator).double()
    values = torch.stack([noise - noise.mean(), noise + 3], dim=1)
    p = bootstrap_p_values(family_bootstrap(values, torch.arange(160).view(80, 2), draws=999))
    assert p[0] > 0.5
    assert p[1] == pytest.approx(2 / 1000)


def test_holm_by_hand():
    # sorted .01 .02 .04 times 3 2 1 = .03 .04 .04
    assert holm(torch.tensor([0.04, 0.01, 0.02])).tolist() == pytest.approx([0.04, 0.03, 0.04])
    assert holm(torch.tensor([0.9, 0.8])).tolist() == [1.0, 1.0]
    assert holm(torch.tensor([])).shape == (0,)


def test_the_seed_decides_the_draws(generator):
    values, families = torch.randn(10, 1, generator=generator), torch.arange(20).view(10, 2)
    one, same, other = (family_bootstrap(values, families, seed=seed, draws=50) for seed in (0, 0, 1))
    assert torch.equal(one.draws, same.draws)
    assert not torch.equal(one.draws, other.draws)


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match=r"families must be \[3, 2\], two a pair, got \[2, 2\]"):
        family_bootstrap(torch.zeros(3, 1), torch.zeros(2, 2).long())
    with pytest.raises(ValueError, match=r"level must be in \(0, 1\)"):
        family_bootstrap(torch.zeros(3, 1), torch.zeros(3, 2).long(), level=1.0)
    with pytest.raises(TypeError, match=r"values must be a torch.Tensor"):
        family_bootstrap([[1.0]], torch.zeros(1, 2).long())
