"""Executed notebooks that tell nothing about the machine on which they ran."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

_CELL_FILE = re.compile(r"\S*ipykernel_\d+[/\\]\d+\.py")


def hide_machine_paths(node: NotebookNode, known: Mapping[Path, str]) -> None:
    """Replace the machine's folders in what the cells printed, drew as text, or raised.

    Args:
        node: an executed notebook, changed: the text of all outputs and papermill's own file names.
        known: folders and what to write instead, ``""`` for a folder relative to which paths may stand. The Python
            environment, the folder for temporary files and the home folder are always replaced.
    """
    node.metadata.get("papermill", {}).pop("input_path", None)
    node.metadata.get("papermill", {}).pop("output_path", None)
    always = {Path(sys.prefix): "<python>", Path(sys.base_prefix): "<python>", Path.home(): "~"}
    always[Path(tempfile.gettempdir()).resolve()] = "<temporary>"
    folders = {**always, **known}
    for cell in node.cells:
        if "outputs" in cell:
            cell.outputs = [_hidden(output, folders) for output in cell.outputs]


def hide_paths(text: str, folders: Mapping[Path, str]) -> str:
    """Replace folders in a text, the deepest first.

    Args:
        text: any text.
        folders: absolute folders and their replacements.

    Returns:
        The text; ``folder/x`` becomes ``replacement/x``, or ``x`` where the replacement is empty.

    Example:
        >>> hide_paths("saved /home/ann/book/a.csv", {Path("/home/ann"): "~", Path("/home/ann/book"): ""})
        'saved a.csv'
    """
    text = _CELL_FILE.sub("<cell>", text)
    for folder in sorted(folders, key=lambda path: len(str(path)), reverse=True):
        if folder != Path(folder.anchor):
            name = folders[folder]
            text = text.replace(f"{folder}/", f"{name}/" if name else "")
            text = re.sub(rf"{re.escape(str(folder))}(?![\w-]|\.\w)", lambda _, name=name: name or ".", text)  # type: ignore[misc]
    return text


def _hidden(value: Any, folders: Mapping[Path, str]) -> Any:
    """The same output with every text in it cleaned, except encoded pictures."""
    if isinstance(value, str):
        return hide_paths(value, folders)
    if isinstance(value, list):
        return [_hidden(item, folders) for item in value]
    if isinstance(value, dict):
        return NotebookNode({
            key: item if str(key).startswith("image/p") or key == "image/jpeg" else _hidden(item, folders)
            for key, item in value.items()
        })  # fmt: skip
    return value
