from __future__ import annotations

import jupytext
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from whyreid.study.labels import labels, suffix_labels

TEXT = """\
(top)=
# Title

See {ref}`the top <top>`, {eq}`error` and {numref}`top-two`; the word top stays, so does {ref}`elsewhere`.

(top-two)=
## Two

```{math}
:label: error
x
```

$$ y $$ (other)

Go [up](#top) or {eq}`other`.
"""


def node(text: str = TEXT):
    figure = {"mystnb": {"figure": {"name": "ranks", "caption": "Ranks"}}}
    return new_notebook(cells=[new_markdown_cell(text), new_code_cell("top = 1", metadata=figure)])


def test_labels_of_headings_formulas_directives_and_figures_are_found() -> None:
    assert labels(node()) == {"top", "top-two", "error", "other", "ranks"}
    assert labels(node(TEXT.replace("$$ y $$", "$$\ny\n$$"))) == labels(node())


def test_definitions_and_own_references_get_the_pages_name() -> None:
    book = node()
    suffix_labels(book, "b")
    text, code = book.cells
    for expected in [
        "(top-b)=", "(top-two-b)=", ":label: error-b", "$$ (other-b)", "{ref}`the top <top-b>`", "{eq}`error-b`",
        "{numref}`top-two-b`", "the word top stays", "{ref}`elsewhere`", "[up](#top-b)", "{eq}`other-b`",
    ]:  # fmt: skip
        assert expected in text.source
    assert code.source == "top = 1"
    assert code.metadata["mystnb"]["figure"]["name"] == "ranks-b"


def test_a_notebook_without_labels_stays_as_it_is() -> None:
    book = new_notebook(cells=[new_markdown_cell("# Title\n\n{ref}`elsewhere`"), new_code_cell("(x)")])
    suffix_labels(book, "b")
    assert [cell.source for cell in book.cells] == ["# Title\n\n{ref}`elsewhere`", "(x)"]


def test_pages_of_one_notebook_share_no_label() -> None:
    one, two = node(), node()
    suffix_labels(two, "second")
    assert labels(one)
    assert not labels(one) & labels(two)


def test_sources_from_jupytext_work_alike() -> None:
    book = jupytext.reads("# %% [markdown]\n# (here)=\n# # Title\n", fmt="py:percent")
    suffix_labels(book, "b")
    assert book.cells[0].source == "(here-b)=\n# Title"
