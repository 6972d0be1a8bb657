from __future__ import annotations

import itertools
from pathlib import Path

import pandas as pd
import pytest

from whyreid.data import ReIDTable
from whyreid.study.cross_domain_claim import cross_domain_units
from whyreid.study.cross_domain_methods import METHODS
from whyreid.study.cross_domain_summary import (
    AWAY,
    HOME,
    RANKINGS,
    compared,
    drop_table,
    named_rankings,
    other_dataset,
    transfer_rows,
    transfer_table,
)
from whyreid.study.published_transfer import published_lifting, published_transfer

TOWNS = ("promenade-a", "promenade-b")


@pytest.fixture
def rows() -> pd.DataFrame:
    """Two methods, two towns, two seeds, all four rankings; "QAConv 2.1" keeps three quarters, "thin target" half."""
    lines = []
    for method, one, other, (reranked, lifted), seed in itertools.product(
        ("QAConv 2.1", "thin target"), TOWNS, TOWNS, RANKINGS, (0, 1)
    ):
        kept = 1.0 if one == other else 0.75 if method == "QAConv 2.1" else 0.5
        value = (0.4 + 0.2 * seed) * kept + 0.1 * reranked + 0.2 * lifted
        line = {"method": method, "re-ranked": reranked, "lifted": lifted, "trained on": one, "tested on": other}
        lines.append({**line, "seed": seed, "mAP": value, "rank-1": value / 2})
    return pd.DataFrame(lines)


def test_the_table_has_towns_at_home_first_and_the_spread_over_seeds(rows):
    table = transfer_table(rows)
    assert list(table.columns) == ["A → A", "B → B", "A → B", "B → A", "seeds"]
    assert table.loc[("QAConv 2.1", "alone"), "A → A"] == "50.0 ± 14.1"  # 40 and 60
    assert table.loc[("thin target", "alone"), "A → B"] == "25.0 ± 7.1"  # 20 and 30
    assert table.loc[("thin target", "re-ranked, then lifted"), "A → B"] == "55.0 ± 7.1"
    assert transfer_table(rows, "rank-1").loc[("QAConv 2.1", "alone"), "A → A"] == "25.0 ± 7.1"
    assert set(table["seeds"]) == {2}


def test_baselines_come_first_and_methods_of_other_names_last(rows):
    assert transfer_table(rows).index.get_level_values("method").unique().tolist() == ["thin target", "QAConv 2.1"]
    assert drop_table(rows[::-1]).index.tolist() == ["thin target", "QAConv 2.1"]
    renamed = rows.replace({"thin target": "another one"})
    assert list(dict.fromkeys(named_rankings(renamed)["method"])) == ["QAConv 2.1", "another one"]


def test_one_seed_has_no_spread_and_what_was_not_measured_is_a_dash(rows):
    chosen = rows[(rows["seed"] == 0) & ~((rows["trained on"] == "promenade-b") & (rows["method"] == "thin target"))]
    table = transfer_table(chosen)
    assert table.loc[("thin target", "alone")].tolist() == ["40.0", "–", "20.0", "–", 1]


def test_rankings_that_a_table_cannot_have_are_left_out(rows):
    without_times = rows[~rows["lifted"]]
    assert transfer_table(without_times).index.get_level_values("ranking").unique().tolist() == ["alone", "re-ranked"]


def test_what_is_kept_is_the_ratio_of_each_training(rows):
    table = drop_table(rows)
    assert table.loc["QAConv 2.1", [HOME, AWAY, "kept"]].tolist() == pytest.approx([50, 37.5, 75])
    assert table.loc["thin target", [HOME, AWAY, "kept"]].tolist() == pytest.approx([50, 25, 50])
    assert table["kept, sd"].tolist() == pytest.approx([0, 0], abs=1e-9)
    assert table["trainings"].tolist() == [4, 4]


def test_methods_are_compared_training_by_training(rows):
    table = compared(rows, "QAConv 2.1", "thin target")
    assert table.loc[(HOME, "alone"), "difference"] == pytest.approx(0)
    assert table.loc[(HOME, "alone"), "better"] == 0
    away = table.loc[(AWAY, "re-ranked, then lifted")]
    assert away["difference"] == pytest.approx(12.5)  # a quarter of 40 and of 60
    assert away["sd"] == pytest.approx(2.88675, abs=1e-4)  # 10, 10, 15, 15
    assert (away["better"], away["trainings"]) == (4, 4)


def test_only_trainings_that_both_methods_have_are_compared(rows):
    part = rows[~((rows["method"] == "thin target") & (rows["seed"] == 1))]
    assert set(compared(part, "QAConv 2.1", "thin target")["trainings"]) == {2}
    assert compared(rows, "QAConv 2.1", "nothing of that name").empty


def test_towns_are_named_by_their_letter_and_other_tables_by_their_name(rows):
    renamed = rows.replace({"promenade-b": "market1501"})
    named = named_rankings(renamed)
    assert set(named["towns"]) == {"A → A", "A → market1501", "market1501 → A", "market1501 → market1501"}
    assert named.loc[named["towns"] == "A → market1501", "away"].all()


def test_the_other_town_is_another_one():
    assert other_dataset("promenade-a", "promenade-b") == "promenade-b"
    assert other_dataset("promenade-b", "promenade-b") == "promenade-a"
    assert other_dataset("tables/one", "promenade-b") == "promenade-b"
    with pytest.raises(ValueError, match="another data set than dataset, got 'tables/one' twice"):
        other_dataset("tables/one", "tables/one")


def test_unknown_methods_and_tables_of_one_name_are_refused():
    frame = pd.DataFrame({"path": ["a.png"], "pid": [1], "camid": [0], "split": ["train"]})
    table = ReIDTable("town", Path(), frame)
    with pytest.raises(ValueError, match=r"methods must be of QAConv 2\.1, .*, got QAConv 3"):
        transfer_rows(["QAConv 3"], [table], preset="smoke", seed=0)
    with pytest.raises(ValueError, match="different names, got town, town"):
        transfer_rows(["QAConv 2.1"], [table, table], preset="smoke", seed=0)


def test_every_method_is_a_unit_for_each_town_and_seed():
    units = cross_domain_units()
    assert len(units) == len(METHODS) * 2 * 3 == len({unit.name for unit in units})
    assert units[0].name == "qaconv-2.1-promenade-a-seed0"
    assert {unit.claim for unit in units} == {"cross-domain"}
    assert len({unit.digest() for unit in units[:4]}) == 4


def test_published_rows_name_their_backbone():
    table = published_transfer()
    assert table.index.names == ["QAConv", "trained on", "tested on", "backbone"]
    assert table.loc[("2.1", "Market-1501", "MSMT17", "ResNet-50 IBN-b"), "mAP"] == 17.2
    assert table.loc[("1.0", "DukeMTMC-reID", "Market-1501", "ResNet-152"), "both mAP"] == 58.2
    assert not table.index.duplicated().any()
    assert (published_lifting()["lifted mAP"] > published_lifting()["re-ranked mAP"]).all()
