from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
from typing import Any

import nbformat
import pytest

from whyreid.study import needs
from whyreid.study.execution import RunsFailed, execute_runs
from whyreid.study.runs import load_runs, run_digest

FAILING = """\
# %% [markdown]
# # Fails?

# %% tags=["parameters"]
seed = 0

# %%
print("before")

# %%
raise ValueError("no such thing")
"""


def execute(project: Any) -> tuple[str, ...]:
    return execute_runs(load_runs(project.folder), project.pages)


def page(project: Any, name: str) -> nbformat.NotebookNode:
    return nbformat.read(project.pages / f"{name}.ipynb", as_version=4)


def printed(node: nbformat.NotebookNode) -> str:
    return "".join(output.get("text", "") for cell in node.cells for output in cell.get("outputs", []))


def test_a_run_becomes_a_page_with_its_title_parameters_and_outputs(project: Any) -> None:
    body = """\
        # %% [markdown]
        # (start)=
        # # Who is there?
        #
        # A question.

        # %% tags=["parameters"]
        dataset = "promenade-a"  # or a folder
        preset = "smoke"  # a "size"
        seed = 0

        # %%
        import os
        import sys
        import warnings

        print("seed", seed, os.path.basename(os.getcwd()))
        print(os.getcwd(), sys.executable)
        warnings.warn("careful")
        """
    project.notebook("hello", body)
    project.runs(project.entry("one", seed=3), project.entry("two", seed=4))
    assert execute(project) == ("one", "two")

    one, two = page(project, "one"), page(project, "two")
    assert one.cells[0].source.splitlines()[:2] == ["(start)=", "# One"]
    assert two.cells[0].source.splitlines()[:2] == ["(start-two)=", "# Two"]
    assert one.cells[1].source == "*Made with dataset `promenade-a`, preset `default`, seed `3`.*"
    assert one.cells[2].source.splitlines()[0] == 'dataset = "promenade-a"  # or a folder'
    assert "seed 3 notebooks" in printed(one)
    assert "seed 4 notebooks" in printed(two)
    assert "careful" in printed(one)
    assert str(project.folder) not in json.dumps(one)
    assert sys.prefix not in json.dumps(one)

    record = one.metadata["whyreid"]
    assert record["digest"] == run_digest(load_runs(project.folder)[0])
    assert record["notebook"] == "notebooks/hello.py"
    assert record["parameters"] == {"dataset": "promenade-a", "preset": "default", "seed": 3}
    assert one.metadata["kernelspec"]["name"] == "python3"
    nbformat.validate(one)
    assert sorted(path.name for path in project.pages.iterdir()) == [".making", "one.ipynb", "two.ipynb"]


def test_nothing_runs_again_until_something_changes(project: Any, caplog: pytest.LogCaptureFixture) -> None:
    project.notebook("hello")
    project.notebook("other")
    project.runs(project.entry("one"), project.entry("two", "other"))
    execute(project)
    before = {path: path.stat().st_mtime_ns for path in project.pages.glob("*.ipynb")}
    with caplog.at_level(logging.INFO, "whyreid"):
        assert execute(project) == ()
    assert "2 of 2 pages are up to date" in caplog.text
    assert {path: path.stat().st_mtime_ns for path in before} == before

    project.runs(project.entry("one"), project.entry("two", "other", seed=5))
    assert execute(project) == ("two",)
    assert (project.pages / "one.ipynb").stat().st_mtime_ns == before[project.pages / "one.ipynb"]


def test_a_failing_run_is_kept_and_the_others_go_on(project: Any) -> None:
    project.notebook("hello")
    project.notebook("bad", FAILING)
    bad = {**project.entry("bad", "bad"), "parameters": {"seed": 0}}
    project.runs(bad, project.entry("good"))
    with pytest.raises(
        RunsFailed, match=r"(?s)run bad \(bad\.py\) failed.*failed/bad\.ipynb.*ValueError: no such thing"
    ):
        execute(project)
    assert [path.name for path in project.pages.glob("*.ipynb")] == ["good.ipynb"]
    assert "before" in printed(nbformat.read(project.pages / "failed" / "bad.ipynb", as_version=4))

    project.notebook("bad", FAILING.replace('raise ValueError("no such thing")', "seed"))
    assert execute(project) == ("bad",)
    assert list((project.pages / "failed").iterdir()) == []


def test_a_failing_run_leaves_the_page_that_was_there(project: Any) -> None:
    project.notebook("hello", FAILING.replace("raise", "if seed:\n    raise"))
    entry = project.entry("one")
    project.runs({**entry, "parameters": {"seed": 0}})
    execute(project)
    before = (project.pages / "one.ipynb").read_text()
    project.runs({**entry, "parameters": {"seed": 1}})
    with pytest.raises(RunsFailed):
        execute(project)
    assert (project.pages / "one.ipynb").read_text() == before


def test_a_kernel_that_dies_is_a_failure_like_any_other(project: Any) -> None:
    project.notebook("hello", FAILING.replace('raise ValueError("no such thing")', "import os; os._exit(9)"))
    project.runs({**project.entry("one"), "parameters": {"seed": 0}})
    with pytest.raises(RunsFailed, match=r"run one .* failed.*(?s:.*)died"):
        execute(project)


def test_an_unmet_need_becomes_the_page_and_the_study_goes_on(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from types import SimpleNamespace

    from whyreid.study import runs

    street = SimpleNamespace(name="street", attributes=None, digest=lambda: "d1")
    monkeypatch.setattr(needs, "load_table", lambda folder: street)
    monkeypatch.setattr(runs, "_table_digest", lambda folder: "d1")
    project.notebook("needy", needs="[attributes]")
    project.notebook("hello")
    project.runs(project.entry("one", "needy", dataset="street"), project.entry("two", dataset="street"))
    assert execute(project) == ("one", "two")
    one = page(project, "one")
    assert [cell.cell_type for cell in one.cells] == ["markdown"]
    assert "* **attributes** (attribute labels for every identity): the table street has no `attributes.csv`." in (
        one.cells[0].source
    )
    assert "seed 0" in printed(page(project, "two"))
    assert page(project, "two").cells[2].source.startswith('dataset = "street"')
    assert execute(project) == ()


def test_a_smoke_page_says_that_its_numbers_mean_nothing(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHYREID_PRESET", "smoke")
    project.notebook("hello")
    project.runs(project.entry("one"))
    execute(project)
    assert "preset `smoke`" in page(project, "one").cells[1].source
    assert "no number on this page means anything" in page(project, "one").cells[1].source


SLOW = """\
# %% [markdown]
# # Slow?

# %% tags=["parameters"]
dataset = "promenade-a"
preset = "smoke"
seed = 0

# %%
from pathlib import Path
import time

marker = Path("started")
first = not marker.exists()
marker.touch()

# %%
time.sleep(60 if first else 0)
print("finished")
"""


def test_a_killed_run_leaves_no_page_and_the_next_one_finishes(project: Any) -> None:
    project.notebook("hello", SLOW)
    project.runs(project.entry("one"))
    command = [sys.executable, "-m", "whyreid.cli", "run", "--dataset", "promenade-a", "--out", str(project.pages)]
    victim = subprocess.Popen(command, cwd=project.folder, start_new_session=True)
    deadline = time.monotonic() + 60
    while not (project.folder / "notebooks" / "started").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(victim.pid, signal.SIGKILL)
    victim.wait(timeout=10)
    assert list(project.pages.glob("*.ipynb")) == []

    done = subprocess.run(command, cwd=project.folder, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "finished" in printed(page(project, "one"))
    assert "run 1 of 1: one (promenade-a, default)" in done.stderr


def test_a_library_that_looks_for_a_progress_bar_leaves_no_warning_on_the_page(project: Any) -> None:
    body = """\
        # %% [markdown]
        # # Quiet?

        # %% tags=["parameters"]
        dataset = "promenade-a"
        preset = "smoke"
        seed = 0

        # %%
        import warnings
        warnings.warn("IProgress not found. Please update jupyter and ipywidgets.", UserWarning)
        warnings.warn("something else", UserWarning)
        """
    project.notebook("hello", body)
    project.runs(project.entry("quiet"))
    execute(project)
    assert "something else" in printed(page(project, "quiet"))
    assert "IProgress" not in printed(page(project, "quiet"))
