from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from whyreid.data import (
    AttributeSchema,
    ReIDTable,
    annotated_ratios,
    attribute_correlation,
    attribute_frequencies,
    images_per_camera,
    split_counts,
)


def people(tmp_path, columns: dict[str, list], pids=None) -> ReIDTable:
    """One training picture per row of attributes."""
    count = len(next(iter(columns.values())))
    pids = pids or list(range(1, count + 1))
    images = pd.DataFrame({"path": [f"{pid}.png" for pid in pids], "pid": pids, "camid": 0, "split": "train"})
    frame = pd.DataFrame({name: pd.array(values, dtype="Int8") for name, values in columns.items()}, index=pids)
    return ReIDTable("people", tmp_path, images, frame)


def test_split_counts_are_counted_by_hand(table):
    counts = split_counts(table)
    assert counts.to_dict("index") == {
        "train": {"images": 8, "identities": 4, "cameras": 2, "distractors": 0},
        "query": {"images": 2, "identities": 2, "cameras": 1, "distractors": 0},
        "gallery": {"images": 3, "identities": 2, "cameras": 2, "distractors": 1},
        "all": {"images": 13, "identities": 6, "cameras": 2, "distractors": 1},
    }


def test_unknown_cameras_count_as_none(table):
    rows = table.images.drop(columns="camid")
    blind = dataclasses.replace(table, images=rows, protocol="no_camera")
    assert split_counts(blind)["cameras"].tolist() == [0, 0, 0, 0]
    with pytest.raises(ValueError, match="camid must be known"):
        images_per_camera(blind)


def test_images_per_camera_leave_distractors_out(table):
    counts = images_per_camera(table)
    assert counts.index.tolist() == [1, 2, 3, 4, 5, 6]
    assert counts.columns.tolist() == [0, 1]
    assert (counts == 1).all(axis=None)
    assert images_per_camera(table.select("query")).to_dict() == {0: {5: 1, 6: 1}}


def test_frequencies_count_identities_where_the_attribute_is_known(table):
    frequencies = attribute_frequencies(table)
    # hat: yes for 1 and 5, no for 2, 4, 6, unknown for 3 -> 2 of 5; upred: 1 and 4, upblue: 3 and 5 -> 2 of 6 each.
    assert frequencies["positive"].tolist() == [2, 2, 2]
    assert frequencies["known"].tolist() == [5, 6, 6]
    assert frequencies["ratio"].tolist() == [2 / 5, 2 / 6, 2 / 6]
    assert frequencies.loc["upred", ["group", "meaning"]].tolist() == ["upper colour", "upper body red"]


def test_frequencies_do_not_count_pictures(table):
    doubled = table.images.assign(path="again/" + table.images["path"])
    more = dataclasses.replace(table, images=pd.concat([table.images, doubled]))
    pd.testing.assert_frame_equal(attribute_frequencies(more), attribute_frequencies(table))


def test_attribute_that_nobody_knows_has_no_ratio(tmp_path):
    frequencies = attribute_frequencies(people(tmp_path, {"hat": [None, None], "bag": [1, 0]}))
    assert np.isnan(frequencies.loc["hat", "ratio"])
    assert frequencies.loc["hat", "known"] == 0


def test_phi_of_a_two_by_two_table_worked_by_hand(tmp_path):
    # hat and bag: both 2, hat alone 1, bag alone 1, neither 2 -> (2*2 - 1*1) / sqrt(3*3*3*3) = 3 / 9.
    table = people(tmp_path, {"hat": [1, 1, 1, 0, 0, 0], "bag": [1, 1, 0, 1, 0, 0]})
    phi = attribute_correlation(table)
    assert phi.loc["hat", "bag"] == pytest.approx(1 / 3, abs=1e-12)
    assert phi.loc["hat", "hat"] == pytest.approx(1)


def test_phi_is_pearsons_correlation_over_those_who_know_both(tmp_path):
    random = np.random.default_rng(0)
    names = ["hat", "bag", "hair", "upred"]
    values = random.choice([0, 1, None], size=(60, 4), p=[0.5, 0.3, 0.2])
    phi = attribute_correlation(people(tmp_path, {name: list(values[:, k]) for k, name in enumerate(names)}))
    for a, first in enumerate(names):
        for b, second in enumerate(names):
            both = [(x, y) for x, y in zip(values[:, a], values[:, b], strict=True) if None not in (x, y)]
            expected = np.corrcoef(np.array(both, dtype=float).T)[0, 1]
            assert phi.loc[first, second] == pytest.approx(expected, abs=1e-12)
    pd.testing.assert_frame_equal(phi, phi.T)


def test_phi_with_a_constant_is_undefined_and_with_the_opposite_is_minus_one(tmp_path):
    phi = attribute_correlation(people(tmp_path, {"hat": [1, 1, 1, 1], "bag": [1, 0, 1, 0], "hair": [0, 1, 0, 1]}))
    assert phi["hat"].isna().all()
    assert phi.loc["bag", "hair"] == pytest.approx(-1)


def test_statistics_of_attributes_need_attributes(table):
    bare = dataclasses.replace(table, attributes=None, schema=None)
    for statistic in (attribute_frequencies, attribute_correlation):
        with pytest.raises(ValueError, match="must have attributes, got none"):
            statistic(bare)


def test_ratios_of_the_whole_annotation_are_known_only_with_an_annotation_file(table):
    assert annotated_ratios(table) is None
    source = {"attributes": {"train_identities": 4, "train_ratio": {"hat": 0.25}}}
    ratios = annotated_ratios(dataclasses.replace(table, provenance=source))
    assert ratios.to_dict() == {"hat": 0.25}


def test_rows_are_in_the_order_of_the_schema(tmp_path):
    names = AttributeSchema().names
    frequencies = attribute_frequencies(people(tmp_path, {name: [0, 1] for name in reversed(names)}))
    assert frequencies.index.tolist() == list(reversed(names))
