from __future__ import annotations

import json

import pandas as pd
import pytest

from whyreid.study.all_claims import all_units
from whyreid.study.claims import Unit, mean_and_deviation, measure_units, read_claim, results_folder

CODE = ("whyreid.study.presets",)


def unit(name, *, value, calls, seed=0):
    def measure():
        calls.append(name)
        return [{"method": "a", "seed": seed, "mAP": value}]

    return Unit("toy", name, {"value": value}, measure, CODE)


def test_a_unit_is_measured_once_and_read_back(tmp_path):
    calls: list[str] = []
    units = [unit("one", value=0.5, calls=calls), unit("two", value=0.7, calls=calls, seed=1)]
    assert [now for _, now in measure_units(units, tmp_path)] == [True, True]
    assert [now for _, now in measure_units(units, tmp_path)] == [False, False]
    assert calls == ["one", "two"]
    claim = read_claim("toy", tmp_path)
    assert claim.rows["mAP"].tolist() == [0.5, 0.7]
    assert claim.rows["unit"].tolist() == ["one", "two"]
    assert {"made", "device", "wall_seconds", "torch", "digest"} <= set(claim.units.columns)


def test_other_inputs_are_measured_anew(tmp_path):
    calls: list[str] = []
    list(measure_units([unit("one", value=0.5, calls=calls)], tmp_path))
    list(measure_units([unit("one", value=0.6, calls=calls)], tmp_path))
    assert calls == ["one", "one"]
    assert read_claim("toy", tmp_path).rows["mAP"].tolist() == [0.6]


def test_a_failing_unit_leaves_nothing_and_the_earlier_ones_stay(tmp_path):
    def fail():
        raise RuntimeError("no")

    units = [unit("one", value=0.5, calls=[]), Unit("toy", "two", {}, fail, CODE)]
    with pytest.raises(RuntimeError, match="no"):
        list(measure_units(units, tmp_path))
    assert [path.name for path in (tmp_path / "toy").iterdir()] == ["one.json"]


def test_an_unmeasured_claim_says_how_to_measure_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="whyreid claims --only toy"):
        read_claim("toy", tmp_path)


def test_mean_and_deviation_over_seeds():
    rows = pd.DataFrame({"method": ["a", "a", "a", "b"], "seed": [0, 1, 2, 0], "mAP": [0.1, 0.2, 0.3, 0.9]})
    table = mean_and_deviation(rows, ["method"], ["mAP"])
    assert table.loc["a", ("mAP", "mean")] == pytest.approx(0.2)
    assert table.loc["a", ("mAP", "sd")] == pytest.approx(0.1)  # sqrt((0.01 + 0 + 0.01) / 2)
    assert table.loc["a", ("seeds", "n")] == 3
    assert pd.isna(table.loc["b", ("mAP", "sd")])


def test_units_have_names_of_their_own():
    names = [(unit.claim, unit.name) for unit in all_units()]
    assert len(names) == len(set(names)) >= 7


def test_stored_results_are_whole_and_have_three_seeds():
    if not results_folder().is_dir():
        pytest.skip("no results are stored yet")
    for path in results_folder().glob("*/*.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        assert {"claim", "unit", "digest", "inputs", "rows", "provenance"} <= set(record), path.name
        assert record["rows"], path.name
    seeds = read_claim("retrieval").rows.query("method == 'thin target'").groupby(["trained on", "tested on"])["seed"]
    assert seeds.nunique().min() >= 3
