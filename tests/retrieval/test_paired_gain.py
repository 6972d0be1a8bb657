from __future__ import annotations

import pytest
import torch

from whyreid.retrieval import paired_gain


def test_gain_is_the_mean_difference_over_queries():
    # (0.1 + 0.3 - 0.1) / 3
    found = paired_gain(torch.tensor([0.5, 0.2, 0.6]), torch.tensor([0.6, 0.5, 0.5]), torch.tensor([1, 1, 2]))
    assert found.gain == pytest.approx(0.1)
    assert (found.queries, found.identities) == (3, 2)
    assert found.low <= found.gain <= found.high


def test_interval_equals_that_of_a_loop_over_drawn_persons(generator):
    before, after = torch.rand(2, 30, generator=generator, dtype=torch.float64)
    pids = torch.randint(6, (30,), generator=generator)
    found = paired_gain(before, after, pids, draws=50, seed=3)
    persons = pids.unique()
    drawn = torch.randint(len(persons), (50, len(persons)), generator=torch.Generator().manual_seed(3))
    means = []
    for draw in drawn.tolist():
        gains = torch.cat([(after - before)[pids == persons[person]] for person in draw])
        means.append(gains.mean())
    expected = torch.stack(means).quantile(torch.tensor([0.025, 0.975], dtype=torch.float64))
    assert (found.low, found.high) == pytest.approx(tuple(expected.tolist()))


def test_many_pictures_of_one_person_make_the_interval_no_narrower(generator):
    gains = torch.randn(20, generator=generator) / 10
    once = paired_gain(torch.zeros(20), gains, torch.arange(20))
    copied = paired_gain(torch.zeros(100), gains.repeat_interleave(5), torch.arange(20).repeat_interleave(5))
    assert copied.high - copied.low == pytest.approx(once.high - once.low, rel=1e-6)


def test_wrong_input_is_refused_with_the_fix():
    ones = torch.ones(3)
    with pytest.raises(ValueError, match="the same valid queries of both reports"):
        paired_gain(ones, ones[:2], torch.arange(3))
    with pytest.raises(ValueError, match=r"level must be in \(0, 1\)"):
        paired_gain(ones, ones, torch.arange(3), level=95)
    with pytest.raises(TypeError, match="before"):
        paired_gain([0.1], ones, torch.arange(3))
