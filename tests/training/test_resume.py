from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

import whyreid
from whyreid.data.table import ReIDTable
from whyreid.models import thin_network
from whyreid.training import load_target, train_target

TRAINING = """
import sys, torch
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from conftest import RECIPE, tiny_target
from whyreid.data.table import ReIDTable
from whyreid.training import train_target
import dataclasses
torch.set_num_threads(1)
recipe = dataclasses.replace(RECIPE, epochs=int(sys.argv[4]))
train_target(tiny_target(), ReIDTable.load(Path(sys.argv[2])), recipe, folder=Path(sys.argv[3]), seed=5, device="cpu")
"""


def start(table: Path, folder: Path, epochs: int) -> subprocess.Popen[bytes]:
    environment = os.environ | {"PYTHONPATH": str(Path(whyreid.__file__).parents[1])}
    arguments = [sys.executable, "-c", TRAINING, str(Path(__file__).parent), str(table), str(folder), str(epochs)]
    return subprocess.Popen(arguments, env=environment, stderr=subprocess.PIPE)


def epochs_done(folder: Path) -> int:
    """Epochs in the checkpoint; it may be read at any moment because it is replaced in one step."""
    path = folder / "checkpoint.pt"
    return len(torch.load(path, weights_only=True)["records"]) if path.exists() else -1


def kill_after(process: subprocess.Popen[bytes], folder: Path, epochs: int) -> None:
    while epochs_done(folder) < epochs:
        assert process.poll() is None, process.stderr.read().decode()
        time.sleep(0.01)
    process.kill()  # SIGKILL: nothing can be tidied up
    process.wait()


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_target(folder).state_dict()


@pytest.mark.slow
def test_a_killed_training_ends_with_the_same_weights_bit_for_bit(stripes, recipe, make_target, tmp_path):
    table, whole, killed = stripes.save(tmp_path / "table"), tmp_path / "whole", tmp_path / "killed"
    victim = start(table, killed, epochs=60)
    kill_after(victim, killed, epochs=2)
    assert not (killed / "target.pt").exists()
    long = dataclasses.replace(recipe, epochs=60)
    for folder in (killed, whole):  # one continues, one starts
        train_target(make_target(0), ReIDTable.load(table), long, folder=folder, seed=5, device="cpu")
    expected, found = weights(whole), weights(killed)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


class Stop(Exception):
    """Raised in the middle of an epoch."""


def test_a_training_stopped_in_an_epoch_continues_exactly(stripes, recipe, target, make_target, tmp_path):
    whole = train_target(target, stripes, recipe, folder=tmp_path / "whole", seed=5, device="cpu")
    stopped, passes = make_target(0), 0

    def stop_in_the_second_epoch(*_: object) -> None:
        nonlocal passes
        passes += 1
        if passes == 7:  # one pass finds the size of the embedding, four make an epoch
            raise Stop

    stopped.pooling.register_forward_hook(stop_in_the_second_epoch)
    with pytest.raises(Stop):
        train_target(stopped, stripes, recipe, folder=tmp_path / "stopped", seed=5, device="cpu")
    assert epochs_done(tmp_path / "stopped") == 1
    fresh = make_target(99)  # its weights come from the checkpoint
    history = train_target(fresh, stripes, recipe, folder=tmp_path / "stopped", seed=5, device="cpu")
    expected, found = weights(tmp_path / "whole"), weights(tmp_path / "stopped")
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert [record.loss for record in history.epochs] == [record.loss for record in whole.epochs]


def test_a_finished_training_is_only_loaded(stripes, recipe, target, make_target, tmp_path):
    first = train_target(target, stripes, recipe, folder=tmp_path, seed=5, device="cpu")
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    other = make_target(7)
    second = train_target(other, stripes, recipe, folder=tmp_path, seed=5, device="cpu")
    assert second == first
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
    assert all(torch.equal(a, b) for a, b in zip(target.parameters(), other.parameters(), strict=True))
    assert not other.training


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"learning_rate": 1e-3}, r"another recipe \(learning_rate: 0\.002 there, 0\.001 asked for\)"),
        ({"epochs": 9}, r"another recipe \(epochs: 3 there, 9 asked for\)"),
    ],
)
def test_a_folder_with_another_recipe_is_refused(stripes, recipe, target, tmp_path, change, words):
    train_target(target, stripes, recipe, folder=tmp_path, seed=5, device="cpu")
    with pytest.raises(ValueError, match=words):
        train_target(target, stripes, dataclasses.replace(recipe, **change), folder=tmp_path, seed=5, device="cpu")


def test_a_folder_with_another_seed_table_or_network_is_refused(stripes, recipe, target, tmp_path):
    train_target(target, stripes, recipe, folder=tmp_path, seed=5, device="cpu")
    with pytest.raises(ValueError, match=r"another seed \(5 there, 6 asked for\)"):
        train_target(target, stripes, recipe, folder=tmp_path, seed=6, device="cpu")
    fewer = dataclasses.replace(stripes, images=stripes.images.iloc[1:])
    with pytest.raises(ValueError, match=r"another table \(digest: .*images: 20 there, 19 asked for"):
        train_target(target, fewer, recipe, folder=tmp_path, seed=5, device="cpu")
    wider = thin_network(widths=(4, 8, 8, 12), depths=(1, 1, 1), image_size=(32, 16))
    with pytest.raises(ValueError, match="another model"):
        train_target(wider, stripes, recipe, folder=tmp_path, seed=5, device="cpu")


def test_a_broken_checkpoint_is_named(stripes, recipe, target, tmp_path):
    (tmp_path / "checkpoint.pt").write_bytes(b"broken")
    with pytest.raises(ValueError, match=r"checkpoint\.pt cannot be read .*remove it to start again"):
        train_target(target, stripes, recipe, folder=tmp_path, seed=5, device="cpu")
