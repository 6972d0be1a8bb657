"""The stored variants of the interpreter as tables: which rows count, what is compared with what, and the words."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from whyreid.study.interpreter_summary import (
    above_label_prior,
    interpreter_summary,
    is_share,
    label_prior_table,
    own_domain_summary,
    stored_variants,
    summary_in_words,
)


def row(variant, learned, tested, seed, value, target="thin"):
    found = {"variant": variant, "target": target, "trained on": learned, "tested on": tested, "seed": seed}
    return found | {"X-mAP exclusive": value}


@pytest.fixture
def rows():
    a, b = "promenade-a", "promenade-b"
    return pd.DataFrame([
        row("full", a, a, 0, 71.0),
        row("full", a, a, 1, 73.0),
        row("full", a, b, 0, 65.0),
        row("balanced data", "balanced", "balanced", 0, 80.0),
        row("control: query's labels", a, a, 0, 72.5),
        row("control: query's labels", a, a, 1, 72.5),
        row("control: query's labels", a, b, 0, 70.0),
        row("control: query's labels", "balanced", "balanced", 0, 79.0),
    ])  # fmt: skip


@pytest.fixture
def nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("whyreid.study.claims.results_folder", lambda: tmp_path)
    return stored_variants().rows


def test_summary_takes_one_test_set_and_the_controls_of_the_thin_target():
    rows = pd.DataFrame([
        {"variant": "full", "target": "thin", "trained on": "a", "tested on": "a", "seed": 0, "gap": 1.0},
        {"variant": "full", "target": "thin", "trained on": "a", "tested on": "a", "seed": 1, "gap": 3.0},
        {"variant": "full", "target": "thin", "trained on": "a", "tested on": "b", "seed": 0, "gap": 9.0},
        {"variant": "control: x", "target": "thin", "trained on": "a", "tested on": "a", "seed": 0, "gap": 5.0},
        {"variant": "control: x", "target": "thin-ibn", "trained on": "a", "tested on": "a", "seed": 0, "gap": 7.0},
    ])  # fmt: skip
    found = interpreter_summary(rows, ["gap"], tested_on="a")
    assert found["gap", "mean"].to_dict() == {"full": 2.0, "control: x": 5.0}
    assert found.loc["full", ("seeds", "n")] == 2
    assert interpreter_summary(rows, ["gap"], tested_on="b", trained_on="a")["gap", "mean"].to_dict() == {"full": 9.0}
    nothing = interpreter_summary(rows, ["gap"], tested_on="c")
    assert len(nothing) == 0
    assert ("gap", "mean") in nothing


def test_nothing_stored_is_an_empty_claim_and_shares_are_per_cent(tmp_path, monkeypatch):
    monkeypatch.setattr("whyreid.study.claims.results_folder", lambda: tmp_path)
    assert len(stored_variants().rows) == 0
    row = {"variant": "full", "target": "thin", "trained on": "a", "tested on": "a", "seed": 1, "epochs": 6,
           "gap": 0.02, "share with area": -0.5, "over area": 1.2, "pairs": 9}  # fmt: skip
    unit = {"unit": "full-seed1", "digest": "0", "rows": [row], "provenance": {"torch": "2"}}
    (tmp_path / "interpreter").mkdir()
    (tmp_path / "interpreter" / "full-seed1.json").write_text(json.dumps(unit))
    found = stored_variants().rows.iloc[0]
    assert found["gap"] == pytest.approx(2.0)
    assert found[["share with area", "over area", "pairs", "seed", "epochs"]].tolist() == [-0.5, 1.2, 9, 1, 6]
    assert is_share("flattened X-mAP common")


def test_variants_with_data_of_their_own_are_tested_where_they_learned_in_the_order_that_is_asked_for(rows):
    found = own_domain_summary(rows, ["X-mAP exclusive"], ["balanced data", "not stored", "full"])
    assert found["X-mAP exclusive", "mean"].to_dict() == {"balanced data": 80.0, "full": 72.0}
    assert list(found.index) == ["balanced data", "full"]
    assert found["seeds", "n"].tolist() == [1, 2]


def test_the_label_prior_is_the_one_of_the_same_people(rows):
    above = above_label_prior(rows)
    assert above.tolist() == [-1.5, 0.5, -5.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    shuffled = rows.sample(frac=1, random_state=0)
    pd.testing.assert_series_equal(above_label_prior(shuffled).sort_index(), above)
    assert above_label_prior(rows[rows["variant"] == "full"]).isna().all()
    unknown = pd.concat([rows, pd.DataFrame([row("full", "c", "c", 0, 9.0)])], ignore_index=True)
    assert np.isnan(above_label_prior(unknown).iloc[-1])


def test_the_table_against_the_label_prior_has_this_page_what_is_stored_and_what_is_published(rows):
    found = label_prior_table(rows, {"this page": (74.0, 72.5)})
    difference = found["difference (points)"]
    assert difference["this page"] == 1.5
    assert difference["stored, promenade-a"] == -0.5
    assert difference["stored, promenade-a → promenade-b"] == -5.0
    assert found["seeds"].tolist()[:3] == [1, 2, 1]
    assert difference["Market-1501, AMD, paper"] == pytest.approx(74.29 - 72.8)
    assert difference["DukeMTMC-reID, AMD, released code"] == pytest.approx(67.13 - 73.6)


def test_nothing_stored_leaves_empty_tables_and_the_published_rows(nothing):
    assert len(own_domain_summary(nothing, ["gap"], ["full"])) == 0
    assert len(above_label_prior(nothing)) == 0
    empty = interpreter_summary(nothing, ["gap"], tested_on="promenade-a")
    assert len(summary_in_words(empty, {"gap": "gap (%)"})) == 0
    assert list(label_prior_table(nothing, {"this page": (1.0, 2.0)}).index[:2]) == [
        "this page", "Market-1501, AMD, paper",
    ]  # fmt: skip


def test_words_say_the_deviation_only_where_there_is_one(rows):
    found = own_domain_summary(rows, ["X-mAP exclusive"], ["full", "balanced data"])
    words = summary_in_words(found, {"X-mAP exclusive": "X-mAP (%)"})
    assert words["X-mAP (%)"].tolist() == ["72.0 ± 1.4", "80.0"]  # 71 and 73: sqrt(2)
    assert words["seeds"].tolist() == [2, 1]
