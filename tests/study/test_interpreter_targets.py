"""The full loss on several targets side by side: which rows are taken, and when the verdict is the same."""

from __future__ import annotations

import pandas as pd
import pytest

from whyreid.study.interpreter_targets import NEAR, targets_table, targets_verdict

A = "promenade-a"
VARIANTS = {"thin": "full", "thin-ibn": "instance-normalised target", "bot-r18": "ResNet-18 target"}
LEVELS = {"uniform or random": 30.0, "query's labels": 70.0, "query's predicted attributes": 50.0}


def measured(network, agreement, seed, **more):
    """The rows of one unit: the interpreter, then its controls."""
    row = {"target": network, "trained on": A, "tested on": A, "seed": seed, "target epochs": 20} | more
    own = {"variant": VARIANTS[network], "X-mAP exclusive": agreement, "X-mAP common": 95.0, "gap": 2.0 + seed}
    own |= {"own mAP": 60.0, "target mAP": 61.0}
    controls = [
        {"variant": f"control: {name}", "X-mAP exclusive": level, "X-mAP common": 80.0}
        for name, level in LEVELS.items()
    ]
    return [row | numbers for numbers in (own, *controls)]


def table_of(*parts):
    return pd.DataFrame([row for part in parts for row in part])


@pytest.fixture
def rows():
    return table_of(
        measured("bot-r18", 68.5, 0, **{"target epochs": 6}), measured("thin", 69.0, 0), measured("thin", 72.0, 1)
    )


def test_every_target_is_a_column_with_its_own_controls(rows):
    rows.loc[(rows["target"] == "bot-r18") & (rows["variant"] == "control: query's predicted attributes"),
             "X-mAP exclusive"] = 41.0  # fmt: skip
    table = targets_table(rows)
    assert list(table.columns) == ["thin", "ResNet-18"]
    exclusive = table.loc["X-mAP exclusive (%)"]
    assert exclusive.loc["interpreter"].tolist() == ["70.5 ± 2.1", "68.5"]  # 69 and 72: 3 / sqrt(2)
    assert exclusive.loc["query's labels"].tolist() == ["70.0 ± 0.0", "70.0"]
    assert exclusive.loc["query's predicted attributes"].tolist() == ["50.0 ± 0.0", "41.0"]
    assert table.loc[("X-mAP common (%)", "uniform or random")].tolist() == ["80.0 ± 0.0", "80.0"]
    assert table.loc[("mAP (%)", "target")].tolist() == ["61.0 ± 0.0", "61.0"]
    assert table.loc[("mAP (%)", "interpreter")].tolist() == ["60.0 ± 0.0", "60.0"]
    assert table.loc[("gap (%)", "interpreter")].tolist() == ["2.5 ± 0.7", "2.0"]
    assert table.loc[("epochs", "target")].tolist() == ["20", "6"]
    assert table.loc[("seeds", "")].tolist() == ["2", "1"]


def test_other_losses_data_and_towns_do_not_count(rows):
    strange = table_of(
        measured("thin", 10.0, 0, **{"tested on": "promenade-b"}),
        measured("thin", 10.0, 0, **{"trained on": "balanced", "tested on": "balanced"}),
        [measured("thin", 10.0, 0)[0] | {"variant": "no prior"}],
    )
    both = pd.concat([strange, rows], ignore_index=True)
    pd.testing.assert_frame_equal(targets_table(both), targets_table(rows))
    assert targets_verdict(both) == targets_verdict(rows)


def test_rows_that_do_not_say_how_long_the_target_trained_have_a_dash(rows):
    assert targets_table(rows.drop(columns="target epochs")).loc[("epochs", "target")].tolist() == ["–", "–"]


def test_the_verdict_says_the_differences_of_every_target_from_two_controls(rows):
    text = targets_verdict(rows)
    assert "the query's labels is +0.5 ± 2.1 (thin) and -1.5 (ResNet-18) points" in text
    assert "40.0 points above random order" in text
    assert "embeddings it is +20.5 ± 2.1 (thin) and +18.5 (ResNet-18) points" in text


@pytest.mark.parametrize(
    ("agreement", "verdict"),
    [
        (66.1, "the same for every target: the interpreter agrees as well as the query's labels, within 4.0 points."),
        (73.9, "the same for every target: the interpreter agrees as well as the query's labels, within 4.0 points."),
        (65.9, "not the same for every interpreter: that of thin agrees as well as the query's labels, within 4.0 "
               "points; that of ResNet-18 agrees worse than the query's labels, by more than 4.0 points."),
        (74.1, "not the same for every interpreter: that of ResNet-18 agrees better than the query's labels, by more "
               "than 4.0 points; that of thin agrees as well as the query's labels, within 4.0 points."),
    ],
)  # fmt: skip
def test_the_verdict_is_the_same_where_every_target_is_near_the_labels(agreement, verdict):
    assert NEAR * (LEVELS["query's labels"] - LEVELS["uniform or random"]) == pytest.approx(4.0)
    text = targets_verdict(table_of(measured("thin", 70.0, 0), measured("bot-r18", agreement, 0)))
    assert text.endswith(f"So the verdict is {verdict}")


def test_one_target_or_none_has_no_verdict(rows):
    alone = rows[rows["target"] == "thin"]
    assert targets_verdict(alone) == ""
    assert list(targets_table(alone).columns) == ["thin"]
    nothing = rows[:0]
    assert targets_verdict(nothing) == ""
    assert targets_table(nothing).empty


def test_a_target_without_controls_is_in_the_table_but_not_in_the_verdict(rows):
    bare = pd.concat([rows, pd.DataFrame(measured("thin-ibn", 20.0, 0)[:1])], ignore_index=True)
    assert targets_table(bare).loc[("X-mAP exclusive (%)", "query's labels"), "thin-ibn"] == "–"
    assert targets_verdict(bare) == targets_verdict(rows)
