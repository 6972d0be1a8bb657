"""The layout in three folders that several downloads share."""

from __future__ import annotations

import pandas as pd
import pytest

from whyreid.data.three_folders import list_three_folders, split_of_pictures

FOLDERS = ("bounding_box_train", "query", "bounding_box_test")


def test_pictures_are_listed_folder_by_folder_and_other_files_are_passed_over(tmp_path, write_pictures):
    write_pictures(tmp_path, [f"{folder}/{name}.png" for folder in FOLDERS for name in "ba"])
    for stray in ("query/Thumbs.db", "query/._a.png", "readme.png"):
        (tmp_path / stray).write_bytes(b"")
    listed = list_three_folders(tmp_path, ".png", "a set")
    assert listed == [f"{folder}/{name}.png" for folder in FOLDERS for name in "ab"]
    assert split_of_pictures(pd.Series(listed), "a set").tolist() == ["train"] * 2 + ["query"] * 2 + ["gallery"] * 2


def test_a_missing_folder_is_named(tmp_path, write_pictures):
    write_pictures(tmp_path, ["query/a.png"])
    with pytest.raises(FileNotFoundError, match="is not a set: bounding_box_train, bounding_box_test are missing"):
        list_three_folders(tmp_path, ".png", "a set")


def test_a_picture_of_another_folder_is_named():
    with pytest.raises(ValueError, match=r"1 picture cannot be of a set: unknown folder: probe/a\.png"):
        split_of_pictures(pd.Series(["query/a.png", "probe/a.png"]), "a set")
