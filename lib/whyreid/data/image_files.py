"""Are the pictures of a table there, and can each be decoded?"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from PIL import Image, ImageFile
from tqdm import tqdm

from whyreid.data.image_rows import name_offenders


def list_files(root: Path, folder: str, suffixes: Iterable[str]) -> list[str]:
    """The files of ``root/folder`` (not below it) with these endings, hidden ones left out, sorted: "folder/name"."""
    endings = tuple(suffixes)
    with os.scandir(root / folder) as entries:
        names = [entry.name for entry in entries if not entry.name.startswith(".")]
    return [f"{folder}/{name}" for name in sorted(names) if name.lower().endswith(endings)]


def missing_image_files(root: Path, paths: Iterable[str]) -> list[str]:
    """Those of the relative paths that do not exist. Lists each folder once: quick on network drives."""
    known: dict[str, frozenset[str]] = {}
    missing = []
    for path in paths:
        folder, name = os.path.split(path)
        if folder not in known:
            known[folder] = frozenset(os.listdir(root / folder)) if (root / folder).is_dir() else frozenset()
        if name not in known[folder]:
            missing.append(path)
    return missing


def check_image_files(root: Path, paths: Iterable[str]) -> None:
    """Raise FileNotFoundError when pictures are missing; the first few are named."""
    if not root.is_dir():
        raise FileNotFoundError(
            f"image_root must be a folder, got {root}, which does not exist; mend `image_root:` in dataset.yaml or "
            "convert the data set again where it lies now."
        )
    paths = list(paths)
    missing = missing_image_files(root, paths)
    if missing:
        raise FileNotFoundError(
            f"{len(missing)} of {len(paths)} pictures are missing in {root}: {name_offenders(missing)}; "
            "restore them or drop their rows."
        )


def decode_failure(path: Path) -> str | None:
    """Why not every pixel of a picture can be decoded; None when it can (bytes lost behind the last are not missed)."""
    try:
        with Image.open(path) as image:
            image.load()
    except FileNotFoundError:
        return "missing"
    except Exception as error:  # Pillow's plug-ins raise many types on damaged files
        size = path.stat().st_size
        return "empty file" if size == 0 else f"{type(error).__name__}: {error}".replace(str(path), path.name)
    return None


def decode_failures(root: Path, paths: list[str], *, progress: bool = False) -> Iterator[tuple[str, str]]:
    """(path, reason) of every picture that cannot be decoded, in order, by a few threads."""
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raise ValueError("PIL.ImageFile.LOAD_TRUNCATED_IMAGES must be False, or truncated pictures pass; unset it.")
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as threads:
        reasons = threads.map(lambda path: decode_failure(root / PurePosixPath(path)), paths, chunksize=64)
        shown = tqdm(reasons, "verify", len(paths), disable=not progress, unit="img")
        for path, reason in zip(paths, shown, strict=True):
            if reason is not None:
                yield path, reason


def verify_image_files(root: Path, paths: Iterable[str], *, progress: bool = False) -> None:
    """Decode every picture; raise ValueError that names the first few that are missing, unreadable or truncated."""
    paths = list(paths)
    failures = [f"{path} ({reason})" for path, reason in decode_failures(root, paths, progress=progress)]
    if failures:
        raise ValueError(
            f"{len(failures)} of {len(paths)} pictures in {root} cannot be decoded: {name_offenders(failures)}; "
            "copy them again from the original download, or drop their rows."
        )
