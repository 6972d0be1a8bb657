from __future__ import annotations

import gzip

import pytest

from whyreid.data import dukemtmcreid, read_dukemtmcreid
from whyreid.data.dukemtmcreid import PUBLISHED, count_dukemtmcreid, parse_dukemtmcreid

PICTURES = [
    "bounding_box_train/0001_c2_f0046182.jpg",
    "bounding_box_train/0001_c5_f0000100.jpg",
    "query/0005_c8_f0002935.jpg",
    "bounding_box_test/0005_c1_f0050000.jpg",
    "bounding_box_test/0002_c4_f0044158.jpg",
]


@pytest.fixture
def folder(tmp_path, write_pictures):
    write_pictures(tmp_path / "duke", PICTURES)
    return tmp_path / "duke"


def test_names_say_person_camera_time_and_split():
    rows = parse_dukemtmcreid(PICTURES)
    assert rows["pid"].tolist() == [1, 1, 5, 5, 2]
    assert rows["camid"].tolist() == [1, 4, 7, 0, 3]
    assert rows["split"].tolist() == ["train", "train", "query", "gallery", "gallery"]
    # Camera 5 is the clock; camera 8 begins 46,765 frames later, camera 2 3,606, camera 1 5,542, camera 4 31,181.
    assert rows["time"].tolist() == [46182 + 3606, 100, 2935 + 46765, 50000 + 5542, 44158 + 31181]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("query/0001_c1s1_001051_00.jpg", "look like market1501: use its reader"),
        ("query/0001_c9_f0001051.jpg", "cameras are 1 to 8: query/0001_c9"),
        ("query/0001_c0_f0001051.jpg", "cameras are 1 to 8: query/0001_c0"),
        ("query/0000_c1_f0001051.jpg", "identities start from 1"),
        ("probe/0001_c1_f0001051.jpg", "unknown folder"),
    ],
)
def test_pictures_that_cannot_belong_are_named(path, message):
    with pytest.raises(ValueError, match=message):
        parse_dukemtmcreid([*PICTURES, path])


def test_reader_gives_a_table_on_one_clock(folder):
    table = read_dukemtmcreid(folder, partial=True)
    assert (table.name, table.fps, table.partial, len(table)) == ("dukemtmcreid", 59.94, True, 5)
    assert table.times.min() == 100


def test_subset_is_refused_and_a_complete_folder_is_not(folder, monkeypatch):
    with pytest.raises(ValueError, match="bounding_box_test: 2 images of 2 identities, published 17661 of 1110"):
        read_dukemtmcreid(folder)
    monkeypatch.setattr(dukemtmcreid, "PUBLISHED", count_dukemtmcreid(parse_dukemtmcreid(PICTURES)))
    assert not read_dukemtmcreid(folder).partial


@pytest.mark.data
def test_all_real_names_parse_to_the_published_counts(real_data):
    lists = [real_data / "names" / f"dukemtmcreid_{part}.txt.gz" for part in ("train", "query", "test")]
    rows = parse_dukemtmcreid([name for file in lists for name in gzip.decompress(file.read_bytes()).decode().split()])
    assert count_dukemtmcreid(rows) == PUBLISHED
    # The set was cut from frames 49,700 to 227,540 of the common clock: the offsets bring every name into them.
    assert (rows["time"].min(), rows["time"].max()) == (49700, 227540)
