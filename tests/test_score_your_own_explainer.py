"""The page on scoring an own explainer is executed from top to bottom."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[1] / "book" / "score-your-own-explainer.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


def statements(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip() and not line.startswith(("import ", "from "))]


def test_an_explainer_and_its_score_take_ten_lines_each_beside_the_imports() -> None:
    assert len(statements(BLOCKS[0])) <= 10
    assert len(statements(BLOCKS[1])) <= 10


@pytest.mark.slow
@pytest.mark.usefixtures("smoke_results")
def test_the_page_runs_from_top_to_bottom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "page"}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        for text in BLOCKS:
            exec(compile(text, "score-your-own-explainer.md", "exec"), names)
    said = printed.getvalue()
    scores = dict(re.findall(r"^(\w+): (-?\d\.\d\d)$", said, flags=re.MULTILINE))
    assert set(scores) >= {"rank_correlation", "top1", "sign", "error", "label_agreement"}
    assert -1 <= float(scores["rank_correlation"]) <= 1
    assert re.search(r"^gain -?\d\.\d\d, 95 % from -?\d\.\d\d to -?\d\.\d\d$", said, flags=re.MULTILINE)
    assert "GradCAM, oracle mask: " in said
    assert "must be of one kind, got 'squared_distance' and 'distance'" in said
