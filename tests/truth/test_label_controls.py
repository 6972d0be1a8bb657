from __future__ import annotations

import numpy as np
import pytest
import torch

from whyreid.data import load_attribute_mat
from whyreid.truth import (
    attribute_agreement,
    disagreement_rate,
    fixed_order_agreement,
    query_prior_agreement,
    random_order_agreement,
)

MEASURES = ("exclusive_map", "common_map", "exclusive_precision", "common_precision")


def labels(generator, rows, attributes=5):
    return torch.rand(rows, attributes, generator=generator) < torch.linspace(0.1, 0.7, attributes)


def assert_same(found, other):
    for name in MEASURES:
        assert getattr(found, name) == pytest.approx(getattr(other, name), abs=1e-6), name
    for name in ("exclusive_by_attribute", "common_by_attribute"):
        torch.testing.assert_close(getattr(found, name), getattr(other, name), rtol=0, atol=1e-6, equal_nan=True)
    assert found.num_pairs == other.num_pairs


def test_random_order_is_the_mean_of_many_random_explanations(generator):
    query, gallery = labels(generator, 6), labels(generator, 7)
    exact = random_order_agreement(query, gallery)
    draws = [attribute_agreement(torch.rand(6, 7, 5, generator=generator), query, gallery) for _ in range(300)]
    for name in MEASURES:
        assert getattr(exact, name) == pytest.approx(np.mean([getattr(draw, name) for draw in draws]), abs=0.01), name


def test_uniform_explanation_scores_as_random_order_does(generator):
    query, gallery = labels(generator, 6), labels(generator, 7)
    assert_same(attribute_agreement(torch.full((6, 7, 5), 0.3), query, gallery), random_order_agreement(query, gallery))


def test_fixed_order_equals_the_same_contributions_for_every_pair(generator):
    query, gallery = labels(generator, 30), labels(generator, 40)  # many equal rows
    contributions = torch.rand(5, generator=generator)
    expected = attribute_agreement(contributions.expand(30, 40, 5), query, gallery)
    assert_same(fixed_order_agreement(contributions, query, gallery), expected)


@pytest.mark.parametrize("kind", ["labels", "probabilities"])
def test_query_prior_equals_the_probability_of_a_difference(kind, generator):
    query, gallery = labels(generator, 30), labels(generator, 40)
    x = query if kind == "labels" else torch.rand(30, 5, generator=generator)
    ratio = torch.tensor([0.1, 0.25, 0.4, 0.55, 0.7])
    contributions = torch.zeros(30, 40, 5, dtype=torch.float64)
    for q in range(30):
        for k in range(5):
            has = float(x[q, k])
            contributions[q, :, k] = has * (1 - ratio[k].item()) + (1 - has) * ratio[k].item()
    expected = attribute_agreement(contributions, query, gallery)
    assert_same(query_prior_agreement(x, ratio, query, gallery), expected)


def test_hand_worked_prior():
    # The query has the rare attribute 0 (p = 0.1) and not 1 (p = 0.5): scores 0.9, 0.5. Only 1 differs: second, AP 1/2.
    query, gallery = torch.tensor([[True, False]]), torch.tensor([[True, True]])
    found = query_prior_agreement(query, torch.tensor([0.1, 0.5]), query, gallery)
    assert (found.exclusive_map, found.common_map) == (0.5, 0.5)


def test_knowing_the_query_beats_one_order_and_one_order_beats_chance(generator):
    train, test = labels(generator, 400, attributes=12), labels(generator, 200, attributes=12)
    chance = random_order_agreement(test, test)
    order = fixed_order_agreement(disagreement_rate(train), test, test)
    prior = query_prior_agreement(test, train.double().mean(dim=0), test, test)
    assert chance.exclusive_map < order.exclusive_map < prior.exclusive_map
    assert chance.common_map < order.common_map < prior.common_map


def test_disagreement_rate_is_how_often_two_draws_differ():
    people = torch.tensor([[True], [False], [False], [False]])
    assert disagreement_rate(people).tolist() == [2 * 0.25 * 0.75]


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("market", {"random": (30.8, 80.7), "order": (51.4, 92.3), "prior": (72.8, 95.6), "precision": (62.2, 90.2)}),
        ("duke", {"random": (31.3, 81.3), "order": (54.3, 93.2), "prior": (73.6, 96.2), "precision": (62.9, 90.9)}),
    ],
)
def test_controls_on_the_real_annotations_reach_what_was_measured_on_random_pairs(real_data, name, rows):
    """The rows were measured on 200,000 random pairs of test identities: 0.15 points is their sampling error."""
    table = load_attribute_mat(real_data / f"{name}_attribute.mat")
    columns = [column for column in table.columns if column != "split" and not column.startswith("age")]
    people = {
        split: torch.from_numpy(table.loc[table["split"] == split, columns].fillna(0).to_numpy(dtype="int64")) > 0
        for split in ("train", "test")
    }
    train, test = people["train"], people["test"]
    prior = query_prior_agreement(test, train.double().mean(dim=0), test, test)
    found = {
        "random": random_order_agreement(test, test),
        "order": fixed_order_agreement(disagreement_rate(train), test, test),
        "prior": prior,
    }
    for control, agreement in found.items():
        values = (100 * agreement.exclusive_map, 100 * agreement.common_map)
        assert values == pytest.approx(rows[control], abs=0.15), control
    precisions = (100 * prior.exclusive_precision, 100 * prior.common_precision)
    assert precisions == pytest.approx(rows["precision"], abs=0.15)


def test_wrong_input_is_refused_with_the_fix():
    people = torch.ones(2, 3) > 0
    with pytest.raises(TypeError, match=r"torch\.from_numpy\(query_attributes\)"):
        random_order_agreement(np.ones((2, 3), bool), people)
    with pytest.raises(TypeError, match="gallery_attributes > 0"):
        random_order_agreement(people, torch.ones(2, 3))
    with pytest.raises(ValueError, match="one value for each of 3 attributes, got 4"):
        fixed_order_agreement(torch.rand(4), people, people)
    with pytest.raises(ValueError, match=r"query_probabilities must be \[2, 3\]"):
        query_prior_agreement(torch.rand(5, 3), torch.rand(3), people, people)
    with pytest.raises(ValueError, match=r"must lie in 0\.\.1"):
        query_prior_agreement(torch.full((2, 3), 4.0), torch.rand(3), people, people)
    with pytest.raises(ValueError, match="there must be queries"):
        random_order_agreement(people[:0], people)
