"""CUHK03 under its new protocol (CUHK03-NP): both layouts in use, published counts, and the reader.

Li, Zhao, Xiao, Wang: DeepReID, CVPR 2014; Zhong, Zheng, Cao, Li: Re-ranking Person Re-identification with k-reciprocal
Encoding, CVPR 2017 (the protocol: 767 identities to train on, 700 to test on).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from whyreid.data.image_files import check_image_files, missing_image_files
from whyreid.data.image_rows import check_evaluable
from whyreid.data.mat_file import read_mat_file
from whyreid.data.raw_folder import (
    Count,
    check_counts,
    count_rows,
    describe_source,
    parse_names,
    read_attributes,
    refuse_pictures,
    require_folders,
)
from whyreid.data.table import ReIDTable
from whyreid.data.three_folders import SPLIT_OF_FOLDER, list_three_folders, split_of_pictures

BOXES = ("labeled", "detected")
PUBLISHED = {
    "labeled": {"train": Count(7368, 767), "query": Count(1400, 700), "gallery": Count(5328, 700)},
    "detected": {"train": Count(7365, 767), "query": Count(1400, 700), "gallery": Count(5332, 700)},
}
_INDEX = {"train": "train_idx", "query": "query_idx", "gallery": "gallery_idx"}  # numbered from 1


def parse_cuhk03np_config(config: Mapping[str, Any]) -> pd.DataFrame:
    """The rows of a cuhk03_new_protocol_config_*.mat, which numbers its rows from 1.

    Args:
        config: filelist, labels, camId, train_idx, query_idx and gallery_idx as `scipy.io.loadmat` gives them.

    Returns:
        Columns path (the bare name, e.g. "1_001_1_01.png"), pid, camid (0-based), split; training rows first.

    Raises:
        ValueError: a field is missing, or a row number is out of range or in two parts.
    """
    missing = [name for name in ("filelist", "labels", "camId", *_INDEX.values()) if name not in config]
    if missing:
        raise ValueError(f"the protocol file must have the published fields, got none for {missing}; fetch it again.")
    names = [str(np.asarray(entry).ravel()[0]) for entry in np.asarray(config["filelist"]).ravel()]
    pid, camid = (np.asarray(config[name]).ravel().astype("int64") for name in ("labels", "camId"))
    everyone = pd.DataFrame({"path": names, "pid": pid + (1 if pid.min() == 0 else 0), "camid": camid - 1})
    numbers = {split: np.asarray(config[name]).ravel().astype("int64") for split, name in _INDEX.items()}
    used = np.concatenate(list(numbers.values()))
    if used.min() < 1 or used.max() > len(names) or len(np.unique(used)) < len(used):
        raise ValueError(
            f"row numbers of the protocol file must be unique and 1 to {len(names)}, got {used.min()} to {used.max()} "
            f"with {len(used) - len(np.unique(used))} repeated; fetch it again."
        )
    parts = [everyone.iloc[rows - 1].assign(split=split) for split, rows in numbers.items()]
    return pd.concat(parts, ignore_index=True)


def parse_cuhk03np_folders(paths: list[str]) -> pd.DataFrame:
    """The rows of the layout in Market-1501's three folders, names like "0001_c1_1.png"; no file is opened.

    Returns:
        Columns path, pid, camid (0-based), split; rows in order.
    """
    parts = parse_names(paths, "cuhk03np")
    rows = pd.DataFrame({"path": paths, "pid": [int(part[0]) for part in parts]})
    rows["camid"] = [int(part[1]) - 1 for part in parts]
    rows["split"] = split_of_pictures(rows["path"], "CUHK03-NP")
    refuse_pictures(rows["pid"] < 1, rows["path"], "CUHK03-NP", "identities start from 1")
    return rows


def count_cuhk03np(rows: pd.DataFrame) -> dict[str, Count]:
    """What is there of each part of `PUBLISHED`."""
    return {split: count_rows(rows[rows["split"] == split]) for split in SPLIT_OF_FOLDER.values()}


def read_cuhk03np(
    root: Path | str,
    *,
    boxes: str = "labeled",
    attributes: Path | str | pd.DataFrame | None = None,
    partial: bool = False,
) -> ReIDTable:
    """Read CUHK03-NP in either layout that is in use. Cameras are the two views; there are no time stamps.

    Args:
        root: holds ``boxes``/bounding_box_train, query, bounding_box_test; or cuhk03_new_protocol_config_``boxes``.mat
            and the pictures in images_``boxes``, in ``boxes`` or beside it.
        boxes: "labeled" (drawn by hand) or "detected".
        attributes: rows by pid; nothing is published for this set.
        partial: accept a subset (with a protocol file, listed pictures that are not there are left out).

    Returns:
        The table; its pictures stay where they are.

    Raises:
        FileNotFoundError: the layout, or a picture of the protocol file, is not there.
        ValueError: ``boxes``, names, row numbers or counts are wrong.
    """
    if boxes not in BOXES:
        raise ValueError(f"boxes must be one of {list(BOXES)}, got {boxes!r}; choose one of these.")
    root = Path(root)
    image_root, rows = _read_folders(root, boxes) if _has_folders(root, boxes) else _read_config(root, boxes)
    if partial:
        rows = rows[~rows["path"].isin(missing_image_files(image_root, rows["path"]))]
    counts = count_cuhk03np(rows)
    complete = check_counts(counts, PUBLISHED[boxes], f"CUHK03-NP {boxes} in {root}", partial=partial)
    check_evaluable(rows)
    check_image_files(image_root, rows["path"])
    annotation = read_attributes(attributes, "cuhk03np")
    return ReIDTable(
        name=f"cuhk03np-{boxes}",
        root=image_root,
        images=rows,
        attributes=annotation,
        licence="research only; never publish its pictures",
        provenance=describe_source(attributes, annotation, counts) | {"boxes": boxes},
        partial=not complete,
    )


def _has_folders(root: Path, boxes: str) -> bool:
    """Is it the layout in three folders?"""
    return (root / boxes / "bounding_box_train").is_dir()


def _read_folders(root: Path, boxes: str) -> tuple[Path, pd.DataFrame]:
    """The layout in three folders."""
    return root / boxes, parse_cuhk03np_folders(list_three_folders(root / boxes, ".png", f"CUHK03-NP {boxes}"))


def _read_config(root: Path, boxes: str) -> tuple[Path, pd.DataFrame]:
    """The layout with a protocol file."""
    file = f"cuhk03_new_protocol_config_{boxes}.mat"
    require_folders(root, [file], f"CUHK03-NP {boxes} (nor is there {boxes}/bounding_box_train)")
    rows = parse_cuhk03np_config(read_mat_file(root / file))
    candidates = [root / f"images_{boxes}", root / boxes, root]
    for folder in candidates:
        if (folder / rows["path"].iloc[0]).is_file():
            return folder, rows
    raise FileNotFoundError(
        f"the pictures of {file} must be in one of {[str(folder) for folder in candidates]}, got none there "
        f"(looked for {rows['path'].iloc[0]}); extract them from cuhk-03.mat or correct the root."
    )
