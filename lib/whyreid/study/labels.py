"""The same notebook on two pages: labels are global in a book, so each page gets its own."""

from __future__ import annotations

import re

from nbformat import NotebookNode

_DEFINITIONS = (
    re.compile(r"^\(([\w.:-]+)\)=\s*$", re.MULTILINE),  # a target above a heading
    re.compile(r"^\s*:(?:label|name):\s*([\w.:-]+)\s*$", re.MULTILINE),  # an option of a directive
    re.compile(r"\$\$[ \t]*\(([\w.:-]+)\)\s*$", re.MULTILINE),  # a formula
)
_BEFORE = r"^\(|^\s*:(?:label|name):\s*|\$\$[ \t]*\(|\{(?:eq|ref|numref|prf:ref)\}`(?:[^`<]*<)?|\]\(#?"
"""What stands before a label where it is defined or referred to."""


def labels(node: NotebookNode) -> set[str]:
    """Every label that a notebook defines: headings, directives, formulas, and figures named in cell metadata.

    Args:
        node: a notebook object.

    Returns:
        The labels.
    """
    found: set[str] = set()
    for cell in node.cells:
        if cell.cell_type == "markdown":
            for pattern in _DEFINITIONS:
                found |= set(pattern.findall(cell.source))
        name = _figure(cell).get("name")
        found |= {name} if name else set()
    return found


def suffix_labels(node: NotebookNode, page: str) -> None:
    """Append ``-page`` to every label that the notebook defines, and to its own references to them.

    Args:
        node: a notebook object, changed.
        page: the page's name.
    """
    renamed = labels(node)
    if not renamed:
        return
    names = "|".join(re.escape(label) for label in sorted(renamed, key=len, reverse=True))
    used = re.compile(rf"({_BEFORE})({names})(?![\w.:-])", re.MULTILINE)
    for cell in node.cells:
        if cell.cell_type == "markdown":
            cell.source = used.sub(rf"\1\2-{page}", cell.source)
        figure = _figure(cell)
        if figure.get("name"):
            figure["name"] = f"{figure['name']}-{page}"


def _figure(cell: NotebookNode) -> dict[str, str]:
    for key in ("mystnb", "render"):
        figure = cell.metadata.get(key, {}).get("figure", {})
        if figure:
            return figure
    return {}
