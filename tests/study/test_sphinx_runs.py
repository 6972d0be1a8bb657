from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CONFIG = Path(__file__).resolve().parents[2] / "_config.yml"
NUMBER = """\
# %% [markdown]
# # How many?

# %% tags=["parameters"]
seed = 0

# %%
from myst_nb import glue

glue("answer", seed + 0.125, display=False)
"""
INDEX = "# Toy\n\nThe answer is {glue:text}`runs/number.ipynb::answer:.3f`.\n"


@pytest.fixture
def book(project: Any) -> Any:
    """A book of two pages, the first of which pastes a number from the second, with this project's settings."""
    shutil.copy(CONFIG, project.folder)
    source = project.folder / "book"
    (source / "index.md").write_text(INDEX)
    (source / "references.bib").touch()
    (source / "_toc.yml").write_text("format: jb-book\nroot: index\nchapters:\n- file: runs/number\n")
    project.notebook("number", NUMBER)
    answer(project, 3)
    return project


def answer(project: Any, seed: int, title: str = "How many?") -> None:
    notebook = {"notebook": "notebooks/number.py", "parameters": {"seed": seed}}
    project.runs({"page": "number", "title": title, **notebook})


def build(project: Any) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).parent / "jupyter-book", "build", "book/", "-W", "-n", "--keep-going"]
    return subprocess.run(command, cwd=project.folder, capture_output=True, text=True, timeout=400, check=False)


def html(project: Any, name: str) -> str:
    return (project.folder / "_build" / "html" / f"{name}.html").read_text()


@pytest.mark.slow
def test_a_plain_build_executes_what_is_stale_and_pastes_fresh_numbers(book: Any) -> None:
    first = build(book)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "run 1 of 1: number" in first.stderr
    assert ">3.125<" in html(book, "index")

    again = build(book)
    assert again.returncode == 0
    assert "1 of 1 pages are up to date" in again.stderr
    assert "0 added, 0 changed, 0 removed" in again.stdout

    answer(book, 5, "How many now?")
    changed = build(book)
    assert changed.returncode == 0, changed.stdout + changed.stderr
    assert ">5.125<" in html(book, "index")
    assert "How many now?" in html(book, "index")


@pytest.mark.slow
def test_a_failing_notebook_fails_the_build_with_its_traceback(book: Any) -> None:
    path = book.notebook("number", NUMBER.replace("glue(", "1 / 0\nglue("))
    assert path.exists()
    done = build(book)
    assert done.returncode != 0
    assert "ZeroDivisionError: division by zero" in done.stderr
    assert "failed/number.ipynb" in done.stderr
    assert not (book.folder / "_build" / "html" / "index.html").exists()


@pytest.mark.slow
def test_a_misspelt_parameter_fails_the_build_with_those_that_exist(book: Any) -> None:
    book.runs({"page": "number", "title": "T", "notebook": "notebooks/number.py", "parameters": {"sed": 1}})
    done = build(book)
    assert done.returncode != 0
    assert "There are: seed. Did you mean seed?" in done.stderr
