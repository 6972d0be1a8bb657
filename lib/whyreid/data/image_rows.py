"""The rows of images.csv: their types, and what makes a row wrong.

Every check says where the first offenders are: a line of the file when the rows came from a file, else a row number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

SPLITS = ("train", "val", "query", "gallery")
BASE_COLUMNS = ("path", "pid", "camid", "time", "split")
REQUIRED_COLUMNS = ("path", "pid", "split")
MISSING_MARKS = frozenset({"", "NA", "N/A", "NaN", "nan", "None", "<NA>"})
NAMED_OFFENDERS = 5

Where = Callable[[int], str]


def row_number(row: int) -> str:
    """Where a row of a table in memory is."""
    return f"row {row}"


def name_offenders(offenders: Sequence[str]) -> str:
    """The first few of a list of offenders, and how many more there are.

    Example:
        >>> name_offenders(["a", "b", "c", "d", "e", "f", "g"])
        'a; b; c; d; e and 2 more'
    """
    more = len(offenders) - NAMED_OFFENDERS
    return "; ".join(offenders[:NAMED_OFFENDERS]) + (f" and {more} more" if more > 0 else "")


def count_of(number: int, singular: str, plural: str) -> str:
    """`1 image`, `2 images`."""
    return f"{number} {singular if number == 1 else plural}"


def refuse(bad: pd.Series, values: pd.Series, where: Where, expected: str, remedy: str) -> None:
    """Raise ValueError when any row is bad: what was expected, what came and where, what to do."""
    rows = np.flatnonzero(bad.to_numpy(dtype=bool))
    if rows.size:
        shown = [values.iloc[row] for row in rows]
        shown = [value.item() if isinstance(value, np.generic) else value for value in shown]
        offenders = [f"{where(int(row))}: {value!r}" for row, value in zip(rows, shown, strict=True)]
        raise ValueError(f"{values.name} must be {expected}, got {name_offenders(offenders)}; {remedy}.")


def is_missing(values: pd.Series) -> pd.Series:
    """True where a value is absent: NA, or a text that stands for it (empty, NA, nan)."""
    if pd.api.types.is_numeric_dtype(values):
        return values.isna()
    texts = values.map(lambda value: isinstance(value, str) and value.strip() in MISSING_MARKS)
    return values.isna() | texts.astype(bool)


def parse_numbers(values: pd.Series, where: Where, *, remedy: str = "correct the value") -> pd.Series:
    """Texts or numbers to Float64, NA where missing; a text that is no finite number is refused by its place."""

    def number(value: object) -> float:
        try:
            return float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            return float("nan")

    missing = is_missing(values)
    if pd.api.types.is_numeric_dtype(values):
        numbers = pd.Series(values.to_numpy(dtype="float64", na_value=np.nan), index=values.index)
    else:
        numbers = pd.Series([number(value) for value in values], index=values.index, dtype="float64")
    refuse(~np.isfinite(numbers.to_numpy()) & ~missing, values, where, "a number", remedy)
    return numbers.astype("Float64").mask(missing)


def parse_integers(values: pd.Series, where: Where, *, remedy: str = "correct the value") -> pd.Series:
    """Texts or numbers to Int64, NA where missing; a text that is no whole number is refused by its place."""
    numbers = parse_numbers(values, where, remedy=remedy)
    refuse((numbers % 1 != 0).fillna(False), values, where, "a whole number", remedy)
    return numbers.astype("Int64")


def tidy_images(frame: pd.DataFrame, where: Where = row_number) -> pd.DataFrame:
    """The rows with their types and column order: path, pid, camid, time, split, then every further column.

    Args:
        frame: columns path, pid, split; camid and time may be missing (NA then); any further columns.
        where: names the place of a row in messages.

    Returns:
        A new frame: path and split text, pid int64, camid Int64, time Float64, a fresh row index.

    Raises:
        ValueError: a column or value is missing, or a value does not parse.
    """
    absent = [column for column in REQUIRED_COLUMNS if column not in frame.columns]
    if absent:
        raise ValueError(
            f"images must have the columns {list(REQUIRED_COLUMNS)} (camid and time may be left out), "
            f"got {list(map(str, frame.columns))}; add {absent}."
        )
    frame = frame.reset_index(drop=True)
    for column in REQUIRED_COLUMNS:
        refuse(is_missing(frame[column]), frame[column], where, "given in every row", "fill it in or drop the row")
    nothing = pd.Series(pd.NA, index=frame.index)
    camid = frame.get("camid", nothing).rename("camid")
    time = frame.get("time", nothing).rename("time")
    pid = parse_integers(frame["pid"], where, remedy="number the persons from 1")
    base = {
        "path": frame["path"].map(_plain_path).astype("str"),
        "pid": pid.astype("int64"),
        "camid": parse_integers(camid, where, remedy="number the cameras from 0"),
        "time": parse_numbers(time, where, remedy="give frames"),
        "split": frame["split"].astype("str").str.strip(),
    }
    return pd.DataFrame(base | {str(column): frame[column] for column in frame.columns if column not in base})


def _plain_path(path: object) -> str:
    """A path without `./` and `//`, so that the same file has the same text."""
    text = str(path)
    return PurePosixPath(text).as_posix() if "//" in text or "./" in text or text.endswith(("/", "/.")) else text


def check_images(images: pd.DataFrame, protocol: str, where: Where = row_number) -> None:
    """Refuse rows that contradict the table format; ``images`` comes from `tidy_images`.

    Raises:
        ValueError: no rows, a duplicate or escaping path, an unknown split, a pid or camid out of range, a missing
            camid although the protocol needs cameras, or an identity on both sides of a split.
    """
    if images.empty:
        raise ValueError("images must have at least one row, got none; is this the right folder or split?")
    _check_paths(images["path"], where)
    pid, split, camid = images["pid"], images["split"], images["camid"]
    refuse(~split.isin(SPLITS), split, where, f"one of {list(SPLITS)}", "correct the split")
    refuse(pid < 0, pid, where, "0 (distractor) or more", "drop junk pictures (Market-1501's -1)")
    remedy = "0 means distractor, a person that is nobody's match: number the persons from 1"
    refuse((pid == 0) & (split != "gallery"), pid, where, "above 0 outside the gallery", remedy)
    refuse((camid < 0).fillna(False), camid, where, "0 or more", "number the cameras from 0")
    if protocol == "cross_camera":
        remedy = "fill it in, or write `protocol: no_camera` in dataset.yaml if the cameras are unknown"
        refuse(camid.isna(), camid, where, "given in every row under protocol cross_camera", remedy)
    _check_identities(images)


def _check_paths(path: pd.Series, where: Where) -> None:
    """Relative POSIX paths that stay inside the image folder, each only once."""
    escapes = path.map(lambda text: text.startswith("/") or ".." in text.split("/") or text == ".")
    windows = path.map(lambda text: "\\" in text or re.match(r"[A-Za-z]:", text) is not None)
    remedy = (
        "write paths relative to the table's folder with forward slashes; for pictures elsewhere write their folder "
        "as `image_root:` in dataset.yaml"
    )
    refuse((escapes | windows).astype(bool), path, where, "a relative path without `..`", remedy)
    repeated = path.duplicated()
    if repeated.any():
        first = {text: row for row, text in reversed(list(enumerate(path)))}
        offenders = [
            f"{where(int(r))}: {path[r]!r}, first in {where(first[path[r]])}" for r in np.flatnonzero(repeated)
        ]
        raise ValueError(f"path must be unique, got {name_offenders(offenders)}; drop the repeated rows.")


def _check_identities(images: pd.DataFrame) -> None:
    """No identity may be trained on and tested on."""
    people = images[images["pid"] > 0]
    role = people["split"].map({"train": "train", "val": "val", "query": "test", "gallery": "test"})
    sides = role.groupby(people["pid"]).agg(lambda roles: " and ".join(sorted(set(roles))))
    crossing = sides[sides.str.contains(" and ")]
    if len(crossing):
        held_out = people[people["split"] != "train"].drop_duplicates("pid")
        example = dict(zip(held_out["pid"], held_out["path"], strict=True))
        pairs = zip(crossing.index, crossing, strict=True)
        offenders = [f"pid {pid} is in {side} ({example[pid]})" for pid, side in pairs]
        raise ValueError(
            f"an identity must be on one side of train, val, test (query, gallery), got {name_offenders(offenders)}; "
            "move all its pictures to one side."
        )


def check_evaluable(images: pd.DataFrame) -> None:
    """Refuse a table that has queries without a gallery or a gallery without queries; neither is legal (train only)."""
    counts = images["split"].value_counts()
    queries, gallery = int(counts.get("query", 0)), int(counts.get("gallery", 0))
    if bool(queries) != bool(gallery):
        empty = "gallery" if queries else "query"
        raise ValueError(
            f"split {empty} must have pictures, got {queries} in query and {gallery} in gallery; "
            f"put pictures there (rows with split {empty}), or leave out both for a table that is only trained on."
        )
