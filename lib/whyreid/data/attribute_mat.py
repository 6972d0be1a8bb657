"""The published attribute files market_attribute.mat and duke_attribute.mat: 1/2-coded fields to binary attributes.

Lin, Zheng, Zheng, Wu, Hu, Yan, Yang: Improving Person Re-identification by Attribute and Identity Learning, Pattern
Recognition 2019. Both files code no/yes and every other pair of values as 1/2, 0 where the annotation is missing, and
age as 1 to 4.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from whyreid.data.attributes import DUKEMTMCREID_NAMES, MARKET1501_NAMES
from whyreid.data.image_rows import name_offenders
from whyreid.data.mat_file import read_mat_file

# name of the struct in the file -> (data set, binary attributes)
_STRUCTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "market_attribute": ("market1501", MARKET1501_NAMES),
    "duke_attribute": ("dukemtmcreid", DUKEMTMCREID_NAMES),
}
_AGES = ("age1", "age2", "age3", "age4")
_PIDS = "image_index"


def load_attribute_mat(path: Path | str) -> pd.DataFrame:
    """Read the attribute annotation of Market-1501 (30 binary attributes) or DukeMTMC-reID (23).

    A field with values 1 and 2 becomes 1 where it is 2 (`AttributeSchema` says what that means: `up` 1 is a short
    sleeve, `clothes` 1 is pants); Market's age becomes age1 to age4. Fields are read by name: their order differs
    between the two parts of the files.

    Args:
        path: a MAT file (version 5) with the struct market_attribute or duke_attribute.

    Returns:
        Index pid (int64), one Int8 column per attribute (0, 1, NA where the annotation is missing) in the order of the
        schema, and a last column "split" with the part of the file, "train" or "test", which says nothing about the
        split of the pictures. ``attrs["dataset"]`` is the reader's name of the set.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is no such annotation, or a field is missing, unexpected, of another length, or out of range.
    """
    struct_name, struct = _read_struct(Path(path))
    dataset, names = _STRUCTS[struct_name]
    parts = {part: _binary_part(struct[part][0, 0], names, f"{path}: {part}") for part in ("train", "test")}
    frame = pd.concat([rows.assign(split=part) for part, rows in parts.items()])
    repeated = frame.index[frame.index.duplicated()].tolist()
    if repeated:
        raise ValueError(f"{path} must name every identity once, got {name_offenders(list(map(str, repeated)))} twice.")
    frame.attrs["dataset"] = dataset
    return frame


def _read_struct(path: Path) -> tuple[str, Any]:
    """The name of the annotation struct and its one element."""
    content = read_mat_file(path)
    found = [name for name in content if name in _STRUCTS]
    if not found or set(content[found[0]].dtype.names or ()) != {"train", "test"}:
        names = [name for name in content if not name.startswith("__")]
        raise ValueError(f"{path} must hold one of {list(_STRUCTS)} with train and test, got {names}; is it the file?")
    return found[0], content[found[0]][0, 0]


def _binary_part(part: Any, names: tuple[str, ...], where: str) -> pd.DataFrame:
    """One part of the file as binary attributes, in the order of ``names``."""
    fields = {name: part[name].ravel() for name in part.dtype.names}
    expected = {name for name in names if name not in _AGES} | {_PIDS} | ({"age"} if "age1" in names else set())
    if set(fields) != expected:
        missing, unexpected = sorted(expected - set(fields)), sorted(set(fields) - expected)
        raise ValueError(f"{where} must have the published fields, got none for {missing} and unexpected {unexpected}.")
    pids = pd.Index([_pid(entry, where) for entry in fields[_PIDS]], dtype="int64", name="pid")
    wrong = sorted(name for name, values in fields.items() if len(values) != len(pids))
    if wrong:
        raise ValueError(f"{where} must have one value per identity ({len(pids)}), got other lengths for {wrong}.")
    columns = {}
    for name in names:
        field, value, largest = ("age", int(name[-1]), 4) if name in _AGES else (name, 2, 2)
        columns[name] = _equals(fields[field], value, largest, f"{where}.{field}")
    return pd.DataFrame(columns, index=pids)


def _pid(entry: Any, where: str) -> int:
    """`array(['0002'])` -> 2."""
    text = str(np.asarray(entry).ravel()[0])
    if not text.isdigit():
        raise ValueError(f"{where}.{_PIDS} must hold numbers of identities, got {text!r}; fetch the published file.")
    return int(text)


def _equals(values: np.ndarray, value: int, largest: int, where: str) -> pd.arrays.IntegerArray:
    """Int8: 1 where equal, 0 where not, NA where 0 (missing)."""
    if not np.isin(values, np.arange(largest + 1)).all():
        raise ValueError(f"{where} must be 0 (missing) to {largest}, got {sorted(set(values.tolist()))}.")
    return pd.arrays.IntegerArray((values == value).astype(np.int8), values == 0)
