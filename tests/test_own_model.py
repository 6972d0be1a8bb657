"""The page on own models is executed from top to bottom; what it says is printed or raised is held against it."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from whyreid.cli import app

PAGE = (Path(__file__).parents[1] / "book" / "own-model.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
COMMANDS = [line for language, text in BLOCKS if language == "bash" for line in text.splitlines()]


def outcome(text: str, names: dict[str, object]) -> str:
    """What a block prints, or its error as Python's last line would show it."""
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            exec(compile(text, "own-model.md", "exec"), names)
    except Exception as error:
        return f"{type(error).__name__}: {error}\n"
    return printed.getvalue()


def python_and_expected() -> list[tuple[str, str]]:
    """Each Python block with the text block behind it, nothing where there is none."""
    following = [*BLOCKS[1:], ("", "")]
    return [
        (text, shown if kind == "text" else "")
        for (language, text), (kind, shown) in zip(BLOCKS, following, strict=True)
        if language == "python"
    ]


def test_the_page_has_blocks_of_known_kinds_and_shows_errors() -> None:
    assert {language for language, _ in BLOCKS} == {"python", "text", "bash"}
    assert sum("Error: " in shown for _, shown in python_and_expected()) >= 5


def test_the_graft_takes_ten_lines_beside_the_imports() -> None:
    [graft] = [text for text, _ in python_and_expected() if "report = " in text]
    lines = [line for line in graft.splitlines() if line and not line.startswith(("import ", "from "))]
    assert len(lines) <= 10


@pytest.mark.slow
@pytest.mark.usefixtures("smoke_results")
def test_the_page_runs_from_top_to_bottom_and_shows_what_comes_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "page"}
    for text, expected in python_and_expected():
        assert outcome(text, names) == expected, text


@pytest.mark.slow
@pytest.mark.usefixtures("smoke_results")
def test_the_commands_run_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert COMMANDS
    for command in COMMANDS:
        program, *arguments = shlex.split(command)
        assert program == "whyreid"
        done = CliRunner().invoke(app, [*arguments, "--device", "cpu"], env={"COLUMNS": "160"})
        assert done.exit_code == 0, done.output
