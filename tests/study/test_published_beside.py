"""Published results with a place for ours."""

from __future__ import annotations

import pandas as pd
import pytest

from whyreid.study.evaluation_record import COLUMNS
from whyreid.study.published import MEASURES, published_beside, published_rankings
from whyreid.study.target_networks import TARGETS

NOTHING = pd.DataFrame(columns=list(COLUMNS))
HERE = [("here", name) for name in MEASURES]


def measured(*rows: tuple[str, str, str | None, int, str, float]) -> pd.DataFrame:
    """(data set, network, trained on, seed, ranking, value of every measure)."""
    values = dict.fromkeys(("rank-1", "rank-5", "rank-10", "mAP", "mINP"))
    return pd.DataFrame([dict(zip(COLUMNS[:5], row[:5], strict=True)) | dict.fromkeys(values, row[5]) for row in rows])


def test_every_cell_is_empty_until_something_is_measured():
    table = published_beside(NOTHING)
    assert table.index.tolist() == published_rankings().index.tolist()
    assert table[HERE].isna().all(axis=None)
    assert table["published", "mAP"].notna().all()


def test_a_rerun_fills_the_line_of_its_target_and_data_set_and_no_other():
    table = published_beside(measured(("market1501", "sbs-r50", "market1501", 0, "as embedded", 0.9)))
    filled = table[table[HERE].notna().any(axis=1)]
    assert filled.index.tolist() == [("market1501", "sbs-r50")]
    assert filled.iloc[0][HERE].tolist() == [90.0] * 4
    assert filled.iloc[0]["published", "rank-1"] == 94.77


def test_a_training_elsewhere_fills_the_line_of_that_transfer():
    table = published_beside(measured(("market1501", "sbs-r50", "dukemtmcreid", 0, "as embedded", 0.5)))
    assert table.loc[("market1501", "sbs-r50 from dukemtmcreid"), ("here", "mAP")] == 50
    assert pd.isna(table.loc[("market1501", "sbs-r50"), ("here", "mAP")])


def test_trainings_are_averaged_and_counted_and_re_ranking_stands_beside():
    rows = [("promenade-a", "thin", "promenade-a", seed, "as embedded", 0.6 + 0.1 * seed) for seed in (0, 1)]
    rows += [("promenade-a", "thin", "promenade-a", seed, "re-ranked", 0.8) for seed in (0, 1)]
    rows += [("promenade-a", "thin", "promenade-a", 0, "re-ranked and lifted", 0.1)]
    line = published_beside(measured(*rows)).iloc[0]
    assert line.name == ("promenade-a", "thin")
    assert line["here", "mAP"] == pytest.approx(65)
    assert line["here", "re-ranked mAP"] == pytest.approx(80)
    assert line["here", "trainings"] == 2
    assert pd.isna(line["published", "mAP"])


def test_a_part_of_a_data_set_does_not_pass_for_the_whole():
    table = published_beside(measured(("market1501, partial", "agw-r50", "market1501", 0, "as embedded", 0.9)))
    assert table.loc[("market1501, partial", "agw-r50"), ("here", "mAP")] == 90
    assert pd.isna(table.loc[("market1501", "agw-r50"), ("here", "mAP")])


def test_a_checkpoint_of_unknown_training_does_not_pass_for_the_published_one():
    table = published_beside(measured(("market1501", "agw-r50", None, 0, "as embedded", 0.9)))
    assert table.loc[("market1501", "agw-r50, training unknown"), ("here", "mAP")] == 90
    assert pd.isna(table.loc[("market1501", "agw-r50"), ("here", "mAP")])


@pytest.mark.parametrize("name", ["market1501", "market1501, partial"])
def test_one_data_set_brings_its_lines_alone(name):
    rows = measured(
        (name, "thin", "market1501", 0, "as embedded", 0.8), ("my-street", "thin", None, 0, "as embedded", 0.1)
    )
    table = published_beside(rows, name=name)
    assert set(table.index.get_level_values("data set")) == {"market1501", name}


@pytest.mark.parametrize("name", ["cuhk03np-labeled", "cuhk03np-detected"])
def test_boxes_that_the_source_does_not_name_are_shown_but_not_filled(name):
    table = published_beside(measured((name, "agw-r50", name, 0, "as embedded", 0.6)), name=name)
    assert table.index.tolist() == [(name, "agw-r50"), ("cuhk03np", "agw-r50")]
    assert table["here", "rank-1"].tolist()[0] == 60
    assert pd.isna(table["here", "rank-1"].tolist()[1])


def test_published_numbers_carry_their_source_and_names_that_can_be_trained():
    published = published_rankings()
    assert published.loc[("market1501", "agw-r50"), "mAP"] == 87.8
    assert published["source"].str.len().min() > 10
    assert not published.index.duplicated().any()
    for target in published.index.get_level_values("target"):
        assert target.partition(" ")[0].strip(",") in TARGETS or target.startswith("QAConv")
