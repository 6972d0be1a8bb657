"""A tiny rendered town, a network, and pairs of its people that the tests of the truth share."""

from __future__ import annotations

import pytest
import torch

from whyreid.models import thin_network
from whyreid.pedestrians import Preset, render_promenade
from whyreid.truth.counterfactual_effects import render_counterfactuals
from whyreid.truth.counterfactual_pairs import random_pairs


@pytest.fixture(scope="session")
def town(tmp_path_factory):
    folder = tmp_path_factory.mktemp("promenade")
    return render_promenade(folder, domain="A", preset=Preset(10, 8, 3, 4, 64, 32), frequencies="balanced", workers=1)


@pytest.fixture
def network():
    return thin_network(widths=(4, 8, 8, 8), depths=(1, 1, 1), image_size=(64, 32)).eval()


@pytest.fixture(scope="session")
def few_pairs(town):
    """Three pairs: the two with the fewest players and one with seven."""
    drawn = random_pairs(town.select("query"), town.select("gallery"), 200, seed=1)
    numbers = torch.tensor([len(players) for players in drawn.players()])
    few = numbers.argsort(stable=True)[:2]
    return drawn.take(torch.cat([few, (numbers == 7).nonzero()[0]]))


@pytest.fixture(scope="session")
def renders(few_pairs, tmp_path_factory):
    """Their counterfactuals; with more than five players from two permutations."""
    folder = tmp_path_factory.mktemp("renders")
    render_counterfactuals(few_pairs, folder, most_exact=5, samples=2)
    return folder
