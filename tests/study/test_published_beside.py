"""Published results with a place for ours."""

from __future__ import annotations

from whyreid.study.published import published_beside, published_rankings


def test_ours_stands_in_every_line_of_the_same_data_set():
    table = published_beside("market1501", "thin", (80.0, 60.0))
    assert set(table.index.get_level_values("data set")) == {"market1501"}
    assert (table["thin here: rank-1"] == 80).all()
    assert (table["thin here: mAP"] == 60).all()
    assert table["rank-1"].tolist() == published_rankings("market1501")["rank-1"].tolist()


def test_on_another_data_set_every_published_one_waits_for_a_rerun():
    table = published_beside("promenade-a", "thin", (80.0, 60.0))
    assert len(set(table.index.get_level_values("data set"))) > 1
    assert table[["thin here: rank-1", "thin here: mAP"]].isna().all(axis=None)
