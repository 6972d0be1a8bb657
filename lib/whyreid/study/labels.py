"""The same notebook on two pages: labels are global in a book, so each page gets its own."""

from __future__ import annotations

import re

from nbformat import NotebookNode

_DEFINITIONS = (
    re.compile(r"^\(([\w.:-]+)\)=\s*$", re.MULTILINE),  # a target above a heading
    re.compile(r"^\s*:(?:label|name):\s*([\w.:-]+)\s*$", re.MULTILINE),  # an option of a directive
    re.compile(r"^\s*\$\$\s*\(([\w.:-]+)\)\s*$", re.MULTILINE),  # a formula
)


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
    pattern = re.compile(rf"(?<![\w.:-])({names})(?![\w.:-])")
    anchors = re.compile(
        rf"(?:^\(|^\s*:(?:label|name):\s*|\$\$\s*\(|\{{(?:eq|ref|numref|prf:ref)\}}`[^`]*|\]\(#?)(?:{names})(?![\w.:-])",
        re.MULTILINE,
    )
    for cell in node.cells:
        if cell.cell_type == "markdown":
            cell.source = anchors.sub(lambda match: pattern.sub(rf"\1-{page}", match.group()), cell.source)
        figure = _figure(cell)
        if figure.get("name"):
            figure["name"] = f"{figure['name']}-{page}"


def _figure(cell: NotebookNode) -> dict[str, str]:
    for key in ("mystnb", "render"):
        figure = cell.metadata.get(key, {}).get("figure", {})
        if figure:
            return figure
    return {}
