"""A notebook's source (py:percent text): its cells, its parameters, what it needs of a data set and what it reads."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jupytext
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

PARAMETERS_TAG = "parameters"


@dataclass(frozen=True)
class SourceNotebook:
    """A notebook as its author wrote it.

    Attributes:
        path: the source file.
        parameters: names and default values of the cell that is tagged ``parameters``, in its order; empty without one.
        needs: what the notebook asks of its data set (`whyreid.study.needs.NEEDS`), from its header.
        reads: files that it reads, as patterns relative to the project's folder, from its header.
        code: the Python of all code cells, without lines that only IPython understands.
    """

    path: Path
    parameters: Mapping[str, Any]
    needs: tuple[str, ...]
    reads: tuple[str, ...]
    code: str

    def cells(self) -> NotebookNode:
        """A fresh notebook object, free to be changed."""
        return jupytext.read(self.path)


def read_notebook(path: Path) -> SourceNotebook:
    """Read a notebook's source and what its header declares.

    The header may hold, under ``jupyter:``, ``whyreid: {needs: [attributes], reads: [book/results/*.json]}``.

    Args:
        path: a py:percent file (any format that jupytext knows will do).

    Returns:
        The notebook; nothing is executed.

    Raises:
        FileNotFoundError: no such file.
        ValueError: several cells are tagged ``parameters``, one of its values is no literal, the code is not Python, or
            the header declares something else than needs and reads.
    """
    if not path.is_file():
        raise FileNotFoundError(f"notebook {path} does not exist.")
    node = jupytext.read(path)
    tagged = [cell for cell in node.cells if PARAMETERS_TAG in cell.metadata.get("tags", [])]
    if len(tagged) > 1:
        raise ValueError(f"{path.name} must have one cell tagged {PARAMETERS_TAG!r}, got {len(tagged)}; join them.")
    declared = dict(node.metadata.get("whyreid", {}))
    unknown = sorted(set(declared) - {"needs", "reads"})
    if unknown:
        raise ValueError(f"the header of {path.name} may declare needs and reads under whyreid, got {unknown}.")
    code = "\n".join(_plain_python(cell.source) for cell in node.cells if cell.cell_type == "code")
    _parsed(code, path)
    parameters = _literals(_plain_python(tagged[0].source), path) if tagged else {}
    return SourceNotebook(
        path, parameters, tuple(declared.get("needs", ())), tuple(declared.get("reads", ())), code
    )  # fmt: skip


def set_parameters(node: NotebookNode, values: Mapping[str, Any]) -> None:
    """Write values into the cell tagged ``parameters``, in place of its defaults; comments stay where they are.

    Args:
        node: a notebook object, changed.
        values: names that the cell assigns, and literals.
    """
    for cell in node.cells:
        if PARAMETERS_TAG in cell.metadata.get("tags", []):
            cell.source = _with_values(cell.source, values)


def set_title(node: NotebookNode, title: str) -> None:
    """Replace the first heading of level 1, or put one in front when the first cell has none.

    Args:
        node: a notebook object, changed.
        title: one line of Markdown.
    """
    for cell in node.cells:
        lines = cell.source.splitlines() if cell.cell_type == "markdown" else []
        for number, line in enumerate(lines):
            if line.startswith("# "):
                lines[number] = f"# {title}"
                cell.source = "\n".join(lines)
                return
    node.cells.insert(0, new_markdown_cell(f"# {title}"))


def insert_below_title(node: NotebookNode, text: str) -> None:
    """Put a Markdown cell right below the cell with the first heading of level 1.

    Args:
        node: a notebook object that has such a heading, changed.
        text: Markdown.
    """
    for index, cell in enumerate(node.cells):
        if cell.cell_type == "markdown" and any(line.startswith("# ") for line in cell.source.splitlines()):
            node.cells.insert(index + 1, new_markdown_cell(text))
            return


def _plain_python(source: str) -> str:
    """A cell without magics and shell lines, each replaced by an empty line (or ``pass`` inside a block)."""
    if source.lstrip().startswith("%%"):
        return ""
    lines = []
    for line in source.splitlines():
        body = line.lstrip()
        lines.append(line[: len(line) - len(body)] + "pass" if body.startswith(("%", "!")) else line)
    return "\n".join(lines)


def _parsed(code: str, path: Path) -> ast.Module:
    try:
        return ast.parse(code)
    except SyntaxError as error:
        raise ValueError(f"{path.name} is not Python at {error.text!r}: {error.msg}.") from error


def _literals(source: str, path: Path) -> dict[str, Any]:
    values = {}
    for name, value in _assignments(_parsed(source, path)):
        try:
            values[name] = ast.literal_eval(value)
        except ValueError as error:
            raise ValueError(
                f"parameter {name} of {path.name} must be a literal (a number, a text, a list of them), "
                f"got {ast.unparse(value)}."
            ) from error
    return values


def _assignments(tree: ast.Module) -> list[tuple[str, ast.expr]]:
    found = []
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found.append((node.targets[0].id, node.value))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            found.append((node.target.id, node.value))
    return found


def _with_values(source: str, values: Mapping[str, Any]) -> str:
    """A cell's source in which every assigned literal is replaced, from the last to the first."""
    lines = [line.encode() for line in source.splitlines()]
    for name, value in reversed(_assignments(ast.parse(source))):
        if name in values and value.end_lineno is not None and value.end_col_offset is not None:
            first, last = value.lineno - 1, value.end_lineno - 1
            head, tail = lines[first][: value.col_offset], lines[last][value.end_col_offset :]
            lines[first : last + 1] = [head + _literal(values[name]).encode() + tail]
    return b"\n".join(lines).decode()


def _literal(value: Any) -> str:
    """Python source of a value, texts in double quotes as the formatter writes them."""
    text = repr(value)
    if isinstance(value, str) and text.startswith("'") and '"' not in text:
        return f'"{text[1:-1]}"'
    return text
