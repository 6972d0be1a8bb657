from __future__ import annotations

import pandas as pd
import pytest

from whyreid.data import read_pictures
from whyreid.data.own_pictures import divide_identities, list_pictures

NAMES = ["3/c1_10.png", "3/c2_20.png", "8/c1_30.png", "8/c1_40.png", "9/c1_5.png", "9/c3_6.png", "9/c3_7.png"]


@pytest.fixture
def folder(tmp_path, write_pictures):
    write_pictures(tmp_path / "mine", NAMES)
    return tmp_path / "mine"


def test_numbers_in_the_paths_are_kept(folder):
    table = read_pictures(folder, r"^(?P<pid>\d+)/c(?P<camid>\d)_(?P<time>\d+)", name="mine", fps=5)
    assert table.pids.tolist() == [3, 3, 8, 8, 9, 9, 9]
    assert table.camids.tolist() == [1, 2, 1, 1, 1, 3, 3]
    assert table.times.tolist() == [10, 20, 30, 40, 5, 6, 7]
    assert (table.protocol, table.fps) == ("cross_camera", 5)


def test_words_are_numbered_in_sorted_order_and_kept_beside(tmp_path, write_pictures):
    write_pictures(tmp_path, ["door/eve.1.png", "attic/eve.2.png", "attic/bo.1.png", "door/bo.2.png"])
    table = read_pictures(tmp_path, r"(?P<camid>\w+)/(?P<pid>\w+)", name="house")
    people = dict(zip(table.images["person"], table.pids.tolist(), strict=True))
    cameras = dict(zip(table.images["camera"], table.camids.tolist(), strict=True))
    assert people == {"bo": 1, "eve": 2}
    assert cameras == {"attic": 0, "door": 1}


def test_persons_counted_from_zero_are_renumbered_because_zero_means_distractor(tmp_path, write_pictures):
    write_pictures(tmp_path, ["0_a.png", "0_b.png", "1_a.png"])
    assert read_pictures(tmp_path, r"(?P<pid>\d)_", name="n", test_fraction=0).pids.tolist() == [1, 1, 2]


def test_splits_in_the_paths_are_taken(tmp_path, write_pictures):
    write_pictures(tmp_path, ["query/1.png", "gallery/1.png", "train/2.png"])
    table = read_pictures(tmp_path, r"(?P<split>\w+)/(?P<pid>\d+)", name="n")
    assert dict(zip(table.images["path"], table.images["split"], strict=True)) == {
        "gallery/1.png": "gallery",
        "query/1.png": "query",
        "train/2.png": "train",
    }
    assert table.camids is None


def test_division_asks_once_for_everyone_who_can_be_found_again():
    rows = pd.DataFrame({"pid": [3, 3, 8, 8, 9, 9, 9], "camid": [0, 1, 0, 0, 0, 2, 2]})
    split = divide_identities(rows, test_fraction=1)
    assert split.groupby(rows["pid"]).agg(lambda values: (values == "query").sum()).to_dict() == {3: 1, 8: 0, 9: 1}
    blind = divide_identities(rows.drop(columns="camid"), test_fraction=1)
    assert blind.groupby(rows["pid"]).agg(lambda values: (values == "query").sum()).to_dict() == {3: 1, 8: 1, 9: 1}


@pytest.mark.parametrize(("fraction", "tested"), [(0, 0), (0.25, 5), (1, 20)])
def test_division_keeps_identities_whole(fraction, tested):
    rows = pd.DataFrame({"pid": [pid for pid in range(1, 21) for _ in range(3)], "camid": 20 * [0, 1, 2]})
    split = divide_identities(rows, test_fraction=fraction, seed=1)
    trained = set(rows.loc[split == "train", "pid"])
    assert len(trained) == 20 - tested
    assert trained.isdisjoint(rows.loc[split != "train", "pid"])


def test_division_depends_on_the_seed_alone():
    rows = pd.DataFrame({"pid": [pid for pid in range(1, 41) for _ in range(2)], "camid": 40 * [0, 1]})
    assert divide_identities(rows, seed=1).equals(divide_identities(rows, seed=1))
    assert not divide_identities(rows, seed=1).equals(divide_identities(rows, seed=2))


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (r"(?P<pid>\d+", "must be a regular expression"),
        (r"\d+", r"must have a group \(\?P<pid>"),
        (r"(?P<pid>\d+)/(?P<cam>c\d)", r"may have \['camid', 'time', 'split'\], got \['cam', 'pid'\]"),
        (r"(?P<pid>9)/", r"got 4 of 7 that do not: 3/c1_10.png"),
        (r"(?P<pid>\d+)/c\d_(?P<time>\d+)", "fps must be given when times are known"),
    ],
)
def test_patterns_that_do_not_serve_are_refused(folder, pattern, message):
    with pytest.raises(ValueError, match=message):
        read_pictures(folder, pattern, name="mine")


def test_hidden_files_and_other_files_are_passed_over(folder):
    (folder / "3/.c9_1.png").touch()
    (folder / "3/readme.txt").touch()
    (folder / ".cache").mkdir()
    (folder / ".cache/3_c1.png").touch()
    assert list_pictures(folder) == NAMES


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="with none"):
        read_pictures(tmp_path, r"(?P<pid>\d+)", name="n")


def test_a_fraction_out_of_range_is_refused(folder):
    with pytest.raises(ValueError, match="test_fraction must be from 0 to 1"):
        read_pictures(folder, r"^(?P<pid>\d+)/", name="mine", test_fraction=2)
