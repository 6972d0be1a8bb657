"""Which network is trained how in a preset."""

from __future__ import annotations

import pytest

from whyreid.study.networks import NETWORKS
from whyreid.study.target_plan import target_plan
from whyreid.training import published_recipe, recipe_for


@pytest.mark.parametrize(("preset", "size"), [("smoke", "smoke"), ("default", "default"), ("full", "default")])
def test_small_presets_train_the_thin_network(preset, size):
    plan = target_plan(preset)
    assert (plan.network, plan.recipe) == ("thin", recipe_for(size))


def test_paper_trains_the_target_that_amd_explains():
    plan = target_plan("paper")
    assert (plan.network, plan.recipe) == ("sbs-r50", published_recipe("sbs"))


@pytest.mark.parametrize(("network", "name"), [("bot-r18", "bot"), ("sbs-r50", "sbs"), ("agw-r50", "agw")])
def test_a_published_network_brings_its_own_recipe(network, name):
    assert target_plan("default", network).recipe == published_recipe(name)


def test_thin_networks_have_no_published_recipe():
    assert target_plan("paper", "thin-ibn").recipe == recipe_for("default")


def test_every_network_has_a_plan():
    assert {target_plan("smoke", network).network for network in NETWORKS} == set(NETWORKS)


def test_unknown_networks_and_presets_are_refused():
    with pytest.raises(ValueError, match="network must be one of thin, "):
        target_plan("smoke", "fat")
    with pytest.raises(ValueError, match="preset must be one of"):
        target_plan("huge")
