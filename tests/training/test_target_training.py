from __future__ import annotations

import dataclasses
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import whyreid
from whyreid.retrieval import cosine_distances
from whyreid.training import TrainingHistory, embed_images, load_target, train_target


def test_a_few_epochs_learn_the_identities(stripes, recipe, target, tmp_path):
    longer = dataclasses.replace(recipe, epochs=12, images_per_epoch=64)
    history = train_target(target, stripes, longer, folder=tmp_path, seed=0, device="cpu")
    assert history.epochs[-1].loss < 0.6 * history.epochs[0].loss
    assert history.epochs[-1].accuracy > 0.9
    query, gallery = stripes.select("query"), stripes.select("gallery")
    distmat = cosine_distances(embed_images(target, query), embed_images(target, gallery))
    assert torch.equal(gallery.pids[distmat.argmin(dim=1)], query.pids)  # two people it has never seen


def test_the_history_says_what_was_done(stripes, recipe, target, tmp_path):
    history = train_target(target, stripes, recipe, folder=tmp_path, seed=3, device="cpu")
    assert [record.epoch for record in history.epochs] == [1, 2, 3]
    assert all(record.images == 32 and record.seconds > 0 for record in history.epochs)
    assert history.images_per_second == pytest.approx(96 / history.seconds)
    assert history.epochs[0].loss == pytest.approx(
        history.epochs[0].classification_loss + history.epochs[0].metric_loss, rel=1e-5
    )
    assert history.settings["seed"] == 3
    assert history.settings["identities"] == 4
    assert history.settings["precision"] == "32-true"
    assert TrainingHistory.load(tmp_path) == history
    assert (tmp_path / "history.csv").read_text().splitlines()[0].startswith("epoch,loss,classification_loss")
    assert len(history.frame()) == 3


def test_equal_seeds_give_equal_weights_and_others_do_not(stripes, recipe, make_target, tmp_path):
    targets = [make_target(0) for _ in range(3)]
    for number, (target, seed) in enumerate(zip(targets, (1, 1, 2), strict=True)):
        train_target(target, stripes, recipe, folder=tmp_path / str(number), seed=seed, device="cpu")
    a, again, other = (target.state_dict() for target in targets)
    assert all(torch.equal(a[name], again[name]) for name in a)
    assert any(not torch.equal(a[name], other[name]) for name in a)


def test_pictures_decoded_each_time_train_the_same_weights(stripes, recipe, make_target, tmp_path, monkeypatch):
    kept, streamed = make_target(0), make_target(0)
    train_target(kept, stripes, recipe, folder=tmp_path / "kept", seed=1, device="cpu")
    monkeypatch.setattr("whyreid.training.target_training.MEMORY_LIMIT", 0)
    train_target(streamed, stripes, recipe, folder=tmp_path / "streamed", seed=1, device="cpu")
    assert all(torch.equal(a, b) for a, b in zip(kept.parameters(), streamed.parameters(), strict=True))


def test_the_callers_random_states_are_left_alone(stripes, recipe, target, tmp_path):
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    train_target(target, stripes, recipe, folder=tmp_path, seed=0, device="cpu")
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1] == before[1]).all()  # noqa: NPY002
    assert random.getstate() == before[2]


@pytest.mark.parametrize(
    "change",
    [
        {"metric_loss": "weighted_regularised"},
        {"metric_loss": "none"},
        {"classifier": "circle", "metric_on": "embedding", "schedule": "late_cosine", "warmup_epochs": 1},
        {"margin": 0.3},
        {"optimiser": "adam", "schedule": "steps", "warmup_epochs": 1, "milestones": (2,)},
        {"precision": "bf16-mixed"},
        {"images_per_epoch": None},
        {"image_size": (48, 24)},
    ],
    ids=str,
)
def test_every_choice_of_a_recipe_trains(stripes, recipe, target, tmp_path, change):
    history = train_target(
        target, stripes, dataclasses.replace(recipe, **change), folder=tmp_path, seed=0, device="cpu"
    )
    assert history.epochs[-1].loss < history.epochs[0].loss
    assert load_target(tmp_path).image_input.size == change.get("image_size", (32, 16))


def test_a_loss_that_is_not_finite_stops_with_epoch_batch_and_pictures(stripes, recipe, target, tmp_path):
    passes = 0

    def poison(_module: object, _inputs: object, output: torch.Tensor) -> torch.Tensor:
        nonlocal passes
        passes += 1
        return output * float("nan") if passes == 1 + 4 + 3 else output

    target.pooling.register_forward_hook(poison)
    with pytest.raises(FloatingPointError, match=r"epoch 2, batch 3 of 4 .*learning_rate.*\.png") as caught:
        train_target(target, stripes, recipe, folder=tmp_path, seed=0, device="cpu")
    assert str(caught.value).count(".png") == recipe.batch_size
    assert len(torch.load(tmp_path / "checkpoint.pt", weights_only=True)["records"]) == 1


def test_nothing_is_printed_without_progress(stripes, recipe, make_target, tmp_path, capfd):
    train_target(
        make_target(0),
        stripes,
        dataclasses.replace(recipe, precision="bf16-mixed"),
        folder=tmp_path / "a",
        seed=0,
        device="cpu",
    )
    embed_images(make_target(0), stripes, device="cpu")
    assert capfd.readouterr() == ("", "")


def test_progress_shows_loss_accuracy_speed_and_time_left(stripes, recipe, target, tmp_path, capfd):
    train_target(target, stripes, recipe, folder=tmp_path, seed=0, device="cpu", progress=True)
    shown = capfd.readouterr().err
    for part in ("96/96", "loss=", "accuracy=", "epoch=3", "img/s", "<"):
        assert part in shown


def test_a_split_that_is_not_there_is_refused_before_any_work(stripes, recipe, target, tmp_path):
    with pytest.raises(ValueError, match="got none in 'stripes'"):
        train_target(
            target, stripes, dataclasses.replace(recipe, splits=("val",)), folder=tmp_path, seed=0, device="cpu"
        )


def test_too_few_identities_are_refused_before_any_work(stripes, recipe, target, tmp_path):
    with pytest.raises(ValueError, match="identities_per_batch=5 but the table has 4"):
        train_target(
            target, stripes, dataclasses.replace(recipe, identities_per_batch=5), folder=tmp_path, seed=0, device="cpu"
        )


@pytest.mark.gpu
def test_a_gpu_trains_by_the_same_code(stripes, recipe, target, tmp_path, device):
    if device.type != "cuda":
        pytest.skip("the CPU is tested above")
    history = train_target(
        target, stripes, dataclasses.replace(recipe, precision="auto"), folder=tmp_path, seed=0, device=device
    )
    assert history.epochs[-1].loss < history.epochs[0].loss
    assert history.settings["device"].startswith("cuda")


TWO_PROCESSES = """
import sys, torch
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from conftest import RECIPE, tiny_target
from whyreid.data.table import ReIDTable
from whyreid.training import train_target
torch.set_num_threads(1)
target = tiny_target()
folder = Path(sys.argv[3])
train_target(target, ReIDTable.load(Path(sys.argv[2])), RECIPE, folder=folder, seed=5, device="cpu", devices=2)
torch.save(dict(target.named_parameters()), folder / f"rank{torch.distributed.get_rank()}.pt")
"""


@pytest.mark.slow
def test_two_processes_share_the_batches_and_end_with_equal_weights(stripes, recipe, tmp_path):
    table, folder = stripes.save(tmp_path / "table"), tmp_path / "run"
    (tmp_path / "train.py").write_text(TWO_PROCESSES, encoding="utf-8")
    command = [sys.executable, str(tmp_path / "train.py"), str(Path(__file__).parent), str(table), str(folder)]
    environment = os.environ | {"PYTHONPATH": str(Path(whyreid.__file__).parents[1])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    first, second = (torch.load(folder / f"rank{rank}.pt", weights_only=True) for rank in (0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert [record.images for record in TrainingHistory.load(folder).epochs] == [32, 32, 32]
    target = load_target(folder).state_dict()
    assert all(torch.equal(target[name], first[name]) for name in first)
