from __future__ import annotations

import dataclasses

import pandas as pd
import pytest
import torch

from whyreid.data import ReIDTable
from whyreid.retrieval.lifting_pivots import lifting_weights
from whyreid.study.lifting_claim import lifting_sensitivity, lifting_settings, lifting_summary
from whyreid.study.lifting_gain import gain_by_company, lifting_gain, pivots_of
from whyreid.study.lifting_steps import SIMILARITIES, LiftingCase, liftable_similarities, seconds, timed_rows, walkers


@pytest.fixture
def case(tmp_path) -> LiftingCase:
    """Twelve people who pass two cameras in pairs; appearance says half of it."""
    rows = []
    for pid in range(1, 13):
        moment = 1000 * (pid // 2)
        rows += [(f"{pid}_{camid}_{k}.png", pid, camid, moment + 100 * camid + k, ("query", "gallery")[k])
                 for camid in (0, 1) for k in (0, 1)]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["path", "pid", "camid", "time", "split"])
    table = ReIDTable("town", tmp_path, frame, fps=2.0)
    query, gallery = table.select("query"), table.select("gallery")
    generator = torch.Generator().manual_seed(0)
    base = torch.randn(13, 8, generator=generator)
    vectors = [base[part.pids] + torch.randn(len(part), 8, generator=generator) for part in (query, gallery)]
    return LiftingCase(query, gallery, seconds(query), seconds(gallery), liftable_similarities(*vectors))


def test_times_are_counted_in_seconds(case):
    assert float(case.query_time[1] - case.query_time[0]) == 50.0  # 100 frames at 2 a second


def test_every_similarity_can_be_lifted(case):
    assert tuple(case.similarities) == SIMILARITIES
    for simmat in case.similarities.values():
        assert float(simmat.min()) >= 0
        assert float(simmat.max()) <= 1


def test_pictures_without_a_time_are_left_out(case):
    images = case.query.images.copy()
    images.loc[images.index[1], "time"] = pd.NA
    table = dataclasses.replace(case.query, images=images)
    assert timed_rows(table).tolist() == [0, *range(2, len(images))]
    images["time"] = pd.NA
    with pytest.raises(ValueError, match="must have times"):
        timed_rows(dataclasses.replace(case.query, images=images))


def test_distractors_walk_alone(case):
    images = case.gallery.images.copy()
    images.loc[images.index[:3], "pid"] = 0
    numbers = walkers(dataclasses.replace(case.gallery, images=images))
    assert len(set(numbers[:3].tolist())) == 3
    assert numbers[3:].tolist() == case.gallery.pids[3:].tolist()


def test_the_gain_is_that_of_searching_one_camera(case):
    simmat = case.similarities[SIMILARITIES[1]]
    gain = lifting_gain(case, simmat)
    assert len(gain) == 24  # 24 queries, each with matches in the one other camera
    assert bool((gain["camera"].to_numpy() != case.camids[0][gain["query"].to_list()].numpy()).all())
    row = gain.iloc[0]
    weights = lifting_weights(pivots_of(case, simmat), len(case.query), case.camids[1], case.gallery_time)
    match = (case.gallery.pids == case.query.pids[row["query"]]) & (case.camids[1] == row["camera"])
    assert row["match weight"] == pytest.approx(float(weights[row["query"], match].mean()))
    assert gain["company"].isna().all()  # parties are known on Promenade only


def test_the_table_by_company_counts_every_search_once(case):
    gain = lifting_gain(case, case.similarities[SIMILARITIES[0]])
    table = gain_by_company(gain)
    assert int(table["searches"].sum()) == len(gain)
    weighted = (table["searches"] * table["gain"]).sum() / len(gain)
    assert weighted == pytest.approx((gain["after"] - gain["before"]).mean())


def test_clocks_that_are_not_set_change_nothing_for_lifting(case):
    rows = lifting_settings(case, draws=2).set_index(["similarity", "method", "times"])
    lifted = rows.loc[SIMILARITIES[0], "lifted"]
    assert lifted.loc["clocks not set", "mAP"] == pytest.approx(lifted.loc["true", "mAP"])


def test_the_published_settings_are_among_those_varied(case):
    rows = lifting_sensitivity(case)
    at_published = rows[rows["published"]]
    assert sorted(at_published["setting"]) == ["alpha", "k", "sigma", "tau"]
    assert at_published["mAP"].nunique() == 1


def test_the_summary_has_a_column_for_each_pair_of_towns(case):
    rows = lifting_settings(case, draws=1)
    towns = [("promenade-a", "promenade-a"), ("promenade-a", "promenade-b")]
    parts = [rows.assign(seed=seed, **{"trained on": a, "tested on": b}) for seed in (0, 1) for a, b in towns]
    table = lifting_summary(pd.concat(parts))
    assert list(table.columns) == ["A → A", "A → B"]
    assert len(table) == len(rows)
    assert table.iloc[0, 0].endswith("± 0.0")
