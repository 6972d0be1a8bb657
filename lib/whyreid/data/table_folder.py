"""A table on disk: dataset.yaml, images.csv, attributes.csv; errors name file and line, writing is all or nothing."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from whyreid.data.attribute_rows import tidy_attributes
from whyreid.data.attributes import AttributeSchema
from whyreid.data.image_rows import BASE_COLUMNS, Where, check_evaluable, check_images, tidy_images

SETTINGS_FILE, IMAGES_FILE, ATTRIBUTES_FILE = "dataset.yaml", "images.csv", "attributes.csv"
TABLE_FILES = (SETTINGS_FILE, IMAGES_FILE, ATTRIBUTES_FILE)
_WHOLE = re.compile(r"-?\d{1,18}")
_NUMBER = re.compile(r"-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_SETTINGS: dict[str, tuple[type | tuple[type, ...], str]] = {
    "name": (str, "a text (a number goes between quotes)"),
    "protocol": (str, "cross_camera or no_camera"),
    "partial": (bool, "true or false"),
    "fps": ((int, float), "a number"),
    "licence": (str, "a text"),
    "image_root": (str, "a folder, absolute or relative to the table"),
    "provenance": (dict, "keys with values"),
    "attributes": (dict, "a line `name: {group: ..., zero: ..., one: ...}` per attribute"),
}


def read_table_folder(folder: Path) -> dict[str, Any]:
    """The arguments of a `ReIDTable`, each checked, from a table folder; settings left out there are left out here.

    Raises:
        FileNotFoundError: the folder, dataset.yaml, images.csv or a declared attributes.csv is missing.
        ValueError: a setting, a column or a value is wrong; the message names file and line.
    """
    settings = read_settings(folder)
    attributes, schema = _read_attributes(folder, settings.pop("attributes", None))
    frame, where = read_csv_rows(folder / IMAGES_FILE)
    extras = {name: infer_column(frame[name]) for name in frame.columns if name not in BASE_COLUMNS}
    images = tidy_images(frame.assign(**extras), where)
    check_images(images, settings.get("protocol", "cross_camera"), where)
    check_evaluable(images)
    root = folder / settings.pop("image_root", ".")
    return settings | {"root": root, "images": images, "attributes": attributes, "schema": schema}


def read_settings(folder: Path) -> dict[str, Any]:
    """dataset.yaml as a mapping of known keys to values of the right type; keys without a value are left out."""
    if not folder.is_dir():
        raise FileNotFoundError(
            f"a table must be a folder, got {folder}, which is none; give the folder of {SETTINGS_FILE}."
        )
    path = _existing(folder / SETTINGS_FILE)
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} must be YAML in UTF-8, got {error}; mend the file.") from error
    if not isinstance(settings, dict) or "name" not in settings:
        raise ValueError(f"{path} must hold at least `name: ...`, got {settings!r}; name the data set.")
    unknown = sorted(map(str, set(settings) - set(_SETTINGS)))
    if unknown:
        raise ValueError(f"{path} may hold only {sorted(_SETTINGS)}, got {unknown}; correct the spelling or drop them.")
    settings = {name: value for name, value in settings.items() if value is not None}
    for name, value in settings.items():
        kind, words = _SETTINGS[name]
        if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
            raise ValueError(f"{path}: {name} must be {words}, got {value!r}; mend the value.")
    return settings


def _existing(path: Path) -> Path:
    """The path, or an error that says what belongs there."""
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing: a table is a folder with {SETTINGS_FILE}, {IMAGES_FILE} and, with attributes, "
            f"{ATTRIBUTES_FILE}; give the right folder or write the file."
        )
    return path


def _read_attributes(
    folder: Path, declared: Mapping[str, Any] | None
) -> tuple[pd.DataFrame | None, AttributeSchema | None]:
    """attributes.csv under the declared schema; None when there are no attributes."""
    schema = None if declared is None else AttributeSchema.from_dict(declared)
    path = folder / ATTRIBUTES_FILE
    if schema is None and not path.is_file():
        return None, None
    frame, where = read_csv_rows(_existing(path))
    if "pid" not in frame.columns:
        raise ValueError(f"{path} must have the column pid, got {list(frame.columns)}; add the number of the person.")
    return tidy_attributes(frame, schema, where)


def read_csv_rows(path: Path) -> tuple[pd.DataFrame, Where]:
    """The rows of a CSV file as texts, and a function that names the line of a row.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: no header, a repeated column, a row with too few or too many cells, or text that is not UTF-8.
    """
    try:
        text = _existing(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} must be UTF-8 text, got {error}; save it as CSV UTF-8.") from error
    reader = csv.reader(io.StringIO(text, newline=""))
    header = [name.strip() for name in next(reader, [])]
    if not header or len(set(header)) < len(header):
        raise ValueError(f"{path}, line 1 must name each column once, got {header}; write a header line.")
    if len(header) == 1 and ";" in header[0]:
        raise ValueError(f"{path}, line 1 must have commas between the columns, got semicolons; save it with commas.")
    rows, lines = [], []
    for row in reader:
        if len(row) != len(header) and row:
            raise ValueError(
                f"{path}, line {reader.line_num} must have {len(header)} cells ({', '.join(header)}), got {len(row)}; "
                "mend the line (texts with commas go between double quotes)."
            )
        if any(row):
            rows.append(row)
            lines.append(reader.line_num)
    return pd.DataFrame(rows, columns=header, dtype=str), lambda row: f"{path.name}, line {lines[row]}"


def infer_column(values: pd.Series) -> pd.Series:
    """A column of texts as what all its texts are: booleans, whole numbers, numbers (NA where empty), else texts."""
    texts = values[values != ""]
    if texts.empty or texts.str.contains(r"^0\d").any():  # 007 is a name, not a number
        return values
    if texts.isin(["True", "False"]).all():
        return values.map({"True": True, "False": False}).astype("boolean" if (values == "").any() else "bool")
    if all(map(_WHOLE.fullmatch, texts)):
        whole = values.map(lambda text: int(text) if text else pd.NA)
        return whole.astype("Int64") if (values == "").any() else whole.astype("int64")
    if all(map(_NUMBER.fullmatch, texts)):
        return values.map(lambda text: float(text) if text else float("nan")).astype("float64")
    return values


def write_table_folder(
    folder: Path,
    settings: Mapping[str, Any],
    root: Path,
    images: pd.DataFrame,
    attributes: pd.DataFrame | None,
    *,
    overwrite: bool = False,
) -> Path:
    """Write the three files: aside first, then renamed, dataset.yaml gone first and back last.

    A kill while writing leaves the old table, or in the moment of renaming a folder without dataset.yaml, which
    nothing reads as a table; the next writing mends it.

    Raises:
        FileExistsError: the folder holds something else (see `ReIDTable.save`).
    """
    _refuse_foreign_folder(folder, str(settings["name"]), root, overwrite=overwrite)
    folder.mkdir(parents=True, exist_ok=True)
    inside = root.resolve().is_relative_to(folder.resolve())
    image_root = root.resolve().relative_to(folder.resolve()) if inside else root.resolve()
    said = dict(settings) if image_root == Path(".") else {**settings, "image_root": image_root.as_posix()}
    kept = {name: said[name] for name in _SETTINGS if said.get(name) not in (None, "", {})}
    texts = {IMAGES_FILE: images.to_csv(index=False, lineterminator="\n")}
    if attributes is not None:
        texts[ATTRIBUTES_FILE] = attributes.to_csv(lineterminator="\n")
    texts[SETTINGS_FILE] = _settings_text(kept)
    _replace_files(folder, texts)
    return folder


def _settings_text(settings: Mapping[str, Any]) -> str:
    """YAML with a line per setting and, at the end, a line per attribute."""
    plain = {name: value for name, value in settings.items() if name != "attributes"}
    text = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=110)
    if "attributes" not in settings:
        return text
    attributes = {"attributes": settings["attributes"]}
    return text + yaml.safe_dump(attributes, sort_keys=False, allow_unicode=True, width=200, default_flow_style=None)


def _refuse_foreign_folder(folder: Path, name: str, root: Path, *, overwrite: bool) -> None:
    """Only an empty folder, the pictures' own folder, or a table of the same name may be written into."""
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"the table must become a folder, got the file {folder}; choose another place.")
    if overwrite or not folder.exists() or not any(folder.iterdir()) or _aside(folder, SETTINGS_FILE).exists():
        return
    if (folder / SETTINGS_FILE).is_file():
        there = read_settings(folder)["name"]
        if there == name:
            return
        raise FileExistsError(
            f"{folder} holds the table {there!r}, not {name!r}; choose another place, or overwrite it "
            "(overwrite=True, --overwrite)."
        )
    if not root.resolve().is_relative_to(folder.resolve()):
        found = sorted(entry.name for entry in folder.iterdir())[:5]
        raise FileExistsError(
            f"{folder} is not empty and no table (it holds {', '.join(found)}); choose another place, or write the "
            "table's files into it all the same (overwrite=True, --overwrite)."
        )


def _aside(folder: Path, name: str) -> Path:
    """Where a file is written before it is renamed."""
    return folder / f".{name}.part"


def _replace_files(folder: Path, texts: Mapping[str, str]) -> None:
    """Write all aside, then rename; the last of ``texts`` makes it a table."""
    for name, text in texts.items():
        _aside(folder, name).write_text(text, encoding="utf-8", newline="")
    for name in (SETTINGS_FILE, *(name for name in TABLE_FILES if name not in texts)):
        (folder / name).unlink(missing_ok=True)
    for name in texts:
        os.replace(_aside(folder, name), folder / name)
