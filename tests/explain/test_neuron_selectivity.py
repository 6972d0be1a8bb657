from __future__ import annotations

import pytest
import torch
from scipy.stats import binom

from whyreid.explain import neuron_selectivity, random_rotation, strongest_pictures

PERSONS, PICTURES = 40, 6


def pictures(generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """40 persons with 6 pictures each; the first 10 wear a hat, the even ones carry a bag."""
    pids = torch.arange(100, 100 + PERSONS).repeat_interleave(PICTURES)
    person = pids - 100
    return pids, torch.stack([person < 10, person % 2 == 0], dim=1)


def test_strongest_pictures_are_in_order_and_ties_in_row_order():
    embeddings = torch.tensor([[1.0, 5.0], [3.0, 5.0], [2.0, 9.0]])
    assert strongest_pictures(embeddings, count=2).tolist() == [[1, 2], [2, 0]]


def test_planted_person_attribute_and_noise_are_told_apart(generator):
    pids, attributes = pictures(generator)
    embeddings = torch.randn(len(pids), 3, generator=generator) * 0.1
    embeddings[pids == 117, 0] += 5
    embeddings[attributes[:, 0], 1] += 5
    table = neuron_selectivity(embeddings, pids, attributes, names=["hat", "bag"], count=10)
    assert table["kind"].tolist() == ["person", "attribute", "neither"]
    assert table.loc[0, ["person", "person_share"]].tolist() == [117, 0.6]
    assert table.loc[1, "attribute"] == "hat"
    assert table.loc[1, ["attribute_share", "base_share"]].tolist() == [1.0, 0.25]


def test_absence_is_an_attribute_value_too(generator):
    pids, attributes = pictures(generator)
    embeddings = torch.randn(len(pids), 1, generator=generator) * 0.1
    embeddings[~attributes[:, 1], 0] += 5
    table = neuron_selectivity(embeddings, pids, attributes, names=["hat", "bag"], count=20)
    assert table.loc[0, "attribute"] == "!bag"


def test_p_value_counts_persons_and_corrects_for_all_values(generator):
    pids, attributes = pictures(generator)
    embeddings = torch.zeros(len(pids), 1)
    chosen = [0, 6, 12, 18, 24, 25]  # pictures of persons 0 to 4 (twice of the last): five persons, all with a hat
    embeddings[chosen, 0] = torch.arange(10.0, 4.0, -1.0)
    row = neuron_selectivity(embeddings, pids, attributes, names=["hat", "bag"], count=6).loc[0]
    assert row["persons"] == 5
    # five of five where one in four has it: 0.25^5, times the 4 values tried
    assert row["p_value"] == pytest.approx(binom.sf(4, 5, 0.25) * 4)
    assert row["p_value"] == pytest.approx(4 * 0.25**5)


def test_random_neurons_rarely_pass_the_test(generator):
    pids, attributes = pictures(generator)
    embeddings = torch.randn(len(pids), 400, generator=generator)
    table = neuron_selectivity(embeddings, pids, attributes, names=["hat", "bag"], count=10)
    assert (table["kind"] == "attribute").mean() <= 0.05


def test_what_everybody_has_tells_nothing(generator):
    pids, attributes = pictures(generator)
    attributes = torch.ones_like(attributes)
    table = neuron_selectivity(torch.randn(len(pids), 3, generator=generator), pids, attributes, names=["a", "b"])
    assert (table["p_value"] == 1).all()


def test_order_of_pictures_does_not_matter(generator):
    pids, attributes = pictures(generator)
    embeddings = torch.randn(len(pids), 4, generator=generator)
    order = torch.randperm(len(pids), generator=generator)
    one = neuron_selectivity(embeddings, pids, attributes, names=["hat", "bag"])
    two = neuron_selectivity(embeddings[order], pids[order], attributes[order], names=["hat", "bag"])
    assert one.drop(columns="person").equals(two.drop(columns="person"))


def test_rotation_keeps_distances_and_is_seeded():
    turn = random_rotation(7, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(turn @ turn.T, torch.eye(7, dtype=torch.float64))
    assert torch.equal(turn, random_rotation(7, generator=torch.Generator().manual_seed(3)))


def test_wrong_inputs_are_refused(generator):
    pids, attributes = pictures(generator)
    embeddings = torch.randn(len(pids), 2, generator=generator)
    with pytest.raises(ValueError, match=r"embeddings must be \[N, D\] with N >= count = 500"):
        strongest_pictures(embeddings, count=500)
    with pytest.raises(ValueError, match=r"pids must be \[240\].*got \[239\]"):
        neuron_selectivity(embeddings, pids[1:], attributes, names=["hat", "bag"])
    attributes[0, 0] = False
    with pytest.raises(ValueError, match=r"same on all pictures of a person"):
        neuron_selectivity(embeddings, pids, attributes, names=["hat", "bag"])
