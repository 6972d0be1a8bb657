"""What tests of the study share, in miniature: a project of runs.yml and a notebook, a Promenade, a stored target."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import torch
import yaml

from whyreid.data import ReIDTable
from whyreid.models import thin_network
from whyreid.models.target_file import save_target
from whyreid.pedestrians import Preset, render_promenade
from whyreid.study.artifacts import artifact
from whyreid.study.steps import TrainedTarget
from whyreid.training import TrainingHistory

HEADER = """\
# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   whyreid:
#     needs: {needs}
#     reads: {reads}
# ---

"""
HELLO = """\
# %% [markdown]
# # Who is there?
#
# A question.

# %% tags=["parameters"]
dataset = "promenade-a"  # or a folder
preset = "smoke"  # a "size"
seed = 0

# %%
print("seed", seed)
"""


class Project:
    """Writes notebooks and runs.yml, as an author would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pages = folder / "book" / "runs"
        (folder / "notebooks").mkdir(parents=True)
        (folder / "book").mkdir()

    def notebook(self, name: str, body: str = HELLO, *, needs: str = "[]", reads: str = "[]") -> Path:
        path = self.folder / "notebooks" / f"{name}.py"
        path.write_text(HEADER.format(needs=needs, reads=reads) + dedent(body), encoding="utf-8")
        return path

    def runs(self, *entries: dict[str, Any]) -> None:
        (self.folder / "runs.yml").write_text(yaml.safe_dump(list(entries)), encoding="utf-8")

    @staticmethod
    def entry(page: str, notebook: str = "hello", **parameters: Any) -> dict[str, Any]:
        given = {"dataset": "promenade-a", "preset": "default", "seed": 0, **parameters}
        return {
            "page": page,
            "title": page.title(),
            "notebook": f"notebooks/{notebook}.py",
            "parameters": given,
        }


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """An empty project that stores its results beside itself; no preset of the session leaks in."""
    monkeypatch.delenv("WHYREID_PRESET", raising=False)
    monkeypatch.setenv("WHYREID_ARTIFACTS", str(tmp_path / "artifacts"))
    return Project(tmp_path / "project")


@pytest.fixture
def package(tmp_path: Path) -> Callable[..., Path]:
    """Write a package from its files' texts: package(**{"a": "x = 1", "sub/__init__": ""}) -> its folder."""

    def write(**files: str) -> Path:
        folder = tmp_path / "toy"
        for name, text in {"__init__": '"""A toy."""\n', **files}.items():
            file = folder / f"{name}.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(dedent(text), encoding="utf-8")
        return folder

    return write


@pytest.fixture(scope="module")
def tiny_promenade(tmp_path_factory: pytest.TempPathFactory) -> ReIDTable:
    """Promenade A with a few persons in pictures of 64 x 32."""
    folder = tmp_path_factory.mktemp("promenade")
    return render_promenade(folder, domain="A", preset=Preset(10, 8, 3, 2, 64, 32), workers=1)


@pytest.fixture(scope="module")
def artifact_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the artifacts of a module's tests lie, so that what one test made another finds."""
    return tmp_path_factory.mktemp("artifacts")


@pytest.fixture
def target(artifact_folder: Path, monkeypatch: pytest.MonkeyPatch) -> TrainedTarget:
    """A narrow network that nobody trained but whose batch normalisation has seen pictures, stored like a trained one.

    Artifacts lie in the module's folder as long as it is in use.
    """
    monkeypatch.setenv("WHYREID_ARTIFACTS", str(artifact_folder))
    model = thin_network(widths=(4, 8, 8, 8), depths=(1, 1, 1), image_size=(64, 32))
    model.train()(torch.randn(8, 3, 64, 32, generator=torch.Generator().manual_seed(0)))
    model.eval()
    code = ["whyreid.models.thin_network"]
    folder = artifact("target", {"seed": 0}, lambda made: save_target(model, made / "target.pt"), code=code)
    return TrainedTarget(model, TrainingHistory((), {}), folder)
