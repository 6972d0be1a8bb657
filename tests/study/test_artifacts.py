from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from textwrap import dedent

import pytest

from whyreid.study import artifacts
from whyreid.study.artifacts import artifact, artifacts_root, read_provenance

CODE = ["whyreid.study.canonical"]


def write(folder: Path) -> None:
    (folder / "result.txt").write_text("done")


def test_a_result_is_made_once_and_found_again(tmp_path: Path) -> None:
    calls: list[Path] = []

    def make(folder: Path) -> None:
        calls.append(folder)
        write(folder)

    first = artifact("train", {"seed": 0}, make, code=CODE, root=tmp_path)
    second = artifact("train", {"seed": 0}, make, code=CODE, root=tmp_path)
    assert first == second
    assert (first / "result.txt").read_text() == "done"
    assert len(calls) == 1
    assert calls[0] != first


def test_other_inputs_steps_and_code_are_other_results(tmp_path: Path) -> None:
    folders = {
        artifact("train", {"seed": 0}, write, code=CODE, root=tmp_path),
        artifact("train", {"seed": 1}, write, code=CODE, root=tmp_path),
        artifact("embed", {"seed": 0}, write, code=CODE, root=tmp_path),
        artifact("train", {"seed": 0}, write, code=["whyreid.study.labels"], root=tmp_path),
    }
    assert len(folders) == 4


def test_other_versions_are_other_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = artifact("train", {}, write, code=CODE, root=tmp_path)
    monkeypatch.setattr(artifacts, "versions", lambda: {"torch": "99", "numpy": "1"})
    assert artifact("train", {}, write, code=CODE, root=tmp_path) != before


def test_provenance_says_what_made_the_result(tmp_path: Path) -> None:
    folder = artifact("train", {"seed": 0}, write, code=CODE, root=tmp_path)
    record = read_provenance(folder)
    assert record["step"] == "train"
    assert record["inputs"] == {"seed": 0}
    assert record["code"]["modules"] == ["whyreid.study.canonical"]
    assert record["digest"].startswith(folder.name)
    assert set(record["versions"]) == {"torch", "numpy"}
    assert record["attempts"] == 1
    assert record["wall_seconds"] >= 0
    assert record["made"].endswith("+00:00")


def test_a_finished_folder_holds_only_what_was_made_and_its_provenance(tmp_path: Path) -> None:
    folder = artifact("train", {}, write, code=CODE, root=tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == ["provenance.json", "result.txt"]


def test_a_result_can_be_the_input_of_the_next_step(tmp_path: Path) -> None:
    one, two = (artifact("train", {"seed": seed}, write, code=CODE, root=tmp_path) for seed in (0, 1))
    assert artifact("embed", {"model": one}, write, code=CODE, root=tmp_path) != artifact(
        "embed", {"model": two}, write, code=CODE, root=tmp_path
    )


def test_what_a_failed_step_wrote_is_there_for_the_next_try(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "checkpoint").write_text("epoch 3")
        raise RuntimeError("out of memory")

    def resume(folder: Path) -> None:
        (folder / "resumed").write_text((folder / "checkpoint").read_text())

    with pytest.raises(RuntimeError, match="out of memory"):
        artifact("train", {}, fail, code=CODE, root=tmp_path)
    assert [path.name for path in (tmp_path / "train").iterdir()] == [".making"]
    folder = artifact("train", {}, resume, code=CODE, root=tmp_path)
    assert (folder / "resumed").read_text() == "epoch 3"
    assert read_provenance(folder)["attempts"] == 2


@pytest.mark.parametrize("step", ["", "Train", "a/b", "..", "two words", "-a"])
def test_a_step_needs_a_name_that_is_a_folder(tmp_path: Path, step: str) -> None:
    with pytest.raises(ValueError, match="lower-case words joined by hyphens"):
        artifact(step, {}, write, code=CODE, root=tmp_path)


def test_bad_inputs_are_refused_before_anything_is_made(tmp_path: Path) -> None:
    def make(folder: Path) -> None:
        pytest.fail("made in spite of bad inputs")

    with pytest.raises(TypeError, match="must be numbers"):
        artifact("train", {"x": object()}, make, code=CODE, root=tmp_path)
    with pytest.raises(ValueError, match="code must name modules"):
        artifact("train", {}, make, code=["whyreid.nowhere"], root=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_root_is_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHYREID_ARTIFACTS", str(tmp_path / "elsewhere"))
    assert artifacts_root() == tmp_path / "elsewhere"


def test_the_root_is_the_projects_from_any_folder_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WHYREID_ARTIFACTS", raising=False)
    (tmp_path / "runs.yml").touch()
    (tmp_path / "notebooks" / "deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "notebooks" / "deep")
    assert artifacts_root() == tmp_path / "artifacts"


def test_a_second_thread_waits_says_so_and_finds_the_result(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    started, calls = threading.Event(), []

    def slow(folder: Path) -> None:
        calls.append(folder)
        started.set()
        time.sleep(0.5)
        write(folder)

    results: list[Path] = []
    first = threading.Thread(target=lambda: results.append(artifact("train", {}, slow, code=CODE, root=tmp_path)))
    with caplog.at_level(logging.INFO, "whyreid"):
        first.start()
        assert started.wait(10)
        results.append(artifact("train", {}, slow, code=CODE, root=tmp_path))
        first.join()
    assert len(calls) == 1
    assert results[0] == results[1]
    assert "is being made by another process; waiting" in caplog.text


MAKER = """
    import os, sys, time
    from pathlib import Path
    from whyreid.study.artifacts import artifact

    root, epochs = Path(sys.argv[1]), 20

    def make(folder):
        (root / f"maker-{os.getpid()}").touch()
        state = folder / "state"
        done = int(state.read_text()) if state.exists() else 0
        for epoch in range(done, epochs):
            time.sleep(0.05)
            part = folder / "state.part"
            part.write_text(str(epoch + 1))
            part.replace(state)
            with (folder / "log").open("a") as log:
                log.write(f"{epoch}\\n")

    print(artifact("train", {"epochs": epochs}, make, code=["whyreid.study.canonical"], root=root / "store"))
"""


@pytest.fixture
def maker(tmp_path: Path) -> list[str]:
    script = tmp_path / "maker.py"
    script.write_text(dedent(MAKER))
    return [sys.executable, str(script), str(tmp_path)]


def test_two_processes_that_race_make_it_once(tmp_path: Path, maker: list[str]) -> None:
    racers = [subprocess.Popen(maker, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    printed = {racer.communicate(timeout=60)[0].strip() for racer in racers}
    assert [racer.returncode for racer in racers] == [0, 0]
    assert len(printed) == 1
    assert len(list(tmp_path.glob("maker-*"))) == 1


def test_a_killed_maker_leaves_nothing_under_the_final_name_and_the_next_goes_on(
    tmp_path: Path, maker: list[str]
) -> None:
    victim = subprocess.Popen(maker)
    state = tmp_path / "store" / "train" / ".making"
    deadline = time.monotonic() + 60
    while not list(state.glob("*/log")) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(victim.pid, signal.SIGKILL)
    victim.wait(timeout=10)
    assert [path.name for path in (tmp_path / "store" / "train").iterdir()] == [".making"]

    done = subprocess.run(maker, capture_output=True, text=True, timeout=60, check=True)
    folder = Path(done.stdout.strip())
    epochs = [int(line) for line in (folder / "log").read_text().split()]
    # each epoch was run, none from the start again; the one that the kill hit between its two files may lack a line
    assert epochs == sorted(set(epochs))
    assert len(epochs) >= 19
    assert (folder / "state").read_text() == "20"
    assert json.loads((folder / "provenance.json").read_text())["attempts"] == 2
