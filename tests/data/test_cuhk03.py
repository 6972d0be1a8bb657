from __future__ import annotations

import numpy as np
import pytest
from scipy.io import savemat

from whyreid.data import cuhk03, read_cuhk03np
from whyreid.data.cuhk03 import count_cuhk03np, parse_cuhk03np_config, parse_cuhk03np_folders

NAMES = ["1_001_1_01.png", "1_001_2_06.png", "1_002_1_01.png", "1_002_2_06.png", "1_002_2_07.png"]
FOLDERED = [
    "bounding_box_train/0001_c1_1.png",
    "query/0002_c1_3.png",
    "bounding_box_test/0002_c2_4.png",
    "bounding_box_test/0002_c2_5.png",
]


def config(**changes) -> dict[str, np.ndarray]:
    """Person 1 is trained on; person 2 has a query in camera 1 and two gallery pictures in camera 2. Rows from 1."""
    cells = np.empty((5, 1), dtype=object)
    cells[:, 0] = NAMES
    fields = {"filelist": cells, "labels": np.array([[1], [1], [2], [2], [2]]), "camId": np.array([[1, 2, 1, 2, 2]]).T}
    rows = {"train_idx": np.array([[1], [2]]), "query_idx": np.array([[3]]), "gallery_idx": np.array([[4], [5]])}
    return fields | rows | changes


@pytest.fixture
def folder(tmp_path, write_pictures):
    root = tmp_path / "cuhk"
    write_pictures(root / "images_detected", NAMES)
    savemat(root / "cuhk03_new_protocol_config_detected.mat", config())
    return root


def test_row_numbers_count_from_one():
    rows = parse_cuhk03np_config(config())
    assert rows["path"].tolist() == NAMES
    assert rows["pid"].tolist() == [1, 1, 2, 2, 2]
    assert rows["camid"].tolist() == [0, 1, 0, 1, 1]
    assert rows["split"].tolist() == ["train", "train", "query", "gallery", "gallery"]


def test_labels_from_zero_are_raised_because_zero_means_distractor():
    labels = config()["labels"] - 1
    assert parse_cuhk03np_config(config(labels=labels))["pid"].tolist() == [1, 1, 2, 2, 2]


@pytest.mark.parametrize(
    ("rows", "message"),
    [([0, 1], "1 to 5, got 0 to 5"), ([1, 6], "1 to 5, got 1 to 6"), ([1, 5], "with 1 repeated")],
)
def test_row_numbers_out_of_range_or_repeated_are_refused(rows, message):
    with pytest.raises(ValueError, match=message):
        parse_cuhk03np_config(config(train_idx=np.array(rows)))


def test_missing_field_is_named():
    incomplete = config()
    del incomplete["camId"]
    with pytest.raises(ValueError, match=r"got none for \['camId'\]"):
        parse_cuhk03np_config(incomplete)


def test_reader_finds_the_pictures_of_the_protocol_file(folder, monkeypatch):
    table = read_cuhk03np(folder, boxes="detected", partial=True)
    assert (table.name, table.partial, len(table)) == ("cuhk03np-detected", True, 5)
    assert table.root == folder / "images_detected"
    assert table.times is None
    monkeypatch.setitem(cuhk03.PUBLISHED, "detected", count_cuhk03np(parse_cuhk03np_config(config())))
    assert not read_cuhk03np(folder, boxes="detected").partial


def test_reader_takes_the_layout_in_three_folders(tmp_path, write_pictures):
    write_pictures(tmp_path / "labeled", FOLDERED)
    table = read_cuhk03np(tmp_path, partial=True)
    assert table.images["pid"].tolist() == [1, 2, 2, 2]
    assert table.images["camid"].tolist() == [0, 0, 1, 1]
    assert table.images["split"].tolist() == ["train", "query", "gallery", "gallery"]


def test_both_layouts_need_the_published_counts(folder):
    with pytest.raises(ValueError, match="gallery: 2 images of 1 identity, published 5332 of 700"):
        read_cuhk03np(folder, boxes="detected")


def test_labeled_and_detected_differ_in_their_counts():
    assert {boxes: [count.images for count in parts.values()] for boxes, parts in cuhk03.PUBLISHED.items()} == {
        "labeled": [7368, 1400, 5328],
        "detected": [7365, 1400, 5332],
    }


def test_unknown_boxes_and_absent_layouts_are_refused(folder, tmp_path):
    with pytest.raises(ValueError, match=r"one of \['labeled', 'detected'\], got 'labelled'"):
        read_cuhk03np(folder, boxes="labelled")
    with pytest.raises(FileNotFoundError, match=r"cuhk03_new_protocol_config_labeled.mat is missing"):
        read_cuhk03np(folder)
    savemat(folder / "cuhk03_new_protocol_config_labeled.mat", config())
    with pytest.raises(FileNotFoundError, match=r"must be in one of .*images_labeled"):
        read_cuhk03np(folder)


@pytest.mark.parametrize("name", ["query/0002_c1s1_000001_00.jpg", "query/1_001_1_01.png"])
def test_names_that_do_not_parse_are_refused(name):
    with pytest.raises(ValueError, match=r"names of cuhk03np must be like 0001_c1_1\.png"):
        parse_cuhk03np_folders([name])
