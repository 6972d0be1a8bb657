from __future__ import annotations

import pytest
import torch

from whyreid.explain import (
    conjunction_gain,
    neuron_attribute_correlation,
    neuron_attribute_table,
    strongest_attributes,
    unit_attribute_vectors,
)

NAMES = ["hat", "bag", "dress"]


def test_table_counts_the_strongest_attribute_of_each_neuron():
    # columns: hat .9; dress .5 (not bag, whose -2 is larger only without its sign); bag; bag; dress
    weight = torch.tensor([[0.9, 0.1, 0.2, 0.0, -3.0], [0.2, -2.0, 0.8, 0.1, -2.0], [0.1, 0.5, 0.7, -0.5, -1.0]])
    table = neuron_attribute_table(weight, NAMES, torch.tensor([0.1, 0.3, 0.05]))
    assert table.columns.tolist() == ["attribute", "top1", "positive_ratio"]
    assert table["attribute"].tolist() == ["bag", "dress", "hat"]
    assert table["top1"].tolist() == [2, 2, 1]
    assert table["positive_ratio"].tolist() == pytest.approx([0.3, 0.05, 0.1])


def test_counts_add_up_to_the_neurons_except_dead_ones(generator):
    weight = torch.randn(3, 50, generator=generator)
    assert neuron_attribute_table(weight, NAMES, torch.ones(3))["top1"].sum() == 50
    weight[:, :4] = 0
    assert neuron_attribute_table(weight, NAMES, torch.ones(3))["top1"].sum() == 46


def test_long_vector_wins_neurons_until_lengths_are_equal(generator):
    weight = torch.randn(3, 3000, generator=generator) * torch.tensor([[5.0], [1.0], [1.0]])
    raw = neuron_attribute_table(weight, NAMES, torch.ones(3)).set_index("attribute")["top1"]
    unit = neuron_attribute_table(unit_attribute_vectors(weight), NAMES, torch.ones(3)).set_index("attribute")["top1"]
    assert raw["hat"] > 1.25 * raw[["bag", "dress"]].max()
    assert unit["hat"] == pytest.approx(1000, abs=100)


def test_correlation_equals_the_textbook(generator):
    embeddings = torch.randn(60, 5, generator=generator, dtype=torch.float64) + 100
    attributes = torch.rand(60, 3, generator=generator) < 0.4
    known = torch.rand(60, 3, generator=generator) < 0.8
    found = neuron_attribute_correlation(embeddings, attributes, known=known)
    for a in range(3):
        for d in range(5):
            pair = torch.stack([attributes[known[:, a], a].double(), embeddings[known[:, a], d]])
            assert found[a, d].item() == pytest.approx(torch.corrcoef(pair)[0, 1].item(), abs=1e-10)


def test_correlation_with_what_does_not_vary_is_zero():
    embeddings = torch.tensor([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]])
    attributes = torch.tensor([[True, True], [False, True], [True, True]])
    found = neuron_attribute_correlation(embeddings, attributes)
    assert found[1].tolist() == [0.0, 0.0]
    assert found[:, 1].tolist() == [0.0, 0.0]
    nothing_known = neuron_attribute_correlation(embeddings, attributes, known=torch.zeros(3, 2, dtype=torch.bool))
    assert (nothing_known == 0).all()


def test_strongest_and_weakest_attributes_of_a_neuron():
    weight = torch.tensor([[0.3], [-0.9], [0.7], [0.0]])
    table = strongest_attributes(weight, ["a", "b", "c", "d"], 0, count=1)
    assert table["attribute"].tolist() == ["c", "b"]
    assert table["weight"].tolist() == pytest.approx([0.7, -0.9])


def test_planted_conjunction_is_found_and_planted_single_is_not(generator):
    attributes = torch.rand(400, 3, generator=generator) < 0.5
    noise = 0.3 * torch.randn(400, 2, generator=generator)
    signal = torch.stack([attributes[:, 0] & attributes[:, 1], attributes[:, 2]], dim=1)
    weight = torch.tensor([[0.6, 0.1], [0.5, 0.2], [0.0, 0.9]])
    table = conjunction_gain(weight, signal.float() + noise, attributes, NAMES)
    assert table.loc[0, ["first", "second"]].tolist() == ["hat", "bag"]
    assert table.loc[0, "gain"] > 0.2
    assert table.loc[1, "first"] == "dress"
    assert table.loc[1, "gain"] < -0.1


def test_rare_conjunction_is_not_judged():
    attributes = torch.zeros(50, 3, dtype=torch.bool)
    attributes[:9, :2] = True
    table = conjunction_gain(torch.tensor([[1.0], [0.9], [0.0]]), torch.rand(50, 1), attributes, NAMES, fewest=10)
    assert table.loc[0, ["single", "both", "gain"]].isna().all()


def test_wrong_inputs_are_refused():
    with pytest.raises(TypeError, match=r"torch.from_numpy\(weight\)"):
        neuron_attribute_table(torch.ones(3, 4).numpy(), NAMES, torch.ones(3))
    with pytest.raises(ValueError, match=r"weight must be \[3, D\].*got \[4, 3\]; transpose"):
        neuron_attribute_table(torch.ones(4, 3), NAMES, torch.ones(3))
    with pytest.raises(ValueError, match=r"positive_ratio must be \[3\]"):
        neuron_attribute_table(torch.ones(3, 4), NAMES, torch.ones(4))
    with pytest.raises(ValueError, match=r"weight must be finite"):
        neuron_attribute_table(torch.full((3, 4), float("nan")), NAMES, torch.ones(3))
    with pytest.raises(ValueError, match=r"neuron must be in 0..3, got 4"):
        strongest_attributes(torch.ones(3, 4), NAMES, 4, count=1)
    with pytest.raises(ValueError, match=r"count must be in 1..1 for 3 attributes, got 2"):
        strongest_attributes(torch.ones(3, 4), NAMES, 0, count=2)
    with pytest.raises(ValueError, match=r"one row a picture in both, got \[5, 2\] and \[4, 3\]"):
        neuron_attribute_correlation(torch.rand(5, 2), torch.ones(4, 3, dtype=torch.bool))
