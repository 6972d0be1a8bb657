from __future__ import annotations

import dataclasses
import json
import sys

import pandas as pd
import pytest
import torch

from whyreid.losses import attribute_prior, metric_distillation
from whyreid.models import Interpreter, attribute_distances
from whyreid.training.augmentation import Augmentation
from whyreid.training.interpreter import load_interpreter, train_interpreter
from whyreid.training.interpreter_objective import InterpreterObjective, InterpreterRecipe

RECIPE = InterpreterRecipe(
    epochs=3, batches_per_epoch=4, identities_per_batch=4, images_per_identity=2, precision="32-true"
)


@pytest.fixture
def table(stripes):
    pids = sorted(set(stripes.images["pid"]))
    attributes = pd.DataFrame(
        {"hat": [pid % 2 for pid in pids], "bag": [pid // 2 % 2 for pid in pids], "dress": [0] * len(pids)},
        index=pd.Index(pids, name="pid"),
        dtype="Int8",
    )
    return dataclasses.replace(stripes, attributes=attributes)


@pytest.fixture
def interpreter(make_target):
    def build(num_attributes=3, seed=0):
        return Interpreter(make_target(0), num_attributes, share_until="stage1", hidden_channels=8, seed=seed)

    return build


def weights(model):
    return {name: value.clone() for name, value in model.own.state_dict().items()}


def train(model, table, folder, recipe=RECIPE, seed=0):
    return train_interpreter(model, table, recipe, folder=folder, seed=seed, device="cpu")


def test_training_lowers_the_loss_and_leaves_the_target_alone(table, tmp_path, interpreter):
    model = interpreter()
    before = {name: value.clone() for name, value in model.target.state_dict().items()}
    records = train(model, table, tmp_path / "run", dataclasses.replace(RECIPE, epochs=12, learning_rate=5e-3))
    assert records[-1]["total"] < 0.8 * records[0]["total"]
    assert all(torch.equal(value, before[name]) for name, value in model.target.state_dict().items())
    assert not model.own.training


def test_interrupted_training_gives_the_same_weights_bit_for_bit(table, tmp_path, monkeypatch, interpreter):
    whole = interpreter()
    train(whole, table, tmp_path / "whole")
    stopped = interpreter()
    module = sys.modules["whyreid.training.interpreter"]
    original = module._Run.run_epoch

    def fail_later(self, epoch, frozen):
        if epoch == 2:
            raise KeyboardInterrupt
        original(self, epoch, frozen)

    monkeypatch.setattr(module._Run, "run_epoch", fail_later)
    with pytest.raises(KeyboardInterrupt):
        train(stopped, table, tmp_path / "run")
    monkeypatch.undo()
    continued = interpreter()
    records = train(continued, table, tmp_path / "run")
    assert [record["epoch"] for record in records] == [1, 2, 3]
    expected = weights(whole)
    assert all(torch.equal(value, expected[name]) for name, value in weights(continued).items())


def test_kept_maps_give_the_same_weights_as_maps_computed_anew(table, tmp_path, monkeypatch, interpreter):
    kept, anew = interpreter(), interpreter()
    train(kept, table, tmp_path / "kept")
    monkeypatch.setattr("whyreid.training.interpreter.MEMORY_LIMIT", 0)
    train(anew, table, tmp_path / "anew")
    expected = weights(kept)
    for name, value in weights(anew).items():
        torch.testing.assert_close(value, expected[name], rtol=1e-4, atol=1e-6)


def test_augmentation_depends_on_the_seed_alone(table, tmp_path, interpreter):
    recipe = dataclasses.replace(RECIPE, augmentation=Augmentation(padding=2))
    results = []
    for number, seed in enumerate((1, 1, 2)):
        model = interpreter()
        train(model, table, tmp_path / str(number), recipe, seed=seed)
        results.append(weights(model)["head.decide.weight"])
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_finished_training_is_loaded_and_not_repeated(table, tmp_path, interpreter):
    model = interpreter()
    records = train(model, table, tmp_path / "run")
    again = interpreter(seed=5)
    assert train(again, table, tmp_path / "run") == records
    loaded = load_interpreter(tmp_path / "run", interpreter(seed=6))
    expected = weights(model)
    for other in (again, loaded):
        assert all(torch.equal(value, expected[name]) for name, value in weights(other).items())
    assert json.loads((tmp_path / "run" / "history.json").read_text())["epochs"] == records


@pytest.mark.parametrize("over_attributes", ["mean", "sum"])
def test_objective_is_the_weighted_sum_of_its_terms(over_attributes, generator, interpreter):
    recipe = InterpreterRecipe(over_attributes=over_attributes, prior_weight=3.0, sum_weight=0.5, each_weight=7.0)
    model = interpreter()
    maps = model.frozen(torch.randn(6, 3, 32, 16, generator=generator))
    attributes = torch.rand(6, 3, generator=generator) < 0.5
    losses = InterpreterObjective(model, recipe)(*maps, attributes)
    found = model.decompose(*maps)
    parts = attribute_distances(found.attribute_embeddings, found.attribute_embeddings)
    distmat = torch.cdist(found.embedding, found.embedding, compute_mode="donot_use_mm_for_euclid_dist")
    distillation = metric_distillation(distmat, parts, over_attributes=over_attributes)
    prior = attribute_prior(parts, attributes)
    sums, eachs = prior.exclusive_sum + prior.common_sum, prior.exclusive_each + prior.common_each
    torch.testing.assert_close(losses.distillation, distillation, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(losses.total, distillation + 3 * (0.5 * sums + 7 * eachs), rtol=1e-4, atol=1e-5)


def test_other_settings_in_the_folder_are_refused_and_named(table, tmp_path, interpreter):
    train(interpreter(), table, tmp_path / "run")
    with pytest.raises(ValueError, match="training with another seed"):
        train(interpreter(), table, tmp_path / "run", seed=1)
    with pytest.raises(ValueError, match="training with another recipe"):
        train(interpreter(), table, tmp_path / "run", dataclasses.replace(RECIPE, prior_weight=0.0))


def test_wrong_input_is_refused_before_any_work(table, tmp_path, interpreter):
    with pytest.raises(ValueError, match="the table has 3 attributes and the interpreter 2"):
        train(interpreter(2), table, tmp_path / "run")
    unlabelled = dataclasses.replace(table, attributes=table.attributes.assign(hat=pd.NA))
    with pytest.raises(ValueError, match="attributes of every picture must be known"):
        train(interpreter(), unlabelled, tmp_path / "run")
    with pytest.raises(FileNotFoundError, match="finish the training"):
        load_interpreter(tmp_path / "run", interpreter())
    with pytest.raises(ValueError, match="weights must be >= 0"):
        InterpreterRecipe(prior_weight=-1.0)
    with pytest.raises(ValueError, match="epochs must be at least 1"):
        InterpreterRecipe(epochs=0)


def test_a_loss_that_is_not_finite_stops_the_training(table, tmp_path, interpreter):
    model = interpreter()
    with torch.no_grad():
        model.own.head.decide.weight.fill_(torch.nan)
    with pytest.raises(FloatingPointError, match="not finite in epoch 1"):
        train(model, table, tmp_path / "run")
