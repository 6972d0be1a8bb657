"""Networks that the commands know by name."""

from __future__ import annotations

import pytest
from torch import nn

from whyreid.models import TargetModel, resnet_target
from whyreid.study import target_networks
from whyreid.study.networks import NETWORKS
from whyreid.study.target_networks import TARGETS, network_name, new_target
from whyreid.study.target_plan import target_plan


@pytest.fixture(autouse=True)
def _no_download(monkeypatch: pytest.MonkeyPatch) -> None:
    """The published builders as they are, but from random weights."""
    for name in ("bot_target", "sbs_target"):
        builder = getattr(target_networks, name)
        monkeypatch.setattr(target_networks, name, lambda depth, *, imagenet, seed, b=builder: b(depth, seed=seed))


def test_the_networks_of_the_study_are_among_them_under_their_names():
    assert set(NETWORKS) < set(TARGETS)
    assert {"bot-r50", "sbs-r18", "sbs-r101"} < set(TARGETS)


@pytest.mark.parametrize("name", ["thin", "thin-ibn", "bot-r34", "sbs-r18"])
def test_a_target_is_called_what_it_was_built_as(name):
    assert network_name(new_target(name, seed=0)) == name


def test_every_name_has_a_plan_with_the_recipe_of_its_family():
    plans = {name: target_plan("paper", name) for name in TARGETS}
    assert plans["sbs-r101"].recipe == plans["sbs-r50"].recipe != plans["bot-r50"].recipe
    assert plans["bot-r34"].recipe.image_size == (256, 128)


def test_non_local_blocks_make_an_agw_only_at_its_own_depth():
    blocks = {"non_local": (0, 1, 1, 0), "first_relu": False}
    assert network_name(resnet_target(50, **blocks)) == "agw-r50"
    assert network_name(resnet_target(18, **blocks)) == "own network"


def test_a_network_of_the_users_has_no_name_here():
    own = TargetModel(nn.Conv2d(3, 4, 3), feature_node=None, pooling=lambda x: x.mean(dim=(2, 3)))
    assert network_name(own) == "own network"
    assert network_name(resnet_target(18, neck="none")) == "own network"


def test_another_name_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match=r"network must be one of thin, .*sbs-r101, got 'sbs-r152'"):
        new_target("sbs-r152", seed=0)
