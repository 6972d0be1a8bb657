from __future__ import annotations

import re

import pandas as pd
import pytest
from PIL import Image

from whyreid.data import ReIDTable
from whyreid.study.presets import PRESETS, size_of
from whyreid.study.provenance import Provenance, git_commit


@pytest.fixture
def table(tmp_path):
    Image.new("RGB", (4, 8)).save(tmp_path / "a.png")
    images = pd.DataFrame({"path": ["a.png"], "pid": [1], "camid": [0], "time": [None], "split": ["train"]})
    return ReIDTable("tiny", tmp_path, images, partial=True)


def test_the_record_names_data_versions_and_device_but_no_path(table, tmp_path):
    facts = Provenance(preset="smoke", seed=3, device="cpu").table(table)
    text = facts.to_string()
    assert facts.loc["data set"].item() == "tiny, cross_camera (partial)"
    assert facts.loc["preset, seed"].item() == "smoke, 3"
    assert facts.loc["digest of the data"].item() == table.digest()[:16]
    assert "torch" in facts.loc["versions"].item()
    assert str(tmp_path) not in text


def test_the_commit_is_a_hash_or_unknown():
    assert re.fullmatch(r"[0-9a-f]{12}( \+ changes)?|unknown", git_commit())


def test_full_shares_the_trainings_of_default():
    assert [size_of(name) for name in PRESETS] == ["smoke", "default", "default", "paper"]


def test_an_unknown_preset_is_refused_with_those_that_exist():
    with pytest.raises(ValueError, match="smoke, default, full, paper, got 'large'"):
        size_of("large")
