"""A folder of one's own pictures whose names or folders say who is on them: to a table.

A regular expression with named groups reads person, camera, time and split from every path. Where no split is said,
identities are divided here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch

from whyreid.data.image_rows import check_evaluable, name_offenders
from whyreid.data.table import ReIDTable

ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
GROUPS = ("pid", "camid", "time", "split")


def read_pictures(
    root: Path | str,
    pattern: str,
    *,
    name: str,
    fps: float | None = None,
    test_fraction: float = 0.5,
    seed: int = 0,
) -> ReIDTable:
    r"""Read every picture below a folder.

    Args:
        root: the folder; hidden files and files without a picture's ending are passed over.
        pattern: regular expression that is found in the path relative to ``root`` (POSIX), with a group ``pid`` and,
            where known, ``camid``, ``time`` (frames) and ``split``. Persons that are no whole numbers above 0, or
            cameras that are no whole numbers, are numbered in sorted order; columns person and camera keep the words.
        name: of the table.
        fps: frames per second of ``time``.
        test_fraction: of the identities, when the pattern has no split (see `divide_identities`).
        seed: of that division.

    Returns:
        A table; protocol no_camera when the pattern has no ``camid``.

    Raises:
        ValueError: the pattern is none or lacks ``pid``, or a path does not match it.

    Example:
        ``read_pictures("shop", r"(?P<pid>\d+)/cam(?P<camid>\d)_(?P<time>\d+)", name="shop", fps=10)`` reads
        shop/17/cam2_000310.png.
    """
    expression = _compiled(pattern)
    rows = _matched(list_pictures(Path(root)), expression)
    rows["pid"], rows["person"] = _numbered(rows["pid"], first=1), rows["pid"]
    if "camid" in rows:
        rows["camid"], rows["camera"] = _numbered(rows["camid"], first=0), rows["camid"]
    if "split" not in rows:
        rows["split"] = divide_identities(rows, test_fraction=test_fraction, seed=seed)
    table = ReIDTable(
        name=name,
        root=Path(root),
        images=rows,
        protocol="cross_camera" if "camid" in rows else "no_camera",
        fps=fps,
        provenance={"pattern": pattern} | ({} if "split" in expression.groupindex else {"division seed": seed}),
    )
    check_evaluable(table.images)
    return table


def list_pictures(root: Path) -> list[str]:
    """Every picture below a folder, relative to it, sorted.

    Raises:
        FileNotFoundError: there is no such folder, or no picture in it.
    """
    found = []
    for folder, below, names in os.walk(root):
        below[:] = [name for name in below if not name.startswith(".")]
        pictures = [name for name in names if name.lower().endswith(ENDINGS) and not name.startswith(".")]
        found += [(Path(folder) / name).relative_to(root).as_posix() for name in pictures]
    if not found:
        raise FileNotFoundError(f"root must be a folder with pictures ({', '.join(ENDINGS)}), got {root} with none.")
    return sorted(found)


def _compiled(pattern: str) -> re.Pattern[str]:
    """The expression, if it is one and says who."""
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"pattern must be a regular expression, got {pattern!r} ({error}); correct it.") from error
    groups = set(expression.groupindex)
    if "pid" not in groups or groups - set(GROUPS):
        raise ValueError(
            f"pattern must have a group (?P<pid>...) and may have {list(GROUPS[1:])}, got {sorted(groups)}; name the "
            "groups so."
        )
    return expression


def _matched(paths: Sequence[str], expression: re.Pattern[str]) -> pd.DataFrame:
    """Columns path and the groups of the expression."""
    matches = [expression.search(path) for path in paths]
    wrong = [path for path, match in zip(paths, matches, strict=True) if match is None]
    if wrong:
        raise ValueError(
            f"every path must match {expression.pattern!r}, got {len(wrong)} of {len(paths)} that do not: "
            f"{name_offenders(wrong)}; widen the pattern or move these files away."
        )
    return pd.DataFrame(
        [{"path": path, **match.groupdict()} for path, match in zip(paths, matches, strict=True) if match]
    )


def _numbered(words: pd.Series, *, first: int) -> pd.Series:
    """The words as numbers: their own when all are whole numbers from ``first`` on, else their place when sorted."""
    if words.str.fullmatch(r"\d+").all() and words.astype("int64").min() >= first:
        return words.astype("int64")
    return words.map({word: number for number, word in enumerate(sorted(set(words)), start=first)})


def divide_identities(rows: pd.DataFrame, *, test_fraction: float = 0.5, seed: int = 0) -> pd.Series:
    """Splits for pictures that have none: identities are divided into train and test, and each test identity asks once.

    One picture of every test identity is its query, chosen by chance, the others are gallery. An identity that could
    not be found again (one picture, or with known cameras one camera) is in the gallery alone.

    Args:
        rows: columns pid and, when cameras are known, camid.
        test_fraction: of the identities, from 0 (all are trained on) to 1 (none is).
        seed: the same identities and queries for the same seed and rows.

    Returns:
        "train", "query" or "gallery" for each row.

    Raises:
        ValueError: ``test_fraction`` is out of range.
    """
    if not 0 <= test_fraction <= 1:
        raise ValueError(f"test_fraction must be from 0 to 1, got {test_fraction}; 0.5 is usual.")
    generator = torch.Generator().manual_seed(seed)
    people = sorted(set(rows["pid"]))
    order = torch.randperm(len(people), generator=generator).tolist()
    tested = {people[place] for place in order[: round(test_fraction * len(people))]}
    split = rows["pid"].isin(tested).map({True: "gallery", False: "train"})
    places = rows["camid"] if "camid" in rows else pd.Series(range(len(rows)), index=rows.index)
    for pid in sorted(tested):
        seen = rows.index[rows["pid"] == pid]
        if places[seen].nunique() > 1:
            split[seen[int(torch.randint(len(seen), (1,), generator=generator))]] = "query"
    return split
