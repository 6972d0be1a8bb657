"""MSMT17 (V1 and V2 folders): lists, names, published counts, and the reader.

Wei, Zhang, Gao, Tian: Person Transfer GAN to Bridge Domain Gap for Person Re-Identification, CVPR 2018.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from whyreid.data.image_files import check_image_files, missing_image_files
from whyreid.data.image_rows import check_evaluable, name_offenders
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

LISTS = ("train", "val", "query", "gallery")
TRAINING_IDENTITIES = 1041
NUM_CAMERAS = 15
PUBLISHED = {
    "train": Count(30248, TRAINING_IDENTITIES),
    "val": Count(2373, TRAINING_IDENTITIES),
    "query": Count(11659, 3060),
    "gallery": Count(82161, 3060),
}
FOLDERS = {"V1": ("train", "test"), "V2": ("mask_train_v2", "mask_test_v2")}  # V2: the same pictures, faces masked


def parse_msmt17(lines: Mapping[str, Sequence[str]], folders: tuple[str, str] = FOLDERS["V1"]) -> pd.DataFrame:
    """What the four lists say: who, which camera, which split.

    Identities are numbered from 0 in the training and again in the test part. Here 0 means distractor and a number
    means one person, so pid is number + 1 in training and number + 1042 in test; `original_pid` keeps the number.
    The official list val holds further pictures of the TRAINING identities. Validation identities must be disjoint
    from training here, so both lists are split "train" (32,621 pictures), and `part` says which list a row is from.

    Args:
        lines: list name (train, val, query, gallery) -> its lines "0000/0000_045_12_0303morning_0006_2.jpg 0".
        folders: of the training and of the test pictures.

    Returns:
        Columns path, pid, camid (0-based), split, part, original_pid, period (morning, noon, afternoon).

    Raises:
        ValueError: a line does not belong to MSMT17.
    """
    return pd.concat([_parse_list(part, lines[part], folders) for part in LISTS], ignore_index=True)


def _parse_list(part: str, lines: Sequence[str], folders: tuple[str, str]) -> pd.DataFrame:
    """One list; see `parse_msmt17`."""
    training = part in ("train", "val")
    entries = [line.split() for line in lines]
    wrong = [line for line, entry in zip(lines, entries, strict=True) if len(entry) != 2 or not entry[1].isdigit()]
    if wrong:
        raise ValueError(f"list_{part}.txt must have lines `path pid`, got {name_offenders(wrong)}; mend the list.")
    rows = pd.DataFrame({"path": [f"{folders[0 if training else 1]}/{path}" for path, _ in entries]})
    names = parse_names(rows["path"].tolist(), "msmt17")
    original = pd.Series([int(number) for _, number in entries], dtype="int64")
    rows["pid"] = original + 1 + (0 if training else TRAINING_IDENTITIES)
    rows["camid"] = pd.Series([int(name[2]) - 1 for name in names], dtype="int64")
    rows["split"] = "train" if training else part
    rows["part"], rows["original_pid"] = part, original
    rows["period"] = [name[3] for name in names]
    named = pd.Series([int(name[0]) for name in names], dtype="int64")
    refuse_pictures(named != original, rows["path"], "MSMT17", "the name and the list give different identities")
    refuse_pictures(~rows["camid"].between(0, NUM_CAMERAS - 1), rows["path"], "MSMT17", "cameras are 1 to 15")
    return rows


def count_msmt17(rows: pd.DataFrame) -> dict[str, Count]:
    """What is there of each part of `PUBLISHED`; ``rows`` come from `parse_msmt17`."""
    return {part: count_rows(rows[rows["part"] == part]) for part in LISTS}


def read_msmt17(
    root: Path | str, *, attributes: Path | str | pd.DataFrame | None = None, partial: bool = False
) -> ReIDTable:
    """Read the folder of MSMT17, V1 (train, test) or V2 (mask_train_v2, mask_test_v2). It has no time stamps.

    Args:
        root: holds the two picture folders and list_train.txt, list_val.txt, list_query.txt, list_gallery.txt.
        attributes: rows by pid as `parse_msmt17` numbers them; nothing is published for this set.
        partial: accept a subset (listed pictures that are not there are left out); the table then says so.

    Returns:
        The table; its pictures stay where they are.

    Raises:
        FileNotFoundError: a folder, a list or, unless ``partial``, a picture is missing.
        ValueError: lines or counts are wrong.
    """
    root = Path(root)
    version = "V2" if (root / FOLDERS["V2"][0]).is_dir() else "V1"
    require_folders(root, [*FOLDERS[version], *(f"list_{part}.txt" for part in LISTS)], f"MSMT17 {version}")
    lists = {part: (root / f"list_{part}.txt").read_text(encoding="utf-8").splitlines() for part in LISTS}
    rows = parse_msmt17(lists, FOLDERS[version])
    if partial:
        rows = rows[~rows["path"].isin(missing_image_files(root, rows["path"]))]
    counts = count_msmt17(rows)
    complete = check_counts(counts, PUBLISHED, f"MSMT17 {version} in {root}", partial=partial)
    check_evaluable(rows)
    check_image_files(root, rows["path"])
    annotation = read_attributes(attributes, "msmt17")
    return ReIDTable(
        name="msmt17",
        root=root,
        images=rows,
        attributes=annotation,
        licence="given out under an agreement: research only, never publish its pictures",
        provenance=describe_source(attributes, annotation, counts) | {"version": version},
        partial=not complete,
    )
