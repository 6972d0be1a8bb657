"""Results of long steps (render, train, embed) as folders that are made once and found again.

A folder's name is the digest of what the step was given, of the library code that it reaches and of the versions
of torch and numpy. It is made aside and renamed when it is whole, so nobody ever reads half a result, and it is
locked while it is made, so that two processes that want the same one make it once. The place aside is always the
same for the same digest: a step that was killed finds there what it had written and may go on from it.
"""

from __future__ import annotations

import json
import logging
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from whyreid.study.canonical import canonical_json, digest_text
from whyreid.study.code_digest import CodeDigest, code_digest
from whyreid.study.project import find_project

logger = logging.getLogger(__name__)

PROVENANCE = "provenance.json"
_ATTEMPTS = ".attempts"


def artifact(
    step: str,
    inputs: Mapping[str, Any],
    make: Callable[[Path], None],
    *,
    code: Sequence[str],
    root: Path | None = None,
) -> Path:
    """The folder that holds the result of a step, made now if nobody made it before.

    Args:
        step: what is done, for people: lower-case letters, digits, hyphens; the name of the folder around it.
        inputs: everything that decides the result (see `canonical_json`); the settings of progress bars and the
            number of workers do not.
        make: writes the result into the folder that it is given. After a kill it gets the same folder again with
            what the killed one had written there, and must either go on from it or overwrite it.
        code: dotted names of the modules and functions that make the result (see `code_digest`).
        root: the folder of all results; `artifacts_root()` unless given.

    Returns:
        ``root/step/digest``, with everything that ``make`` wrote and a ``provenance.json``: the step, its inputs, the
        modules and their digest, versions, when it was made and how long that took. Read-only by agreement.

    Raises:
        ValueError, TypeError: inputs or code without a digest, before anything is made.
        Exception: what ``make`` raises; what it wrote so far stays aside for the next try.

    Cost: finding a stored result takes milliseconds.
    """
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", step):
        raise ValueError(f"step must be lower-case words joined by hyphens, got {step!r}; it names a folder.")
    reached = code_digest(code)
    described = canonical_json(inputs)
    digest = digest_text("\n".join([step, described, reached.digest, json.dumps(versions(), sort_keys=True)]))
    folder = (root or artifacts_root()) / step / digest[:32]
    if not _whole(folder):
        record = {"step": step, "digest": digest, "inputs": json.loads(described)}
        _make_once(folder, make, record, reached)
    return folder


def artifacts_root() -> Path:
    """Where results are stored: $WHYREID_ARTIFACTS, else ``artifacts/`` in the project.

    Raises:
        FileNotFoundError: neither is there.
    """
    named = os.environ.get("WHYREID_ARTIFACTS")
    return Path(named).expanduser().resolve() if named else find_project() / "artifacts"


def read_provenance(folder: Path) -> dict[str, Any]:
    """What is known about how an artifact was made.

    Args:
        folder: as `artifact` returned it.

    Returns:
        Keys step, digest, inputs, code (modules, digest), versions, made (UTC, ISO 8601), wall_seconds (of the attempt
        that finished), attempts.

    Raises:
        FileNotFoundError: the folder is no finished artifact.
    """
    return json.loads((folder / PROVENANCE).read_text(encoding="utf-8"))


def versions() -> dict[str, str]:
    """The versions on which numbers depend, without the build (``+cpu``, ``+cu130``).

    Example:
        >>> sorted(versions())
        ['numpy', 'torch']
    """
    return {name: version(name).partition("+")[0] for name in ("torch", "numpy")}


@contextmanager
def locked(path: Path, what: str) -> Iterator[None]:
    """Hold the lock file ``path`` while the block runs; says so in the log when another process holds it.

    Args:
        path: the lock file; its folder is made. It stays behind, empty.
        what: what is being made, for the log.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        logger.info("%s is being made by another process; waiting for it", what)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _whole(folder: Path) -> bool:
    return (folder / PROVENANCE).is_file()


def _make_once(folder: Path, make: Callable[[Path], None], record: dict[str, Any], reached: CodeDigest) -> None:
    aside = folder.with_name(".making") / folder.name
    label = f"{record['step']} {folder.name[:8]}"
    with locked(aside.with_name(f"{folder.name}.lock"), label):
        if _whole(folder):
            return
        attempts = _count_attempt(aside)
        logger.info("making %s%s", label, f" (attempt {attempts})" if attempts > 1 else "")
        start = time.monotonic()
        make(aside)
        seconds = time.monotonic() - start
        (aside / _ATTEMPTS).unlink(missing_ok=True)
        record |= {
            "code": {"modules": list(reached.modules), "digest": reached.digest},
            "versions": versions(),
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "wall_seconds": round(seconds, 2),
            "attempts": attempts,
        }
        write_whole(aside / PROVENANCE, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
        aside.rename(folder)
        logger.info("made %s in %.1f s", label, seconds)


def _count_attempt(aside: Path) -> int:
    """Note in the folder aside that a new attempt starts; how many there were, this one included."""
    aside.mkdir(parents=True, exist_ok=True)
    with (aside / _ATTEMPTS).open("a", encoding="utf-8") as file:
        file.write(f"{datetime.now(UTC).isoformat(timespec='seconds')}\n")
    return len((aside / _ATTEMPTS).read_text(encoding="utf-8").splitlines())


def write_whole(path: Path, text: str) -> None:
    """Write a text file so that a reader finds the old or the new one, never a part.

    Args:
        path: the file; its folder exists.
        text: its whole content.
    """
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
