from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from whyreid.cli import app

NOTEBOOK = """\
# %% [markdown]
# # Who?

# %% tags=["parameters"]
dataset = "promenade-a"
preset = "smoke"

# %%
print(dataset, preset)
"""
RUNS = """\
- {page: one, title: One, notebook: one.py, parameters: {dataset: promenade-a, preset: default}}
- {page: two, title: Two, notebook: two.py, parameters: {dataset: promenade-a, preset: default}}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("WHYREID_PRESET", raising=False)
    (tmp_path / "runs.yml").write_text(RUNS)
    for name in ("one", "two"):
        (tmp_path / f"{name}.py").write_text(NOTEBOOK)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str):
    return CliRunner().invoke(app, ["run", *arguments])


def test_one_page_goes_into_a_folder_named_by_data_set_and_preset(project: Path) -> None:
    done = run("--dataset", "promenade-b", "--preset", "smoke", "--only", "two")
    assert done.exit_code == 0, done.output
    assert "1 of 1 pages made now" in done.output
    assert [path.name for path in (project / "runs" / "promenade-b-smoke").glob("*.ipynb")] == ["two.ipynb"]
    assert not (project / "book").exists()


def test_an_unknown_page_is_refused_with_those_that_exist(project: Path) -> None:
    done = run("--dataset", "promenade-b", "--only", "three")
    assert done.exit_code == 1
    assert "there are: one, two" in done.output


def test_a_folder_that_is_no_table_is_refused_before_anything_runs(project: Path) -> None:
    done = run("--dataset", "nowhere", "--out", "out")
    assert done.exit_code == 1
    assert "promenade-a, promenade-b" in done.output
    assert not (project / "out").exists()


def test_a_failing_notebook_ends_with_its_traceback(project: Path) -> None:
    (project / "one.py").write_text(NOTEBOOK + "\n# %%\n1 / 0\n")
    done = run("--dataset", "promenade-b", "--out", "out")
    assert done.exit_code == 1
    assert "ZeroDivisionError" in done.output
    assert (project / "out" / "two.ipynb").exists()


def test_an_unknown_preset_is_refused_before_anything_runs(project: Path) -> None:
    done = run("--dataset", "promenade-b", "--preset", "tiny", "--out", "out")
    assert done.exit_code == 1
    assert "preset must be one of smoke, default, full, paper, got 'tiny'" in done.output
    assert not (project / "out").exists()


def test_a_second_data_set_is_refused_where_no_page_takes_one(project: Path) -> None:
    done = run("--dataset", "promenade-a", "--dataset-other", "promenade-b", "--only", "two", "--out", "out")
    assert done.exit_code == 1
    assert "two takes one data set, not two; leave --dataset-other out" in done.output


def test_a_file_in_the_folders_place_is_refused(project: Path) -> None:
    (project / "out").write_text("mine")
    done = run("--dataset", "promenade-b", "--out", "out")
    assert done.exit_code == 1
    assert "--out must lie where files can be written, got out (File exists)" in done.output
    assert (project / "out").read_text() == "mine"
