"""A short name for what a table says and shows, so that results can be stored under it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd

_DIGESTS: dict[tuple[str, str], str] = {}  # (what the table says, state of the files) -> digest


def table_digest(root: Path, images: pd.DataFrame, attributes: pd.DataFrame | None, settings: Mapping[str, Any]) -> str:
    """32 hexadecimal digits over rows, attributes, settings and the bytes of every picture, wherever they lie."""
    said = hashlib.blake2b(digest_size=16)
    said.update(json.dumps(settings, sort_keys=True).encode())
    for frame in (images, attributes):
        said.update(b"\0" if frame is None else frame.to_csv(lineterminator="\n").encode())
    paths = [root / path for path in images["path"]]
    key = (said.hexdigest(), _file_states(paths))
    if key not in _DIGESTS:
        said.update(b"".join(_file_digests(paths)))
        _DIGESTS[key] = said.hexdigest()
    return _DIGESTS[key]


def _file_states(paths: Iterable[Path]) -> str:
    """Changes when any file is moved, resized or written."""
    states = hashlib.blake2b(digest_size=16)
    for path in paths:
        status = os.stat(path)
        states.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return states.hexdigest()


def _file_digests(paths: list[Path]) -> Iterable[bytes]:
    """The digest of every file's bytes, in order."""
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as threads:
        yield from threads.map(_file_digest, paths, chunksize=256)


def _file_digest(path: Path) -> bytes:
    """The digest of one file's bytes."""
    return hashlib.blake2b(path.read_bytes(), digest_size=16).digest()
