from __future__ import annotations

import dataclasses
from pathlib import Path

import pandas as pd
import pytest
import torch

from whyreid.data import AttributeSchema, ReIDTable


def changed(frame: pd.DataFrame, row: int, column: str, value: object) -> pd.DataFrame:
    """The rows with one other value."""
    frame = frame.astype({column: object})
    frame.loc[row, column] = value
    return frame


def test_columns_get_their_types_and_order(images):
    table = ReIDTable("street", Path("x"), images[images.columns[::-1]].assign(blur=0.5), fps=25)
    assert table.images.columns.tolist() == ["path", "pid", "camid", "time", "split", "blur"]
    dtypes = table.images.dtypes.astype(str).to_dict()
    assert dtypes == {
        **{"path": "str", "pid": "int64", "camid": "Int64", "time": "Float64", "split": "str"},
        "blur": "float64",
    }


def test_tensors_are_in_row_order(table):
    assert table.pids.tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 0]
    assert table.camids.tolist() == [0, 1] * 6 + [0]
    assert table.times.tolist() == [10.5 * pid + camid for pid, camid in zip(table.pids, table.camids, strict=True)]
    assert (table.pids.dtype, table.camids.dtype, table.times.dtype) == (torch.int64, torch.int64, torch.float64)
    assert table.image_paths()[0] == table.root / "pictures/1_0.png"


def test_changing_a_tensor_does_not_change_the_table(table):
    table.pids.fill_(9)
    table.times.fill_(9)
    assert table.pids.tolist()[:2] == [1, 1]
    assert table.times.tolist()[:2] == [10.5, 11.5]


def test_the_rows_given_are_not_changed_by_the_table(images):
    before = images.copy()
    table = ReIDTable("street", Path("x"), images, fps=25)
    table.images.loc[0, "pid"] = 77
    pd.testing.assert_frame_equal(images, before)


def test_unknown_times_are_nan_and_a_table_without_any_has_none(images):
    some = ReIDTable("street", Path("x"), changed(images, 0, "time", pd.NA), fps=25)
    assert torch.isnan(some.times[0])
    assert not torch.isnan(some.times[1:]).any()
    assert ReIDTable("street", Path("x"), images.drop(columns="time")).times is None


def test_without_cameras_the_protocol_must_say_so(images):
    rows = images.drop(columns="camid")
    with pytest.raises(ValueError, match=r"camid must be given in every row under protocol cross_camera.*no_camera"):
        ReIDTable("street", Path("x"), rows, fps=25)
    table = ReIDTable("street", Path("x"), rows, fps=25, protocol="no_camera")
    assert table.camids is None
    assert table.images["camid"].isna().all()


@pytest.mark.parametrize(
    ("row", "column", "value", "message"),
    [
        (3, "pid", -1, r"pid must be 0 \(distractor\) or more, got row 3: -1; drop junk"),
        (3, "pid", 0, "pid must be above 0 outside the gallery, got row 3: 0"),
        (3, "pid", 2.5, "pid must be a whole number, got row 3: 2.5"),
        (3, "pid", "two", "pid must be a number, got row 3: 'two'"),
        (3, "pid", None, "pid must be given in every row, got row 3"),
        (3, "camid", -1, "camid must be 0 or more, got row 3: -1"),
        (3, "camid", None, "camid must be given in every row under protocol cross_camera, got row 3"),
        (3, "time", "noon", "time must be a number, got row 3: 'noon'"),
        (3, "time", float("inf"), "time must be a number, got row 3: inf"),
        (3, "split", "test", r"split must be one of \['train', 'val', 'query', 'gallery'\], got row 3: 'test'"),
        (3, "path", "/pictures/a.png", "path must be a relative path without `..`, got row 3: '/pictures/a.png'"),
        (3, "path", "../a.png", "relative path without `..`, got row 3"),
        (3, "path", "a/../../b.png", "relative path without `..`, got row 3"),
        (3, "path", "C:/a.png", "relative path without `..`, got row 3"),
        (3, "path", "pictures\\a.png", "with forward slashes"),
        (3, "path", "pictures/1_0.png", "path must be unique, got row 3: 'pictures/1_0.png', first in row 0"),
        (3, "path", "pictures//./1_0.png", "path must be unique, got row 3"),
        (
            3,
            "pid",
            5,
            r"one side of train, val, test \(query, gallery\), got pid 5 is in test and train \(pictures/5_0.png\)",
        ),
        (3, "split", "val", "got pid 2 is in train and val"),
    ],
)
def test_wrong_rows_are_named_with_their_remedy(images, row, column, value, message):
    with pytest.raises(ValueError, match=message):
        ReIDTable("street", Path("x"), changed(images, row, column, value), fps=25)


def test_missing_columns_are_named(images):
    with pytest.raises(ValueError, match=r"got \['path', 'camid', 'time'\]; add \['pid', 'split'\]"):
        ReIDTable("street", Path("x"), images[["path", "camid", "time"]])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "my street"}, "name must be letters, digits"),
        ({"name": "../street"}, "name must be letters, digits"),
        ({"protocol": "camera"}, r"one of \['cross_camera', 'no_camera'\], got 'camera'"),
        ({"fps": 0}, "fps must be frames per second above 0, got 0"),
        ({"fps": None}, "fps must be given when times are known"),
        ({"schema": AttributeSchema()}, "attributes must come with a schema"),
    ],
)
def test_wrong_settings_are_refused(images, settings, message):
    with pytest.raises(ValueError, match=message):
        ReIDTable(**({"name": "street", "root": Path("x"), "images": images, "fps": 25} | settings))


def test_a_table_without_rows_is_refused(images):
    with pytest.raises(ValueError, match="at least one row, got none"):
        ReIDTable("street", Path("x"), images.iloc[:0])


def test_select_keeps_order_and_cuts_the_attributes_down(table):
    part = table.select("gallery", "query")
    assert part.images["split"].tolist() == ["query", "gallery", "query", "gallery", "gallery"]
    assert part.attributes.index.tolist() == [5, 6]
    assert part.images.index.tolist() == [0, 1, 2, 3, 4]
    assert table.attributes.index.tolist() == [1, 2, 3, 4, 5, 6]


def test_select_of_nothing_is_refused(table):
    with pytest.raises(ValueError, match=r"splits \['val'\] must have pictures, got none in 'street'; it has"):
        table.select("val")
    with pytest.raises(ValueError, match=r"splits must be some of .* got \['test'\]"):
        table.select("test")
    with pytest.raises(ValueError, match="name at least one"):
        table.select()


def test_take_gives_rows_in_the_order_asked_for_or_by_a_mask(table):
    part = table.take([9, 0, 12])
    assert part.pids.tolist() == [5, 1, 0]
    assert part.attributes.index.tolist() == [1, 5]
    assert table.take(table.pids == 4).images["path"].tolist() == ["pictures/4_0.png", "pictures/4_1.png"]
    assert table.take(torch.tensor([3])).pids.tolist() == [2]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "rows must be some of 0 to 12"),
        ([13], r"rows must be some of 0 to 12, got \[13\]"),
        ([-1], r"rows must be some of 0 to 12, got \[-1\]"),
        ([1, 1], "path must be unique"),
        (torch.tensor([True]), r"a mask of rows must be \[13\], got \[1\]"),
        (torch.zeros(13, dtype=torch.bool), "rows must be some of"),
    ],
)
def test_take_refuses_rows_that_are_not_there(table, rows, message):
    with pytest.raises(ValueError, match=message):
        table.take(rows)


def test_attribute_tensor_has_a_row_per_picture_and_refuses_the_unknown(table):
    known = table.select("train").attribute_known()
    assert known[:, 0].tolist() == [True, True, True, True, False, False, True, True]
    with pytest.raises(ValueError, match=r"unknown ones for pids \[3\] \(1 in all"):
        table.select("train").attribute_tensor()
    filled = table.select("train").attribute_tensor(missing=True)
    assert filled.dtype == torch.bool
    assert filled[:, 0].tolist() == [True, True, False, False, True, True, False, False]  # hat of 1, 2, 3 (unknown), 4
    assert filled[:, 1].tolist() == [True, True, False, False, False, False, True, True]  # upred


def test_distractors_have_unknown_attributes(table):
    with pytest.raises(ValueError, match=r"unknown ones for pids \[0\].*0 = distractors"):
        table.select("gallery").attribute_tensor()
    assert table.attribute_known()[-1].tolist() == [False, False, False]
    assert table.attribute_tensor(missing=False)[-1].tolist() == [False, False, False]
    assert table.select("query").attribute_tensor().tolist() == [[True, False, True], [False, False, False]]


def test_a_table_without_attributes_says_so(images):
    with pytest.raises(ValueError, match="must have attributes, got none"):
        ReIDTable("street", Path("x"), images, fps=25).attribute_tensor()


def test_attributes_follow_the_declared_order(images, attributes):
    schema = AttributeSchema.from_names(["upblue", "hat", "upred"])
    table = ReIDTable("street", Path("x"), images, attributes, schema, fps=25)
    assert table.attributes.columns.tolist() == ["upblue", "hat", "upred"]
    assert table.select("query").attribute_tensor().tolist() == [[True, True, False], [False, False, False]]


def test_attribute_rows_may_come_with_a_pid_column_a_split_column_and_booleans(images, attributes):
    given = attributes.assign(split="train", upred=attributes["upred"].astype(bool)).reset_index()
    table = ReIDTable("street", Path("x"), images, given, fps=25)
    assert table.attributes["upred"].tolist() == [1, 0, 0, 1, 0, 0]
    assert table.schema.names == ("hat", "upred", "upblue")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.drop(index=4), r"1 identity without attributes \(pid 4\) and 0 attribute rows"),
        (lambda rows: rows.rename(index={6: 7}), r"\(pid 6\) and 1 attribute row without a picture \(pid 7\)"),
        (lambda rows: rows.rename(index={6: 0}), "pid of an attribute row must be 1 or more.*distractors"),
        (lambda rows: rows.rename(index={6: 5}), "pid of an attribute row must be unique"),
        (lambda rows: rows.assign(hat=2), "hat must be 0 or 1, got row 0: 2"),
        (lambda rows: rows.assign(hat="yes"), "hat must be a number, got row 0: 'yes'.*0, 1 or nothing"),
    ],
)
def test_attributes_that_do_not_fit_are_refused(images, attributes, change, message):
    with pytest.raises(ValueError, match=message):
        ReIDTable("street", Path("x"), images, change(attributes), fps=25)


def test_attributes_and_schema_must_have_the_same_names(images, attributes):
    schema = AttributeSchema.from_names(["hat", "upred", "umbrella"])
    with pytest.raises(ValueError, match=r"got none for \['umbrella'\] and unexpected \['upblue'\]"):
        ReIDTable("street", Path("x"), images, attributes, schema, fps=25)


def test_repr_is_one_line_with_the_counts(table):
    assert repr(table) == "ReIDTable(street: 13 images of 6 identities, 3 attributes, cross_camera)"
    assert "partial" in repr(dataclasses.replace(table, partial=True))
    assert len(table) == 13


def test_select_attributes_keeps_the_order_asked_for_and_every_picture(table):
    names = list(reversed(table.schema.names))[:2]
    chosen = table.select_attributes(names)
    assert chosen.schema.names == tuple(names)
    assert list(chosen.attributes.columns) == names
    assert chosen.images.equals(table.images)
    columns = [table.schema.index(name) for name in names]
    assert torch.equal(chosen.attribute_tensor(missing=False), table.attribute_tensor(missing=False)[:, columns])


@pytest.mark.parametrize("names", [["umbrella"], []])
def test_select_attributes_refuses_unknown_names_and_none(table, names):
    with pytest.raises(ValueError, match="names must be some of"):
        table.select_attributes(names)
