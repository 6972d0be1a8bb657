"""Places that a user names for results: ready before the work, and not left behind empty."""

from __future__ import annotations

from pathlib import Path

import pytest

from whyreid.study.output_places import output_file, output_folder


class Stopped(BaseException):
    """As a keyboard's interrupt: no `Exception`."""


def write_and_stop(file: Path) -> None:
    file.touch()
    raise Stopped


def test_the_folder_is_there_during_the_work_and_stays_after_it(tmp_path: Path) -> None:
    with output_folder(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b").is_dir()
    assert not list((tmp_path / "a" / "b").iterdir())


def test_after_a_failure_empty_folders_go_and_others_stay(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    with pytest.raises(Stopped), output_folder(tmp_path / "old" / "new" / "newer"):
        raise Stopped
    assert [path.name for path in tmp_path.rglob("*")] == ["old"]
    with pytest.raises(Stopped), output_folder(tmp_path / "kept" / "half"):
        write_and_stop(tmp_path / "kept" / "checkpoint.pt")
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == ["checkpoint.pt"]


def test_a_place_where_nothing_can_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for place, reason in {"file": "File exists", "file/below": "Not a directory"}.items():
        with pytest.raises(ValueError, match=rf"must lie where files can be written, got .*{place} \({reason}\)"):  # noqa: SIM117
            with output_folder(tmp_path / place):
                pytest.fail("the work began")
    assert (tmp_path / "file").read_text() == "mine"


def test_a_file_has_its_folder_made_and_may_be_there_already(tmp_path: Path) -> None:
    file = tmp_path / "numbers" / "a.json"
    for _ in range(2):
        with output_file(file):
            file.write_text("{}")
    with output_file(None):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["numbers"]


def test_a_folder_in_the_files_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must be a file, got the folder"), output_file(tmp_path):
        pytest.fail("the work began")
