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
_TYPES: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "protocol": str,
    "partial": bool,
    "fps": (int, float),
    "licence": str,
    "image_root": str,
    "attributes": dict,
    "provenance": dict,
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
    unknown = sorted(map(str, set(settings) - set(_TYPES)))
    if unknown:
        raise ValueError(f"{path} may hold only {sorted(_TYPES)}, got {unknown}; correct the spelling or drop them.")
    settings = {name: value for name, value in settings.items() if value is not None}
    for name, value in settings.items():
        if not isinstance(value, _TYPES[name]) or (name == "fps" and isinstance(value, bool)):
            raise ValueError(f"{path}: {name} must be {_TYPES[name]}, got {value!r}; mend the value.")
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
        hint = " (semicolons? save with commas)" if len(header) == 1 and ";" in header[0] else ""
        raise ValueError(f"{path}, line 1 must name each column once, got {header}{hint}; write a header line.")
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
    """A column of texts as what all its texts are: booleans, whole numbers, numbers, else texts; NA where empty."""
    texts = values[values != ""]
    if texts.empty or texts.str.contains(r"^0\d").any():  # 007 is a name, not a number
        return values
    if texts.isin(["True", "False"]).all():
        return values.map({"True": True, "False": False}).astype("boolean" if (values == "").any() else "bool")
    if texts.map(lambda text: re.fullmatch(r"-?\d{1,18}", text) is not None).all():
        whole = values.map(lambda text: int(text) if text else pd.NA)
        return whole.astype("Int64") if (values == "").any() else whole.astype("int64")
    try:
        return values.map(lambda text: float(text) if text else float("nan")).astype("float64")
    except ValueError:
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
    """Write the three files; dataset.yaml goes first and comes last, so that a kill leaves no table that looks whole.

    Raises:
        FileExistsError: the folder holds something else (see `ReIDTable.save`).
    """
    _refuse_foreign_folder(folder, str(settings["name"]), root, overwrite=overwrite)
    folder.mkdir(parents=True, exist_ok=True)
    inside = root.resolve().is_relative_to(folder.resolve())
    image_root = root.resolve().relative_to(folder.resolve()) if inside else root.resolve()
    kept = {name: value for name, value in settings.items() if value not in (None, "", {})}
    if image_root != Path("."):
        kept["image_root"] = image_root.as_posix()
    (folder / SETTINGS_FILE).unlink(missing_ok=True)
    _write_whole(folder / IMAGES_FILE, images.to_csv(index=False, lineterminator="\n"))
    if attributes is None:
        (folder / ATTRIBUTES_FILE).unlink(missing_ok=True)
    else:
        _write_whole(folder / ATTRIBUTES_FILE, attributes.to_csv(lineterminator="\n"))
    _write_whole(folder / SETTINGS_FILE, yaml.safe_dump(kept, sort_keys=False, allow_unicode=True, width=110))
    return folder


def _refuse_foreign_folder(folder: Path, name: str, root: Path, *, overwrite: bool) -> None:
    """Only an empty folder, the pictures' own folder, or a table of the same name may be written into."""
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"folder must be a folder, got the file {folder}; choose another place.")
    if overwrite or not folder.exists() or not any(folder.iterdir()):
        return
    if (folder / SETTINGS_FILE).is_file():
        there = read_settings(folder)["name"]
        if there == name:
            return
        raise FileExistsError(f"{folder} holds the table {there!r}, not {name!r}; choose another place or overwrite.")
    if not root.resolve().is_relative_to(folder.resolve()):
        found = sorted(entry.name for entry in folder.iterdir())[:5]
        raise FileExistsError(f"{folder} is not empty and no table ({found}); choose another place or overwrite.")


def _write_whole(path: Path, text: str) -> None:
    """Write aside, then rename."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_text(text, encoding="utf-8", newline="")
    os.replace(aside, path)
