"""The driver of QAConv's three versions: learns, continues exactly, refuses what cannot work."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from whyreid.models import load_qaconv, qaconv_from_target, thin_qaconv
from whyreid.training.history import TrainingHistory
from whyreid.training.qaconv_embedding import embed_maps
from whyreid.training.qaconv_recipe import QAConvRecipe, published_qaconv_recipe, qaconv_recipe_for
from whyreid.training.qaconv_training import make_sgd, statistics_are_trained, train_qaconv

SIZE = (32, 16)
VERSIONS = ["1.0", "2.0", "2.1"]


def tiny(version: str, seed: int = 0):
    return thin_qaconv(version=version, neck=8, widths=(4, 8, 8, 8), depths=(1, 1, 1), image_size=SIZE, seed=seed)


def short(version: str, **changes) -> QAConvRecipe:
    recipe = qaconv_recipe_for("smoke", version)
    settings = {"epochs": 3, "batch_size": 8, "images_per_identity": 2, "images_per_epoch": None}
    return dataclasses.replace(recipe, **settings, learning_rate=0.02, base_factor=1.0, precision="32-true", **changes)


def train(model, table, folder, recipe=None, seed: int = 5):
    recipe = recipe or short(model.features.version)
    return train_qaconv(model, table, recipe, folder=folder, seed=seed, device="cpu")


def same_weights(one, two) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True))


@pytest.mark.parametrize("version", VERSIONS)
def test_each_version_learns_and_stores_what_it_learned(stripes, tmp_path, version):
    model = tiny(version)
    history = train(model, stripes, tmp_path)
    first, last = history.epochs[0], history.epochs[-1]  # the loss of 1.0 grows at first, with the classes it has seen
    assert last.accuracy > first.accuracy if version == "1.0" else last.loss < first.loss
    assert not model.training
    assert same_weights(load_qaconv(tmp_path / "qaconv.pt"), model)
    assert TrainingHistory.load(tmp_path) == history


class Stop(Exception):
    """Raised in the middle of an epoch."""


@pytest.mark.parametrize("version", VERSIONS)
def test_a_training_stopped_in_an_epoch_continues_exactly(stripes, tmp_path, version):
    whole = tiny(version)
    expected = train(whole, stripes, tmp_path / "whole")
    stopped, steps = tiny(version), 0

    def stop_in_the_second_epoch(module, *_: object) -> None:
        nonlocal steps
        steps += module.training
        if steps == len_of_epoch + 1:
            raise Stop

    len_of_epoch = 2 if version == "1.0" else 4  # 20 pictures in batches of 8, or one batch an identity
    stopped.matcher.register_forward_hook(stop_in_the_second_epoch)
    with pytest.raises(Stop):
        train(stopped, stripes, tmp_path / "stopped")
    assert len(torch.load(tmp_path / "stopped" / "checkpoint.pt", weights_only=True)["records"]) == 1
    fresh = tiny(version, seed=99)  # its weights come from the checkpoint
    found = train(fresh, stripes, tmp_path / "stopped")
    assert same_weights(fresh, whole)
    assert [record.loss for record in found.epochs] == [record.loss for record in expected.epochs]


def test_a_finished_training_is_only_loaded(stripes, tmp_path):
    model, other = tiny("2.1"), tiny("2.1", seed=3)
    first = train(model, stripes, tmp_path)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert train(other, stripes, tmp_path) == first
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
    assert same_weights(other, model)


def test_another_recipe_or_seed_in_the_folder_is_refused(stripes, tmp_path):
    train(tiny("2.1"), stripes, tmp_path)
    with pytest.raises(ValueError, match=r"another recipe \(margin: 16\.0 there, 8\.0 asked for\)"):
        train(tiny("2.1"), stripes, tmp_path, short("2.1", margin=8.0))
    with pytest.raises(ValueError, match="another seed"):
        train(tiny("2.1"), stripes, tmp_path, seed=6)


def test_frozen_statistics_of_an_untrained_base_are_refused(stripes, tmp_path, make_target):
    model = qaconv_from_target(make_target(0), version="2.1", neck=8)
    assert not statistics_are_trained(model)
    with pytest.raises(ValueError, match="has never seen a picture; start from a trained network"):
        train(model, stripes, tmp_path)


def test_frozen_statistics_of_a_trained_base_stay_as_they_came(stripes, tmp_path, make_target):
    target = make_target(0)
    target.train()(torch.rand(8, 3, *SIZE))
    model = qaconv_from_target(target.eval(), version="2.1", neck=8)
    before = {key: value.clone() for key, value in model.features.base.state_dict().items() if "running" in key}
    weights = model.features.base.state_dict()["stem.0.weight"].clone()
    train(model, stripes, tmp_path)
    after = model.features.base.state_dict()
    assert all(torch.equal(value, after[key]) for key, value in before.items())
    assert not torch.equal(weights, after["stem.0.weight"])


def test_a_model_of_another_version_is_refused(stripes, tmp_path):
    with pytest.raises(ValueError, match=r"build the model with version=\'2\.0\'"):
        train(tiny("2.1"), stripes, tmp_path, short("2.0"))


@pytest.mark.parametrize(("version", "words"), [("1.0", "a batch needs 64 pictures"), ("2.1", "needs 32 identities")])
def test_too_little_to_learn_from_is_refused(stripes, tmp_path, version, words):
    recipe = dataclasses.replace(short(version), batch_size=64)
    with pytest.raises(ValueError, match=words):
        train(tiny(version), stripes, tmp_path, recipe)


def test_neck_and_matcher_learn_ten_times_as_fast_as_the_base():
    optimiser = make_sgd(tiny("2.1"), published_qaconv_recipe("2.1"))
    assert [group["lr"] for group in optimiser.param_groups] == [pytest.approx(0.0005), 0.005]
    assert [group["factor"] for group in optimiser.param_groups] == [0.1, 1.0]


def test_the_rate_follows_milestones_or_losses():
    steps, adaptive = published_qaconv_recipe("1.0"), published_qaconv_recipe("2.1")
    assert steps.rate([1.0] * 39) == 0.01
    assert steps.rate([1.0] * 40) == pytest.approx(0.001)
    assert adaptive.rate([20.0, 10.0, 8.0]) == 0.005
    assert adaptive.rate([20.0, 10.0, 8.0, 6.9]) == pytest.approx(0.0005)
    assert adaptive.last_epoch([20.0, 10.0, 8.0, 6.9]) == 6


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": "3.0"}, "version must be one of 1.0, 2.0, 2.1"),
        ({"clip": 0.0}, "clip must be positive"),
        ({"milestones": (3,)}, "adaptive training has no milestones"),
    ],
)
def test_a_recipe_that_cannot_work_is_refused(change, words):
    with pytest.raises(ValueError, match=words):
        QAConvRecipe(**change)


def test_maps_come_in_row_order_and_leave_the_model_as_it_was(stripes):
    model = tiny("2.1").train()
    maps = embed_maps(model, stripes, device="cpu", batch_size=7)
    assert maps.shape == (len(stripes), 8, 4, 2)
    torch.testing.assert_close(maps, embed_maps(model, stripes, device="cpu"), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(maps.norm(dim=1), torch.ones(len(stripes), 4, 2))
    assert model.training
