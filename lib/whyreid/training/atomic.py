"""Files that are whole or absent: written aside, flushed to the disk, then renamed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` make a file aside, then put it in place in one step.

    A process killed at any moment leaves the old file, or the new one, never a part of it.

    Args:
        path: the file to make or replace; its folder must exist.
        write: called with the path of the file aside.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        write(aside)
        with open(aside, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """`write_whole` for text: UTF-8, line ends as given."""
    write_whole(path, lambda aside: aside.write_text(text, encoding="utf-8", newline=""))
