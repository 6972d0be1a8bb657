from __future__ import annotations

import gzip

import pandas as pd
import pytest

from whyreid.data import (
    ReIDTable,
    annotated_ratios,
    attribute_frequencies,
    market1501,
    read_market1501,
    split_counts,
)
from whyreid.data.market1501 import (
    PUBLISHED,
    SESSION_FRAMES,
    SESSION_STARTS,
    count_market1501,
    parse_market1501,
)
from whyreid.data.raw_folder import Count, check_counts

PICTURES = [
    "bounding_box_train/0002_c1s1_000451_03.jpg",
    "bounding_box_train/0002_c2s1_000551_01.jpg",
    "bounding_box_train/0007_c3s3_077419_03.jpg",
    "query/0001_c1s2_001051_00.jpg",
    "query/0003_c6s4_000002_00.jpg",
    "bounding_box_test/-1_c1s1_000401_03.jpg",
    "bounding_box_test/0000_c1s1_000151_01.jpg",
    "bounding_box_test/0001_c5s1_001426_00.jpg.jpg",
    "bounding_box_test/0003_c6s3_087542_00.jpg",
]


@pytest.fixture
def folder(tmp_path, write_pictures):
    write_pictures(tmp_path / "market", PICTURES)
    return tmp_path / "market"


@pytest.fixture
def tiny_publication(monkeypatch):
    """As if the nine pictures were the published data set."""
    counts = {part: count_market1501(parse_market1501(PICTURES))[part] for part in PUBLISHED}
    monkeypatch.setattr(market1501, "PUBLISHED", counts)


def test_names_say_person_camera_time_and_split():
    rows = parse_market1501(PICTURES).set_index("path")
    assert rows["pid"].tolist() == [2, 2, 7, 1, 3, -1, 0, 1, 3]
    assert rows["camid"].tolist() == [0, 1, 2, 0, 5, 0, 0, 4, 5]
    assert rows["split"].tolist() == 3 * ["train"] + 2 * ["query"] + 4 * ["gallery"]
    # Camera 1's first session ends at frame 72,681; camera 3's first two at 161,708 and 161,769; camera 6's first three
    # at 87,551, 131,268 and 95,817.
    assert rows.loc[PICTURES[0], "time"] == 451
    assert rows.loc[PICTURES[3], "time"] == 72681 + 1051
    assert rows.loc[PICTURES[2], "time"] == 161708 + 161769 + 77419
    assert rows.loc[PICTURES[4], "time"] == 87551 + 131268 + 95817 + 2


def test_sessions_are_added_once():
    for frames, starts in zip(SESSION_FRAMES, SESSION_STARTS, strict=True):
        assert starts == tuple(sum(frames[:session]) for session in range(len(frames)))
    assert SESSION_STARTS[0][5] / market1501.FPS == pytest.approx(14870, abs=1)  # not the 91,328 s of shifted maxima


def test_time_of_a_picture_does_not_depend_on_the_others():
    together = parse_market1501(PICTURES)
    alone = pd.concat([parse_market1501([path]) for path in PICTURES], ignore_index=True)
    pd.testing.assert_frame_equal(together, alone)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("query/0001_c1s1_001051_00 (1).jpg", r"names of market1501 must be like 0002_c1s1.*got 1 of 10 that are not"),
        ("query/0005_c2_f0046985.jpg", "look like dukemtmcreid: use its reader"),
        ("query/0001_c7s1_001051_00.jpg", "no such camera and session: query/0001_c7s1"),
        ("query/0001_c2s4_001051_00.jpg", "no such camera and session: query/0001_c2s4"),
        ("query/0000_c1s1_001051_00.jpg", "junk and distractors are in bounding_box_test alone"),
        ("bounding_box_train/-1_c1s1_001051_00.jpg", "junk and distractors are in bounding_box_test alone"),
        ("gt_bbox/0001_c1s1_001051_00.jpg", "unknown folder: gt_bbox"),
    ],
)
def test_pictures_that_cannot_belong_are_named(path, message):
    with pytest.raises(ValueError, match=message):
        parse_market1501([*PICTURES, path])


def test_reader_drops_junk_and_keeps_distractors(folder):
    table = read_market1501(folder, partial=True)
    assert table.partial
    assert table.images["pid"].tolist() == [2, 2, 7, 1, 3, 0, 1, 3]
    assert split_counts(table).loc["gallery"].to_dict() == {
        "images": 3,
        "identities": 2,
        "cameras": 3,
        "distractors": 1,
    }
    assert (table.fps, table.protocol, table.root) == (25.0, "cross_camera", folder)
    assert all(path.is_file() for path in table.image_paths())


def test_files_that_are_no_pictures_are_ignored(folder):
    (folder / "query" / "Thumbs.db").write_bytes(b"thumbs")
    (folder / "query" / "._0001_c1s2_001051_00.jpg").write_bytes(b"resource fork")
    assert len(read_market1501(folder, partial=True)) == 8


def test_complete_folder_is_not_partial_even_if_a_subset_was_allowed(folder, tiny_publication):
    assert not read_market1501(folder).partial
    assert not read_market1501(folder, partial=True).partial


def test_subset_is_refused_with_every_count_that_is_off(folder):
    with pytest.raises(ValueError, match="does not have the published counts") as caught:
        read_market1501(folder)
    message = str(caught.value)
    assert (
        "bounding_box_train: 3 images of 2 identities, published 12936 of 751 "
        "(12933 images missing and 749 identities missing)" in message
    )
    assert "bounding_box_test, junk: 1 image, published 3819 (3818 images missing)" in message
    assert "--partial" in message


def test_too_many_pictures_are_refused_even_for_a_subset(folder, tiny_publication, write_pictures):
    write_pictures(folder, ["query/0004_c1s1_000001_00.jpg"])
    with pytest.raises(ValueError, match=r"query: 3 images of 3 .*\(1 image too many and 1 identity too many\)"):
        read_market1501(folder, partial=True)


def test_published_counts_are_the_known_ones():
    persons, distractors, junk = (
        PUBLISHED[f"bounding_box_test, {part}"] for part in ("persons", "distractors", "junk")
    )
    assert persons.images + distractors.images == 15913
    assert persons.images + distractors.images + junk.images == 19732
    assert (PUBLISHED["bounding_box_train"], PUBLISHED["query"]) == (Count(12936, 751), Count(3368, 750))
    assert check_counts(PUBLISHED, PUBLISHED, "Market-1501", partial=False)


def test_missing_folders_are_named_and_the_right_one_is_suggested(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"bounding_box_train, query, bounding_box_test are missing") as caught:
        read_market1501(tmp_path)
    assert f"did you mean {folder}?" in str(caught.value)
    (folder / "query").rename(folder / "queries")
    with pytest.raises(FileNotFoundError, match=r"query is missing .*the folder holds .*'queries'"):
        read_market1501(folder)
    with pytest.raises(FileNotFoundError, match="which is no folder"):
        read_market1501(tmp_path / "absent")


def test_empty_query_is_refused_before_anything_else_happens(folder):
    for picture in (folder / "query").iterdir():
        picture.unlink()
    with pytest.raises(ValueError, match="split query must have pictures, got 0 in query and 4 in gallery"):
        read_market1501(folder, partial=True)


def test_identities_need_attributes_and_distractors_do_not(folder, tiny_publication):
    attributes = pd.DataFrame({"hat": [0, 1, 0, 1]}, index=[1, 2, 3, 7])
    assert read_market1501(folder, attributes=attributes).attributes.index.tolist() == [1, 2, 3, 7]
    with pytest.raises(ValueError, match=r"1 identity without attributes \(pid 7\) and 0 attribute rows"):
        read_market1501(folder, attributes=attributes.drop(index=7))
    extended = pd.concat([attributes, pd.DataFrame({"hat": [1]}, index=[9])])
    with pytest.raises(ValueError, match=r"1 attribute row without a picture \(pid 9\)"):
        read_market1501(folder, attributes=extended)


def test_subset_cuts_the_annotation_down_and_leaves_unknown_what_is_not_annotated(folder):
    attributes = pd.DataFrame({"hat": [0, 1, 0, 1]}, index=[1, 2, 3, 9])
    table = read_market1501(folder, attributes=attributes, partial=True)
    assert table.attributes.index.tolist() == [1, 2, 3, 7]
    assert table.attributes["hat"].isna().tolist() == [False, False, False, True]


def test_subset_without_any_annotated_identity_is_refused(folder):
    with pytest.raises(ValueError, match="is it the annotation of this data set"):
        read_market1501(folder, attributes=pd.DataFrame({"hat": [0]}, index=[900]), partial=True)


@pytest.mark.data
def test_all_real_names_parse_to_the_published_counts(real_data):
    rows = parse_market1501(_names(real_data))
    assert count_market1501(rows) == PUBLISHED
    assert rows["path"].is_unique
    train = set(rows.loc[rows["split"] == "train", "pid"])
    assert train.isdisjoint(rows.loc[rows["split"] != "train", "pid"])


@pytest.mark.data
def test_session_lengths_are_the_largest_frames_of_all_real_names(real_data):
    names = pd.Series(_names(real_data)).str.extract(r"_c(\d)s(\d)_(\d+)").astype(int)
    largest = names.groupby([0, 1])[2].max()
    expected = {
        (camera + 1, session + 1): frame
        for camera, frames in enumerate(SESSION_FRAMES)
        for session, frame in enumerate(frames)
    }
    assert largest.to_dict() == expected


@pytest.mark.data
def test_sessions_added_once_bring_the_cameras_to_one_clock(real_data):
    rows = parse_market1501(_names(real_data))
    people = rows[rows["pid"] > 0].assign(seconds=lambda frame: frame["time"].astype(float) / market1501.FPS)
    passed = people.groupby(["pid", "camid"])["seconds"].median().unstack()
    session = passed[0].floordiv(2900)  # six sessions of camera 1, the first five of some 2,950 s
    lag = passed.sub(passed[0], axis=0).groupby(session).median()
    assert len(lag) == 6
    assert (lag[[1, 2, 3, 4]].abs() < 110).all(axis=None)
    # Camera 6 stood still for some 3,200 s after its first session (3,502 s).
    assert (lag.loc[:1, 5].abs() < 60).all()
    assert lag.loc[2:, 5].between(-3300, -3100).all()


@pytest.mark.data
def test_real_sample_has_its_counts_and_both_ratios_can_be_shown(real_data, tmp_path):
    annotation = real_data / "market_attribute.mat"
    table = read_market1501(real_data / "market1501-mini", attributes=annotation, partial=True)
    counts = split_counts(table)
    assert counts["images"].to_dict() == {"train": 6970, "query": 656, "gallery": 1972, "all": 9598}
    assert counts["identities"].to_dict() == {"train": 400, "query": 150, "gallery": 148, "all": 550}
    assert table.partial
    assert table.attributes.notna().all(axis=None)
    assert attribute_frequencies(table.select("train")).loc["backpack", "ratio"] == 110 / 400
    ratios = annotated_ratios(ReIDTable.load(table.save(tmp_path / "table")))
    assert ratios.name == "751 annotated training identities"
    assert ratios["backpack"] == pytest.approx(199 / 751, abs=1e-6)
    with pytest.raises(ValueError, match="6970 images of 400 identities, published 12936 of 751"):
        read_market1501(real_data / "market1501-mini")


@pytest.mark.data
def test_annotation_of_another_set_is_refused(real_data):
    with pytest.raises(ValueError, match=r"must annotate market1501, got .* which annotates dukemtmcreid"):
        read_market1501(real_data / "market1501-mini", attributes=real_data / "duke_attribute.mat", partial=True)


def _names(real_data) -> list[str]:
    lists = [real_data / "names" / f"market1501_{part}.txt.gz" for part in ("train", "query", "test")]
    return [name for file in lists for name in gzip.decompress(file.read_bytes()).decode().split()]
