from __future__ import annotations

import pandas as pd
import pytest

from whyreid.study.retrieval_summary import by_pair_of_towns, retrieval_summary

OWN, NOTHING = ("thin target", "promenade-a", "promenade-a"), ("stripe colours", "nothing", "promenade-a")


@pytest.fixture
def rows() -> pd.DataFrame:
    """Three seeds of a target, one line of a control, each ranked as it is and re-ranked."""
    plain = pd.DataFrame({
        "method": ["thin target"] * 3 + ["stripe colours"], "trained on": ["promenade-a"] * 3 + ["nothing"],
        "tested on": "promenade-a", "seed": [0, 1, 2, 0], "re-ranked": False, "rank-1": [0.7, 0.8, 0.9, 0.1],
        "rank-5": [0.8, 0.9, 1.0, 0.2], "mAP": [0.5, 0.5, 0.5, 0.05], "mINP": [0.2, 0.3, 0.4, 0.01], "queries": 40,
    })  # fmt: skip
    reranked = plain.assign(**{"re-ranked": True, "mAP": [0.5, 0.6, 0.7, 0.04], "rank-1": 0.0})
    return pd.concat([plain, reranked], ignore_index=True)


def test_it_is_in_per_cent_with_its_spread_over_seeds(rows):
    table = retrieval_summary(rows)
    assert table.loc[OWN, "rank-1"] == "80.0 ± 10.0"
    assert table.loc[OWN, "rank-5"] == "90.0 ± 10.0"
    assert table.loc[OWN, "mAP"] == "50.0 ± 0.0"
    assert table.loc[OWN, "re-ranked mAP"] == "60.0 ± 10.0"
    assert table.loc[OWN, "seeds"] == 3


def test_what_is_measured_once_has_no_deviation(rows):
    table = retrieval_summary(rows)
    assert table.loc[NOTHING, ["mAP", "re-ranked mAP"]].tolist() == ["5.0", "4.0"]
    assert table.loc[NOTHING, "queries"] == 40


def test_for_the_page_towns_are_letters_and_re_ranking_is_a_group_of_its_own(rows):
    table = by_pair_of_towns(retrieval_summary(rows))
    assert table.index.tolist() == [("thin target", "A → A"), ("stripe colours", "nothing → A")]
    assert table.iloc[0]["as embedded", "mAP"] == "50.0 ± 0.0"
    assert table.iloc[0]["re-ranked"].tolist() == ["0.0 ± 0.0", "60.0 ± 10.0"]


def test_lines_keep_the_order_in_which_they_were_measured(rows):
    assert retrieval_summary(rows).index.tolist() == [OWN, NOTHING]
    assert retrieval_summary(rows[::-1]).index.tolist() == [NOTHING, OWN]


def test_the_order_of_rows_inside_a_line_does_not_matter(rows):
    table = retrieval_summary(rows.sort_values(["re-ranked", "method", "seed"], ascending=False))
    pd.testing.assert_frame_equal(table.sort_index(), retrieval_summary(rows).sort_index())
