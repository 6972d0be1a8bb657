from __future__ import annotations

import gzip

import pytest

from whyreid.data import msmt17, read_msmt17
from whyreid.data.msmt17 import FOLDERS, LISTS, PUBLISHED, count_msmt17, parse_msmt17

LINES = {
    "train": ["0000/0000_045_12_0303morning_0006_2.jpg 0", "0001/0001_000_01_0113noon_0007_0_ex.jpg 1"],
    "val": ["0000/0000_013_04_0303morning_0020_2.jpg 0"],
    "query": ["0000/0000_000_01_0303afternoon_0015_0.jpg 0"],
    "gallery": ["0000/0000_008_15_0303morning_0019_2.jpg 0", "0003/0003_008_02_0303morning_0019_2.jpg 3"],
}


@pytest.fixture
def folder(tmp_path, write_pictures):
    root = tmp_path / "msmt"
    write_pictures(root, parse_msmt17(LINES)["path"])
    for part, lines in LINES.items():
        (root / f"list_{part}.txt").write_text("\n".join(lines) + "\n")
    return root


def test_training_and_test_identities_get_different_numbers_from_one_on():
    rows = parse_msmt17(LINES)
    # Both parts number their persons from 0, and 0 means distractor in a table: + 1 in training, + 1042 in test.
    assert rows["pid"].tolist() == [1, 2, 1, 1042, 1042, 1045]
    assert rows["original_pid"].tolist() == [0, 1, 0, 0, 0, 3]


def test_official_validation_pictures_are_training_pictures_and_say_so():
    rows = parse_msmt17(LINES)
    assert rows["split"].tolist() == ["train", "train", "train", "query", "gallery", "gallery"]
    assert rows["part"].tolist() == ["train", "train", "val", "query", "gallery", "gallery"]


def test_names_say_camera_and_time_of_day():
    rows = parse_msmt17(LINES)
    assert rows["camid"].tolist() == [11, 0, 3, 0, 14, 1]
    assert rows["period"].tolist() == ["morning", "noon", "morning", "afternoon", "morning", "morning"]
    assert rows["path"].iloc[0] == "train/0000/0000_045_12_0303morning_0006_2.jpg"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0000/0000_045_12_0303morning_0006_2.jpg", r"list_train.txt must have lines `path pid`"),
        ("0000/0000_045_12_0303morning_0006_2.jpg one", r"list_train.txt must have lines `path pid`"),
        ("0000/0000_045_16_0303morning_0006_2.jpg 0", "cameras are 1 to 15"),
        ("0001/0001_045_12_0303morning_0006_2.jpg 0", "the name and the list give different identities"),
        ("0000/0000_c1s1_000451_03.jpg 0", "names of msmt17 must be like"),
    ],
)
def test_lines_that_cannot_belong_are_named(line, message):
    with pytest.raises(ValueError, match=message):
        parse_msmt17(LINES | {"train": [line]})


@pytest.mark.parametrize("version", ["V1", "V2"])
def test_both_versions_of_the_folders_are_read(folder, version):
    for old, new in zip(FOLDERS["V1"], FOLDERS[version], strict=True):
        (folder / old).rename(folder / new)
    table = read_msmt17(folder, partial=True)
    assert len(table) == 6
    assert table.images["path"].iloc[0].startswith(FOLDERS[version][0])
    assert table.provenance["version"] == version


def test_without_time_stamps_the_table_has_no_times(folder):
    assert read_msmt17(folder, partial=True).times is None


def test_listed_picture_that_is_not_there_is_left_out_of_a_subset_only(folder, monkeypatch):
    monkeypatch.setattr(msmt17, "PUBLISHED", count_msmt17(parse_msmt17(LINES)))
    assert not read_msmt17(folder).partial
    (folder / "train/0000/0000_045_12_0303morning_0006_2.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"1 of 6 pictures are missing.*0000_045_12"):
        read_msmt17(folder)
    table = read_msmt17(folder, partial=True)
    assert (len(table), table.partial) == (5, True)


def test_missing_list_is_named(folder):
    (folder / "list_query.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"list_query.txt is missing"):
        read_msmt17(folder, partial=True)


@pytest.mark.data
def test_all_real_names_parse_to_the_published_counts(real_data):
    lists = {part: real_data / "names" / f"msmt17_v1_list_{part}.txt.gz" for part in LISTS}
    rows = parse_msmt17(
        {part: gzip.decompress(file.read_bytes()).decode().splitlines() for part, file in lists.items()}
    )
    assert count_msmt17(rows) == PUBLISHED
    assert rows["path"].is_unique
    assert rows["pid"].nunique() == 4101
    assert sorted(rows["camid"].unique()) == list(range(15))
