"""Scores of explanations against a truth that is written down here."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import spearmanr

from whyreid.explain.pair import PairExplanation
from whyreid.pedestrians import GROUPS
from whyreid.truth.counterfactual_effects import CounterfactualEffects
from whyreid.truth.truth_scores import group_contributions, score_groups, truth_scores


def effects_of(rows: list[dict[str, float]], *, score: float = 10.0, kind: str = "distance") -> CounterfactualEffects:
    truth = torch.full((len(rows), len(GROUPS)), torch.nan, dtype=torch.float64)
    for pair, row in enumerate(rows):
        for group, value in row.items():
            truth[pair, GROUPS.index(group)] = value
    scores = torch.full((len(rows),), score, dtype=torch.float64)
    return CounterfactualEffects(scores, kind, GROUPS, truth, truth * 0, scores - truth.nansum(dim=1))


def contributions_of(rows: list[dict[str, float]]) -> torch.Tensor:
    return effects_of(rows).truth.nan_to_num(0.0)


TRUTH = {"hat": 1.0, "bag": 3.0, "upper colour": -1.0}


def test_scores_by_hand():
    # order: truth bag > hat > colour, said hat > bag > colour: ranks 2 3 1 and 3 2 1, rho = 1 - 6*2/24 = 0.5
    said = contributions_of([{"hat": 4.0, "bag": 2.0, "upper colour": 1.0, "gender": 9.0}])
    found = score_groups(said, effects_of([TRUTH])).means()
    assert found["rank_correlation"] == pytest.approx(0.5)
    assert found["top1"] == 0
    assert found["sign"] == pytest.approx(2 / 3)
    assert found["explained"] == pytest.approx(7 / 10)  # gender does not differ
    assert found["true_explained"] == pytest.approx(3 / 10)
    assert found["error"] == pytest.approx((3 + 1 + 2) / 5)
    # gender first, then hat, bag, colour: precisions 1/2, 2/3, 3/4
    assert found["label_agreement"] == pytest.approx((1 / 2 + 2 / 3 + 3 / 4) / 3)


def test_the_truth_itself_is_scored_full():
    found = score_groups(contributions_of([TRUTH]), effects_of([TRUTH])).means()
    assert found["rank_correlation"] == pytest.approx(1)
    assert (found["top1"], found["sign"], found["error"]) == (1, 1, 0)


def test_an_explanation_that_says_nothing_is_at_chance():
    found = score_groups(torch.ones(1, len(GROUPS)), effects_of([TRUTH])).means()
    assert found["rank_correlation"] == 0
    assert found["top1"] == pytest.approx(1 / 3)
    zero = score_groups(torch.zeros(1, len(GROUPS)), effects_of([TRUTH])).means()
    assert (zero["sign"], zero["error"], zero["explained"]) == (0.5, 1.0, 0.0)


def test_knowing_what_differs_wins_nothing_but_label_agreement():
    labels = score_groups(contributions_of([dict.fromkeys(TRUTH, 1.0)]), effects_of([TRUTH])).means()
    uniform = score_groups(torch.ones(1, len(GROUPS)), effects_of([TRUTH])).means()
    assert labels["label_agreement"] == 1
    assert uniform["label_agreement"] < 0.6
    assert labels["rank_correlation"] == uniform["rank_correlation"]
    assert labels["top1"] == uniform["top1"]


def test_rank_correlation_is_spearmans(generator):
    truth = torch.randn(20, len(GROUPS), generator=generator).double()
    said = torch.randn(20, len(GROUPS), generator=generator).double().round(decimals=0)  # with ties
    hidden = torch.rand(20, len(GROUPS), generator=generator) < 0.4
    effects = effects_of([{}] * 20)
    effects.truth[:] = truth.masked_fill(hidden, torch.nan)
    found = score_groups(said, effects).rank_correlation
    for row in range(20):
        kept = ~hidden[row]
        expected = spearmanr(said[row][kept], truth[row][kept]).statistic
        assert float(found[row]) == pytest.approx(0.0 if math.isnan(expected) else expected)


def test_values_of_groups_that_do_not_differ_change_no_score_of_truth(generator):
    effects = effects_of([TRUTH])
    one = contributions_of([{"hat": 4.0, "bag": 2.0, "upper colour": 1.0}])
    other = one.where(effects.differs, torch.randn(one.shape, generator=generator).double())
    for name, value in score_groups(one, effects).means().items():
        if name != "label_agreement":
            assert score_groups(other, effects).means()[name] == pytest.approx(value)


def test_the_sign_of_a_similarity_is_its_own():
    # a difference that lowers a logit has a negative truth, and so has a good explanation's contribution
    effects = effects_of([{"hat": -2.0, "bag": -1.0, "up": 0.5}], kind="similarity")
    explanation = PairExplanation.from_contributions(
        torch.tensor([10.0]), torch.tensor([[-4.0, -3.0, 1.0]]), kind="similarity", attributes=("hat", "bag", "up")
    )
    assert truth_scores(explanation, effects).means()["rank_correlation"] == pytest.approx(1)


def test_binary_attributes_are_summed_within_their_groups():
    names = ("upred", "upblue", "hat", "upper colour")
    found = group_contributions(torch.tensor([[1.0, 2.0, 4.0, 8.0]]), names, GROUPS)
    assert float(found[0, GROUPS.index("upper colour")]) == 11
    assert float(found[0, GROUPS.index("hat")]) == 4
    assert float(found.sum()) == 15


def test_what_cannot_be_compared_is_refused():
    effects = effects_of([TRUTH])
    maps = PairExplanation(torch.ones(1), "distance", None, torch.ones(1, 1, 2, 2), None, (), torch.ones(1))
    with pytest.raises(ValueError, match=r"must have contributions, got maps only"):
        truth_scores(maps, effects)
    squared = PairExplanation.from_contributions(
        torch.ones(1), torch.ones(1, 1), kind="squared_distance", attributes=("hat",)
    )
    with pytest.raises(ValueError, match=r"of one kind, got 'squared_distance' and 'distance'"):
        truth_scores(squared, effects)
    with pytest.raises(ValueError, match=r"attributes must be names of .* got \['shoes'\]"):
        group_contributions(torch.ones(1, 1), ["shoes"], GROUPS)
    with pytest.raises(ValueError, match=r"contributions must be \[1, 12\], pairs by groups, got \[2, 12\]"):
        score_groups(torch.ones(2, 12), effects)
    with pytest.raises(ValueError, match=r"must be finite"):
        score_groups(torch.full((1, 12), math.nan), effects)
