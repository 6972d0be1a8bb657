from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from whyreid.cli import app
from whyreid.study.study_data import require_study_data

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


def test_a_page_that_the_data_cannot_carry_is_named_with_what_they_lack(project: Path) -> None:
    header = "# ---\n# jupyter:\n#   whyreid:\n#     needs: [attributes]\n# ---\n\n"
    (project / "one.py").write_text(header + NOTEBOOK)
    street(project / "street")
    done = run("--dataset", "street", "--out", "out")
    assert done.exit_code == 0, done.output
    assert "2 of 2 pages made now" in done.output
    assert "one only says what it lacks: the table my-street has no `attributes.csv`." in done.output
    assert "two only" not in done.output


def street(folder: Path, *, without: tuple[str, ...] = ()) -> str:
    """A table of four persons to train on and one to be found, less the pictures of some splits; its folder."""
    folder.mkdir()
    people = [(pid, camid, "train") for pid in (1, 2, 3, 4) for camid in (0, 1)] + [(5, 0, "query"), (5, 1, "gallery")]
    rows = [f"{pid}_{camid}.png,{pid},{camid},{split}" for pid, camid, split in people if split not in without]
    for row in rows:
        (folder / row.split(",")[0]).touch()
    (folder / "images.csv").write_text("\n".join(["path,pid,camid,split", *rows]) + "\n")
    (folder / "dataset.yaml").write_text("name: my-street\nprotocol: cross_camera\n")
    return str(folder)


@pytest.mark.parametrize(
    ("without", "said"),
    [
        (("train",), "train must have at least 2 identities"),
        (("query", "gallery"), r"splits \['query'\] must have pictures"),
    ],
)
def test_data_that_no_page_can_be_made_of_are_refused_before_the_first(
    tmp_path: Path, without: tuple[str, ...], said: str
) -> None:
    require_study_data(street(tmp_path / "whole"))
    with pytest.raises(ValueError, match=said):
        require_study_data(street(tmp_path / "street", without=without))


def test_a_town_that_nobody_renders_is_refused() -> None:
    with pytest.raises(ValueError, match="promenade-a, promenade-b or a folder, got 'promenade-c'"):
        require_study_data("promenade-c")
