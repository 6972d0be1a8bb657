from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from whyreid.cli import app


def whyreid(*arguments: str):
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "160"})


@pytest.mark.slow
def test_a_target_is_trained_continued_and_evaluated(tmp_path: Path) -> None:
    out = str(tmp_path / "target")
    train = ["train", "--dataset", "promenade-a", "--preset", "smoke", "--device", "cpu", "--out", out]
    assert whyreid(*train).exit_code == 0
    stamp = (tmp_path / "target" / "target.pt").stat().st_mtime_ns
    assert whyreid(*train).exit_code == 0
    assert (tmp_path / "target" / "target.pt").stat().st_mtime_ns == stamp
    refused = whyreid(*train, "--seed", "1")
    assert refused.exit_code == 1
    assert "seed" in refused.output
    done = whyreid("evaluate", "--target", out, "--dataset", "promenade-b", "--preset", "smoke", "--rerank", "--lift")
    assert done.exit_code == 0, done.output
    for word in ("as embedded", "re-ranked", "re-ranked and lifted", "mINP", "cross_camera"):
        assert word in done.output


def test_an_unknown_network_is_refused_with_those_there_are(tmp_path: Path) -> None:
    done = whyreid("train", "--dataset", "promenade-a", "--preset", "smoke", "--network", "vgg", "--out", str(tmp_path))
    assert done.exit_code == 1
    assert "thin-ibn" in done.output


def test_a_folder_without_a_target_is_refused(tmp_path: Path) -> None:
    done = whyreid("evaluate", "--target", str(tmp_path), "--dataset", "promenade-a", "--preset", "smoke")
    assert done.exit_code == 1
    assert "finish the training" in done.output
