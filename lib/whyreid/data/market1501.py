"""Market-1501: names, time stamps, published counts, and the reader of its folder.

Zheng, Shen, Tian, Wang, Wang, Tian: Scalable Person Re-identification: A Benchmark, ICCV 2015.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

import pandas as pd

from whyreid.data.image_rows import check_evaluable
from whyreid.data.raw_folder import (
    Count,
    check_counts,
    count_rows,
    describe_source,
    parse_names,
    read_attributes,
    refuse_pictures,
)
from whyreid.data.table import ReIDTable
from whyreid.data.three_folders import list_three_folders, split_of_pictures

FPS = 25.0
JUNK, DISTRACTOR = -1, 0
PUBLISHED = {
    "bounding_box_train": Count(12936, 751),
    "query": Count(3368, 750),
    "bounding_box_test, persons": Count(13115, 750),
    "bounding_box_test, distractors": Count(2798, None),
    "bounding_box_test, junk": Count(3819, None),
}
# The last frame of every recording session of each camera: the largest frame number among ALL 36,036 names of the
# complete data set (junk and distractors included). Constants, so that the clock of a subset is the clock of the whole.
SESSION_FRAMES: tuple[tuple[int, ...], ...] = (
    (72681, 74546, 74881, 74761, 74891, 54346),
    (163691, 164727, 98102),
    (161708, 161769, 104469),
    (72707, 72473, 74810, 74541, 74935, 50616),
    (161095, 161724, 103487),
    (87551, 131268, 95817, 30952),
)
# Frames before each session when the sessions of a camera are laid end to end, each added once.
SESSION_STARTS: tuple[tuple[int, ...], ...] = tuple(
    tuple(accumulate(frames[:-1], initial=0)) for frames in SESSION_FRAMES
)


def parse_market1501(paths: Sequence[str]) -> pd.DataFrame:
    """What the names say: who, which camera, when, which split.

    Time: frame numbers start anew in every session, and nothing published relates the sessions. Following Liao and
    Shao (QAConv, ECCV 2020), the sessions of a camera are laid end to end; deviation: each session is added once,
    while their code takes each maximum over frames that it has already shifted, so that its clock runs far ahead.
    The names bear this out: through all sessions the median person passes cameras 1 to 5 within 110 s. Camera 6 is
    with them in its first session and some 3,200 s behind from its second on, so that much went unrecorded there. It is
    left so: temporal lifting compares times within a camera only, and no published number tells the gap.

    Args:
        paths: "folder/name" of pictures, e.g. "query/0001_c1s1_001051_00.jpg"; a list of names is enough, no file is
            opened.

    Returns:
        Columns path, pid (-1 junk, 0 distractor), camid (0-based), time (frames, 25 a second), split; rows in order.

    Raises:
        ValueError: a name or folder does not belong to Market-1501.
    """
    parts = parse_names(paths, "market1501")
    numbers = pd.DataFrame([[int(part) for part in name] for name in parts])
    rows = pd.DataFrame({"path": list(paths)})
    rows["pid"], rows["camid"] = numbers[0], numbers[1] - 1
    split = split_of_pictures(rows["path"], "Market-1501")
    known = [f"{camera}s{session}" for camera in range(6) for session in range(1, len(SESSION_STARTS[camera]) + 1)]
    recorded = rows["camid"].astype(str) + "s" + numbers[2].astype(str)
    refuse_pictures(~recorded.isin(known), rows["path"], "Market-1501", "no such camera and session")
    starts = [SESSION_STARTS[camera][session - 1] for camera, session in zip(rows["camid"], numbers[2], strict=True)]
    rows["time"] = (numbers[3] + starts).astype("Float64")
    rows["split"] = split
    nobody = (rows["pid"] < 1) & (rows["split"] != "gallery")
    refuse_pictures(nobody, rows["path"], "Market-1501", "junk and distractors are in bounding_box_test alone")
    return rows


def count_market1501(rows: pd.DataFrame) -> dict[str, Count]:
    """What is there of each part of `PUBLISHED`; ``rows`` come from `parse_market1501`."""
    gallery = rows[rows["split"] == "gallery"]
    return {
        "bounding_box_train": count_rows(rows[rows["split"] == "train"]),
        "query": count_rows(rows[rows["split"] == "query"]),
        "bounding_box_test, persons": count_rows(gallery[gallery["pid"] > 0]),
        "bounding_box_test, distractors": Count(int((gallery["pid"] == DISTRACTOR).sum()), None),
        "bounding_box_test, junk": Count(int((gallery["pid"] == JUNK).sum()), None),
    }


def read_market1501(
    root: Path | str, *, attributes: Path | str | pd.DataFrame | None = None, partial: bool = False
) -> ReIDTable:
    """Read the folder of Market-1501. Junk (pid -1) is dropped, distractors (pid 0) stay in the gallery.

    The complete set gives 12,936 training, 3,368 query and 15,913 gallery pictures (19,732 less 3,819 junk).

    Args:
        root: holds bounding_box_train, query and bounding_box_test.
        attributes: market_attribute.mat, or rows as `load_attribute_mat` gives them.
        partial: accept a subset; the table then says so. Never accepts more than the published pictures.

    Returns:
        The table; its pictures stay where they are.

    Raises:
        FileNotFoundError: a folder is missing.
        ValueError: names, counts or attributes are wrong.
    """
    root = Path(root)
    rows = parse_market1501(list_three_folders(root, ".jpg", "Market-1501"))
    counts = count_market1501(rows)
    complete = check_counts(counts, PUBLISHED, f"Market-1501 in {root}", partial=partial)
    check_evaluable(rows)
    annotation = read_attributes(attributes, "market1501")
    return ReIDTable(
        name="market1501",
        root=root,
        images=rows[rows["pid"] != JUNK],
        attributes=annotation,
        fps=FPS,
        licence="none stated; pictures of people who did not agree to be shown: research only, never publish them",
        provenance=describe_source(attributes, annotation, counts)
        | {"time": "sessions of a camera laid end to end, 25 fps"},
        partial=not complete,
    )
