from __future__ import annotations

import sys
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from whyreid.study.tidy import hide_machine_paths, hide_paths


def test_the_deepest_folder_wins_and_an_empty_name_leaves_a_relative_path() -> None:
    folders = {Path("/home/ann"): "~", Path("/home/ann/book"): "", Path("/home/ann/book/store"): "artifacts"}
    text = "/home/ann/x /home/ann/book/y.csv /home/ann/book/store/z /home/ann/book"
    assert hide_paths(text, folders) == "~/x y.csv artifacts/z ."


def test_a_longer_name_that_begins_alike_is_another_folder() -> None:
    assert hide_paths("/home/anna/x", {Path("/home/ann"): "~"}) == "/home/anna/x"


def test_the_root_folder_is_never_replaced() -> None:
    assert hide_paths("a/b", {Path("/"): "root"}) == "a/b"


def test_cells_files_have_no_number() -> None:
    assert hide_paths("/" + "tmp/ipykernel_12/345.py:2: UserWarning", {}) == "<cell>:2: UserWarning"


def test_all_outputs_are_cleaned_but_pictures(tmp_path: Path) -> None:
    inside = f"{tmp_path}/file"
    outputs = [
        new_output("stream", name="stdout", text=f"saved {inside}\n{sys.prefix}/lib"),
        new_output("display_data", {"text/html": f"<b>{inside}</b>", "image/png": str(tmp_path)}),
        new_output("error", ename="E", evalue=inside, traceback=[f"File {inside}"]),
    ]
    node = new_notebook(cells=[new_code_cell("x", outputs=outputs)])
    node.metadata["papermill"] = {"input_path": inside, "output_path": inside, "duration": 1}
    hide_machine_paths(node, {tmp_path: ""})
    stream, display, error = node.cells[0].outputs
    assert stream.text == "saved file\n<python>/lib"
    assert display.data == {"text/html": "<b>file</b>", "image/png": str(tmp_path)}
    assert (error.evalue, error.traceback) == ("file", ["File file"])
    assert node.metadata["papermill"] == {"duration": 1}


@pytest.mark.parametrize("folder", [Path.home(), Path(sys.prefix)])
def test_the_home_and_the_environment_are_always_hidden(folder: Path) -> None:
    node = new_notebook(cells=[new_code_cell("", outputs=[new_output("stream", text=f"{folder}/x")])])
    hide_machine_paths(node, {})
    assert str(folder) not in node.cells[0].outputs[0].text
