"""What the README shows is executed: its Python as it stands, its commands in a fresh clone."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
PYTHON = [text for language, text in BLOCKS if language == "python"]
NEVER = {"make test"}  # these tests are part of it


def commands(language: str) -> list[str]:
    lines = [
        line.partition("  #")[0].strip() for kind, text in BLOCKS if kind == language for line in text.splitlines()
    ]
    return [line for line in lines if line]


def test_the_readme_shows_what_it_promises() -> None:
    assert len(PYTHON) >= 2
    assert commands("bash")[:2] == ["make book", "make test"]


def test_blocks_are_of_a_kind_that_is_tested() -> None:
    assert {language for language, _ in BLOCKS} <= {"python", "bash", "text", "yaml"}


@pytest.mark.slow
@pytest.mark.parametrize("text", PYTHON, ids=[f"block-{number}" for number in range(1, len(PYTHON) + 1)])
def test_python_runs_as_it_stands(text: str, tmp_path: Path, smoke_environment: dict[str, str]) -> None:
    script = tmp_path / "block.py"
    script.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, env=smoke_environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert ("print(" in text) == bool(done.stdout.strip())


@pytest.mark.slow
@pytest.mark.parametrize("command", [command for command in commands("bash") if command not in NEVER])
def test_commands_run_in_a_fresh_clone(command: str, scratch_clone: Path, smoke_environment: dict[str, str]) -> None:
    arguments = shlex.split(command)
    if arguments[0] == "make":
        arguments.append(f"PYTHON={sys.executable}")
    if arguments[0] == "whyreid":
        arguments[0] = str(Path(sys.executable).parent / "whyreid")
    done = subprocess.run(
        arguments, cwd=scratch_clone, env=smoke_environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-6000:]


@pytest.mark.parametrize("command", commands("text"))
def test_commands_on_own_data_name_options_that_exist(command: str) -> None:
    """They need data that nobody has here, so they are held against what the programs say of themselves."""
    program, *arguments = shlex.split(command)
    where = Path(sys.executable).parent / program if program != "python" else Path(sys.executable)
    named = [argument for argument in arguments if not argument.startswith("-")][:1]
    environment = {"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [where, *named, "--help"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for option in (argument for argument in arguments if argument.startswith("--")):
        assert option in done.stdout, f"{command}: no {option}"


@pytest.mark.parametrize("target", re.findall(r"`(make [a-z]+)(?: PRESET=\w+)?`", README))
def test_every_make_target_that_the_text_names_exists(target: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{target.removeprefix('make ')}:", makefile, flags=re.MULTILINE)


def test_every_file_that_the_readme_links_to_is_there() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    for link in links:
        if not link.startswith("http"):
            assert (ROOT / link).exists(), link
