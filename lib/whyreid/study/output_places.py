"""Where a command writes: a place that the user names, held ready before any long work starts."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def output_folder(folder: Path) -> Iterator[None]:
    """Have a folder that can be written to; after a failure, folders made for it in which nothing lies go away again.

    Args:
        folder: made when missing, with those that it lies in.

    Raises:
        ValueError: it cannot be made, or nothing can be written there.
    """
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        _require_writable(folder)
        yield
    except BaseException:
        for place in missing:
            with suppress(OSError):
                place.rmdir()
        raise


@contextmanager
def output_file(file: Path | None) -> Iterator[None]:
    """Have the folder of a file ready as `output_folder` does; None asks for nothing.

    Args:
        file: it may be there already, and is then replaced by whoever writes it.

    Raises:
        ValueError: it is a folder, or nothing can be written where it should lie.
    """
    if file is None:
        yield
        return
    if file.is_dir():
        raise ValueError(f"--out must be a file, got the folder {file}; name a file in it.")
    with output_folder(file.parent):
        yield


def _require_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(
            f"--out must lie where files can be written, got {folder} ({error.strerror}); name another place."
        ) from error
