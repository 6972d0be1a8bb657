"""The networks that the study trains, by name."""

from __future__ import annotations

import pytest
import torch

from whyreid.study.networks import NETWORKS, new_network


@pytest.mark.parametrize("name", ["thin", "thin-ibn"])
def test_thin_networks_stay_below_a_million_parameters(name):
    model = new_network(name, seed=0)
    assert sum(parameter.numel() for parameter in model.parameters()) < 1e6


@pytest.mark.parametrize("name", ["thin", "thin-ibn"])
def test_the_seed_decides_the_weights(name):
    first, again, other = (new_network(name, seed=seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


def test_an_unknown_network_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"network must be one of thin, thin-ibn, .* got 'fat'"):
        new_network("fat", seed=0)


def test_every_name_is_described():
    assert all(NETWORKS.values())
