from __future__ import annotations

from pathlib import Path
from typing import Any

import jupytext
import pytest
from nbformat import NotebookNode

from whyreid.study.notebook import insert_below_title, read_notebook, set_parameters, set_title


def cells(text: str) -> NotebookNode:
    return jupytext.reads(text, fmt="py:percent")


def parameters_cell(source: str) -> NotebookNode:
    return cells(f'# %% tags=["parameters"]\n{source}')


def test_parameters_are_those_of_the_tagged_cell(project: Any) -> None:
    notebook = read_notebook(project.notebook("hello"))
    assert notebook.parameters == {"dataset": "promenade-a", "preset": "smoke", "seed": 0}


def test_the_header_says_what_is_needed_and_read(project: Any) -> None:
    path = project.notebook("hello", needs="[attributes, times]", reads="[book/results/*.json]")
    notebook = read_notebook(path)
    assert notebook.needs == ("attributes", "times")
    assert notebook.reads == ("book/results/*.json",)


def test_a_notebook_without_header_and_parameters_needs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "plain.py"
    path.write_text("# %%\nprint(1)\n")
    notebook = read_notebook(path)
    assert (notebook.parameters, notebook.needs, notebook.reads, notebook.code) == ({}, (), (), "print(1)")


def test_magics_do_not_stand_in_the_code(tmp_path: Path) -> None:
    path = tmp_path / "magic.py"
    path.write_text("# %%\n# %matplotlib inline\nimport os\nif os:\n    # !ls\n    x = 1\n\n# %%\n# %%bash\n# ls -l\n")
    compile(read_notebook(path).code, "notebook", "exec")
    assert "import os" in read_notebook(path).code


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('# %% tags=["parameters"]\nx = 1\n\n# %% tags=["parameters"]\ny = 2\n', "must have one cell tagged"),
        ('# %% tags=["parameters"]\nx = open("f")\n', r"parameter x of bad.py must be a literal .* got open\('f'\)"),
        ("# %%\nx = = 1\n", "bad.py is not Python at"),
    ],
)
def test_a_notebook_that_cannot_be_read_is_refused(project: Any, body: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_notebook(project.notebook("bad", body))


def test_a_header_with_an_unknown_declaration_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "odd.py"
    path.write_text("# ---\n# jupyter:\n#   whyreid:\n#     need: [times]\n# ---\n\n# %%\n1\n")
    with pytest.raises(ValueError, match=r"may declare needs and reads under whyreid, got \['need'\]"):
        read_notebook(path)


def test_a_missing_notebook_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"gone\.py does not exist"):
        read_notebook(tmp_path / "gone.py")


def test_values_take_the_place_of_defaults_and_comments_stay() -> None:
    node = parameters_cell(
        'dataset = "a"  # or "b" = other\nseed: int = 0  # é\nx = [\n    1,\n    2,\n]\ny = 1; z = 2\n'
    )
    set_parameters(node, {"dataset": "b's", "seed": 7, "x": [3], "z": None})
    assert node.cells[0].source.splitlines() == [
        'dataset = "b\'s"  # or "b" = other',
        "seed: int = 7  # é",
        "x = [3]",
        "y = 1; z = None",
    ]


def test_a_value_with_signs_of_its_own_survives() -> None:
    node = parameters_cell("é = 1  # a\ntext = 'x'\n")
    values = {"é": -2.5, "text": "line\nbreak \"quoted\" 'both' \\"}
    set_parameters(node, values)
    scope: dict[str, Any] = {}
    exec(node.cells[0].source, scope)
    assert {name: scope[name] for name in values} == values


def test_other_cells_are_not_touched() -> None:
    node = cells('# %%\nseed = 1\n\n# %% tags=["parameters"]\nseed = 0\n')
    set_parameters(node, {"seed": 7})
    assert [cell.source for cell in node.cells] == ["seed = 1", "seed = 7"]


def test_the_first_heading_is_replaced() -> None:
    node = cells("# %% [markdown]\n# # Who is where?\n#\n# Text.\n#\n# ## Part\n\n# %% [markdown]\n# # Second\n")
    set_title(node, "New")
    assert [cell.source for cell in node.cells] == ["# New\n\nText.\n\n## Part", "# Second"]


def test_a_notebook_without_heading_gets_one() -> None:
    node = cells("# %% [markdown]\n# Text.\n\n# %%\n# # comment\nx = 1\n")
    set_title(node, "New")
    assert [cell.source for cell in node.cells] == ["# New", "Text.", "# # comment\nx = 1"]


def test_a_line_goes_right_below_the_cell_with_the_title() -> None:
    node = cells("# %%\n1\n\n# %% [markdown]\n# # Title\n# text\n\n# %%\n2\n")
    insert_below_title(node, "Made today.")
    assert [cell.source for cell in node.cells] == ["1", "# Title\ntext", "Made today.", "2"]
