"""An explainer that says the same of every pair is its own average; one that knows the pair is more than that."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

import pytest
import torch

from whyreid.explain import PairExplanation
from whyreid.pedestrians import GROUPS
from whyreid.study.own_average import averaged_over_others, own_average_table
from whyreid.study.truth_explainers import Explained
from whyreid.study.truth_steps import TrueEffects
from whyreid.truth import CounterfactualEffects


@pytest.fixture
def effects():
    """Six pairs that differ in four groups; what matters most is another group each time."""
    truth = torch.full((6, len(GROUPS)), torch.nan, dtype=torch.float64)
    for pair in range(6):
        truth[pair, :4] = torch.roll(torch.tensor([0.4, 0.3, 0.2, 0.1], dtype=torch.float64), pair)
    score = torch.full((6,), 2.0, dtype=torch.float64)
    found = CounterfactualEffects(score, "distance", GROUPS, truth, truth * 0, score - truth.nansum(dim=1))
    return TrueEffects(None, Path(), MappingProxyType({"distance": found}), torch.ones(len(GROUPS)))


def says(effects, contributions, name, source="explainer"):
    score = effects.of["distance"].score
    explanation = PairExplanation.from_contributions(score, contributions, kind="distance", attributes=GROUPS)
    return Explained(name, source, False, explanation, 0.0)


def test_the_average_is_over_the_other_pairs_in_which_the_group_differs():
    shares = torch.tensor([[1.0, 5.0], [2.0, 7.0], [6.0, 0.0]])
    differs = torch.tensor([[True, True], [True, False], [True, False]])
    expected = torch.tensor([[4.0, 0.0], [3.5, 5.0], [1.5, 5.0]])  # (2+6)/2, nobody else; (1+6)/2, 5; (1+2)/2, 5
    torch.testing.assert_close(averaged_over_others(shares, differs), expected)


def test_who_knows_the_pair_gains_by_it_and_who_does_not_gains_nothing(effects):
    knows = says(effects, effects.of["distance"].truth.nan_to_num(0.0), "knows")
    same = says(effects, torch.arange(12.0).double().expand(6, -1), "same")
    table = own_average_table([knows, same, says(effects, torch.rand(6, 12).double(), "control", "control")], effects)
    assert list(table.index) == ["knows", "same"]
    assert table.loc["knows", "as it is"] == pytest.approx(1)
    assert table.loc["knows", "the pair adds"] > 0.5
    assert table.loc["same", "the pair adds"] == pytest.approx(0)
    assert table.loc["same", "as it is"] == table.loc["same", "its average order"]
