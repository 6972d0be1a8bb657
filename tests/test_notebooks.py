"""Every notebook runs from top to bottom with its own defaults, as nbval sees it, and is written as the others are."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import jupytext
import nbformat
import pytest
import yaml

from whyreid.study.needs import NEEDS
from whyreid.study.notebook import read_notebook

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))
names = pytest.mark.parametrize("source", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])


def lines_of_code(cell: str) -> int:
    """Lines of a cell's statements; imports, comments and empty lines do not count."""
    statements = [node for node in ast.parse(cell).body if not isinstance(node, ast.Import | ast.ImportFrom)]
    return sum((node.end_lineno or node.lineno) - node.lineno + 1 for node in statements)


def test_there_are_notebooks_and_each_is_a_page_of_the_book() -> None:
    used = {entry["notebook"] for entry in yaml.safe_load((ROOT / "runs.yml").read_text())}
    assert used == {path.relative_to(ROOT).as_posix() for path in NOTEBOOKS}


@pytest.mark.slow
@names
def test_notebook_runs_from_top_to_bottom(source: Path, tmp_path: Path, smoke_environment: dict[str, str]) -> None:
    node = jupytext.read(source)
    node.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    copy = tmp_path / f"{source.stem}.ipynb"
    nbformat.write(node, copy)
    # --nbval-cell-timeout: a first cell may have to render and train what no earlier notebook has stored
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--nbval-lax",
        "--nbval-cell-timeout=600",
        "-q",
        "-p",
        "no:cacheprovider",
    ]
    options = ["--rootdir", tmp_path, "-c", "/dev/null", copy]
    done = subprocess.run(
        [*command, *options], cwd=tmp_path, env=smoke_environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    code_cells = sum(cell.cell_type == "code" for cell in node.cells)
    assert f"{code_cells} passed" in done.stdout


@names
def test_defaults_are_the_smallest_and_safest(source: Path) -> None:
    parameters = read_notebook(source).parameters
    assert list(parameters)[:4] == ["dataset", "preset", "seed", "device"]
    assert parameters["preset"] == "smoke"
    assert str(parameters["dataset"]).startswith("promenade")


@names
def test_every_parameter_says_its_values(source: Path) -> None:
    [cell] = [cell for cell in jupytext.read(source).cells if "parameters" in cell.metadata.get("tags", [])]
    for line in cell.source.splitlines():
        assert "  # " in line, f"{line!r} needs a comment with its allowed values"


@names
def test_title_is_a_question_and_prose_comes_first(source: Path) -> None:
    cells = jupytext.read(source).cells
    assert cells[0].cell_type == "markdown"
    title = cells[0].source.splitlines()[0]
    assert title.startswith("# ")
    assert title.endswith("?")
    assert len(cells[0].source.split()) <= 150


@names
def test_needs_are_declared(source: Path) -> None:
    assert "whyreid" in jupytext.read(source).metadata, "declare whyreid: {needs: [...]} in the header"
    assert set(read_notebook(source).needs) <= set(NEEDS)


@names
def test_code_cells_are_short(source: Path) -> None:
    cells = [cell.source for cell in jupytext.read(source).cells if cell.cell_type == "code"]
    lengths = sorted(map(lines_of_code, cells))
    assert lengths[len(lengths) // 2] <= 8, "half of the cells should have no more than eight lines"
    for cell in cells:
        assert lines_of_code(cell) <= 15, f"move some of this to the library:\n{cell}"


@names
def test_last_cell_says_where_the_numbers_come_from(source: Path) -> None:
    assert "record.table(" in jupytext.read(source).cells[-1].source
