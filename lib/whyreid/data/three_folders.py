"""The layout in three folders in which Market-1501 came, and after it DukeMTMC-reID and CUHK03-NP."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from whyreid.data.image_files import list_files
from whyreid.data.raw_folder import refuse_pictures, require_folders

SPLIT_OF_FOLDER = {"bounding_box_train": "train", "query": "query", "bounding_box_test": "gallery"}


def list_three_folders(root: Path, suffix: str, dataset: str) -> list[str]:
    """The pictures in the three folders of a download.

    Args:
        root: holds the three folders; files elsewhere are not looked at.
        suffix: of the pictures, ".jpg"; other files are passed over.
        dataset: for messages.

    Returns:
        "folder/name", folder by folder, sorted by name.

    Raises:
        FileNotFoundError: a folder is missing.
    """
    require_folders(root, list(SPLIT_OF_FOLDER), dataset)
    return [path for folder in SPLIT_OF_FOLDER for path in list_files(root, folder, [suffix])]


def split_of_pictures(paths: pd.Series, dataset: str) -> pd.Series:
    """The split to which its folder assigns each picture.

    Args:
        paths: "folder/name", as `list_three_folders` returns them.
        dataset: for messages.

    Returns:
        "train", "query" or "gallery" for each path, with the same index.

    Raises:
        ValueError: a picture lies in none of the three folders.
    """
    folder = paths.str.rsplit("/", n=1).str[0]
    refuse_pictures(~folder.isin(SPLIT_OF_FOLDER), paths, dataset, "unknown folder")
    return folder.map(SPLIT_OF_FOLDER)
