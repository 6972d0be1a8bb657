from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.io import savemat

from whyreid.data import load_attribute_mat, unknown_groups
from whyreid.data.attributes import DUKEMTMCREID_NAMES, MARKET1501_NAMES

# Training positives of Market-1501 in % of 751 identities, as printed in the literature.
MARKET_TRAIN_PERCENT = {
    **dict(zip(("age1", "age2", "age3", "age4"), (1.86, 75.77, 21.30, 1.07), strict=True)),
    **{"backpack": 26.50, "bag": 24.63, "handbag": 11.45, "clothes": 85.35, "down": 60.85, "up": 94.81},
    **{"hair": 32.62, "hat": 2.66, "gender": 42.61},
    **{"downblack": 39.01, "downblue": 16.38, "downbrown": 9.19, "downgray": 16.38, "downgreen": 1.86},
    **{"downpink": 3.86, "downpurple": 0.27, "downwhite": 7.72, "downyellow": 1.33},
    **{"upblack": 15.05, "upblue": 6.13, "upgreen": 7.46, "upgray": 11.45, "uppurple": 3.99, "upred": 10.39},
    **{"upwhite": 30.36, "upyellow": 4.79},
}


def market_part(pids: list[int], *, order: int = 1, **values: list[int]) -> dict[str, np.ndarray]:
    """One part of market_attribute.mat: every field 1 (no) but those given; ``order`` -1 turns the fields round."""
    names = ["age", *(name for name in MARKET1501_NAMES if not name.startswith("age"))][::order]
    fields = {name: np.array([values.get(name, [1] * len(pids))], dtype=np.uint8) for name in names}
    cells = np.empty((1, len(pids)), dtype=object)
    cells[0] = [f"{pid:04d}" for pid in pids]
    return fields | {"image_index": cells}


def duke_part(pids: list[int], **values: list[int]) -> dict[str, np.ndarray]:
    """One part of duke_attribute.mat, likewise."""
    fields = {name: np.array([values.get(name, [1] * len(pids))], dtype=np.uint8) for name in DUKEMTMCREID_NAMES}
    cells = np.empty((1, len(pids)), dtype=object)
    cells[0] = [f"{pid:04d}" for pid in pids]
    return fields | {"image_index": cells}


def write(path: Path, struct: str, train: dict, test: dict) -> Path:
    savemat(path, {struct: {"test": test, "train": train}})
    return path


def test_two_is_yes_and_age_becomes_four_columns(tmp_path):
    train = market_part([2, 7], age=[2, 4], up=[2, 1], clothes=[1, 2], upred=[2, 1])
    test = market_part([1], order=-1, gender=[2], age=[1])
    frame = load_attribute_mat(write(tmp_path / "m.mat", "market_attribute", train, test))
    assert frame.columns.tolist() == [*MARKET1501_NAMES, "split"]
    assert frame.index.tolist() == [2, 7, 1]
    assert frame["split"].tolist() == ["train", "train", "test"]
    assert frame.attrs["dataset"] == "market1501"
    ones = {pid: [name for name in MARKET1501_NAMES if frame.loc[pid, name] == 1] for pid in (2, 7, 1)}
    assert ones == {2: ["age2", "up", "upred"], 7: ["age4", "clothes"], 1: ["age1", "gender"]}
    assert set(frame[list(MARKET1501_NAMES)].dtypes.astype(str)) == {"Int8"}


def test_zero_in_the_file_is_missing_and_not_no(tmp_path):
    path = write(tmp_path / "d.mat", "duke_attribute", duke_part([1, 3, 5], top=[0, 1, 2]), duke_part([4]))
    frame = load_attribute_mat(path)
    assert frame["top"].isna().tolist() == [True, False, False, False]
    assert frame.loc[[3, 5, 4], "top"].tolist() == [0, 1, 0]
    assert frame.drop(columns="top").notna().all(axis=None)


def test_missing_age_is_missing_in_all_four_columns(tmp_path):
    path = write(tmp_path / "m.mat", "market_attribute", market_part([2], age=[0]), market_part([1]))
    assert load_attribute_mat(path).loc[2, ["age1", "age2", "age3", "age4"]].isna().all()


def test_field_order_does_not_matter(tmp_path):
    values = {"hat": [1, 2], "downblue": [2, 1], "age": [3, 2]}
    forth = write(tmp_path / "a.mat", "market_attribute", market_part([2, 7], **values), market_part([1]))
    back = write(tmp_path / "b.mat", "market_attribute", market_part([2, 7], order=-1, **values), market_part([1]))
    pd.testing.assert_frame_equal(load_attribute_mat(forth), load_attribute_mat(back))


def faulty(part: dict, fault: str) -> dict:
    if fault == "missing":
        del part["hat"]
    if fault == "unexpected":
        part["umbrella"] = part["hat"]
    if fault == "length":
        part["hat"] = part["hat"][:, :1]
    if fault == "range":
        part["hat"] = part["hat"] + 2
    if fault == "pid":
        part["image_index"][0, 1] = "00x7"
    if fault == "repeated":
        part["image_index"][0, 1] = "0002"
    return part


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("missing", r"train must have the published fields, got none for \['hat'\]"),
        ("unexpected", r"unexpected \['umbrella'\]"),
        ("length", r"one value per identity \(2\), got other lengths for \['hat'\]"),
        ("range", r"train\.hat must be 0 \(missing\) to 2, got \[3\]"),
        ("pid", r"image_index must hold numbers of identities, got '00x7'"),
        ("repeated", "every identity once, got 2 twice"),
    ],
)
def test_damaged_annotation_is_refused(tmp_path, fault, message):
    train = faulty(market_part([2, 7]), fault)
    with pytest.raises(ValueError, match=message):
        load_attribute_mat(write(tmp_path / "m.mat", "market_attribute", train, market_part([1])))


def test_other_files_are_refused(tmp_path):
    savemat(tmp_path / "other.mat", {"x": np.ones(3)})
    (tmp_path / "text.mat").write_text("no mat file at all, but long enough to have a header" * 20)
    with pytest.raises(ValueError, match=r"must hold one of \['market_attribute', 'duke_attribute'\].*got \['x'\]"):
        load_attribute_mat(tmp_path / "other.mat")
    with pytest.raises(ValueError, match="must be a MAT file of version 5"):
        load_attribute_mat(tmp_path / "text.mat")
    with pytest.raises(FileNotFoundError, match=r"must be a \.mat file"):
        load_attribute_mat(tmp_path / "absent.mat")


@pytest.mark.data
def test_real_market_annotation_gives_the_published_percentages(real_data):
    frame = load_attribute_mat(real_data / "market_attribute.mat")
    train = frame[frame["split"] == "train"].drop(columns="split")
    assert (len(train), len(frame)) == (751, 1501)
    assert (100 * train.astype(float).mean()).round(2).to_dict() == MARKET_TRAIN_PERCENT
    assert frame.notna().all(axis=None)


@pytest.mark.data
def test_real_market_annotation_has_the_known_traps(real_data):
    frame = load_attribute_mat(real_data / "market_attribute.mat")
    unknown = unknown_groups(frame).groupby(frame["split"]).sum()
    assert unknown.loc["train"].to_dict() == {"age": 0, "lower colour": 30, "upper colour": 78}
    assert unknown.loc["test"].to_dict() == {"age": 0, "lower colour": 44, "upper colour": 69}
    test = frame[frame["split"] == "test"]
    assert (test["downpurple"].sum(), test["downyellow"].sum()) == (0, 1)
    assert (frame[["age1", "age2", "age3", "age4"]].sum(axis=1) == 1).all()


@pytest.mark.data
def test_real_duke_annotation_keeps_its_missing_values_and_several_colours(real_data):
    frame = load_attribute_mat(real_data / "duke_attribute.mat")
    assert frame.groupby("split").size().to_dict() == {"train": 702, "test": 1110}
    missing = frame.isna()
    assert frame.index[missing["top"]].tolist() == [370, 679]
    assert missing.drop(columns="top").sum().sum() == 0
    lower = [name for name in frame.columns if name.startswith("down")]
    test = frame.loc[frame["split"] == "test", lower].sum(axis=1)
    assert int((test > 1).sum()) == 23
    assert int(test.max()) == 3
