"""Where maps lie, over seeds: a table beside the page's own run, and a sentence about who beats what."""

from __future__ import annotations

import pandas as pd
import pytest

from whyreid.study.localisation_summary import (
    FLAT_ROW,
    has_localisation,
    localisation_beside,
    localisation_sentence,
    localisation_tells,
    settings_agree,
    who_beats_what,
)
from whyreid.study.truth_localisation import FLAT, GROWN, LOCALISATION, MEASURES

VALUES = {  # energy over area, pointing, auc of two seeds
    "AMD": ("explainer", (1.1, 0.9), (0.30, 0.20), (0.40, 0.30)),
    "GradCAM": ("explainer", (3.0, 2.0), (0.25, 0.35), (0.60, 0.70)),
    "Specker": ("explainer", None, None, None),
    "uniform": ("control", None, None, None),
    "centre": ("control", (1.5, 1.5), (0.20, 0.30), (0.60, 0.60)),
    "silhouette": ("control", (2.5, 2.5), (0.40, 0.40), (0.80, 0.80)),
}


@pytest.fixture
def rows():
    """Two seeds of one setting; grown regions have twice the values, and AMD's regions are smaller."""
    lines = []
    for seed in (0, 1):
        for name, (source, *values) in VALUES.items():
            line: dict[str, object] = {"explainer": name, "source": source, "seed": seed}
            if values[0] is not None:
                exact = dict(zip(MEASURES, (value[seed] for value in values), strict=True))
                exact[FLAT] = 0.1 if name == "AMD" else 0.25
                line |= exact | {column + GROWN: 2 * value for column, value in exact.items()}
            lines.append(line)
    return pd.DataFrame(lines)


def test_this_run_stands_beside_the_stored_seeds(rows):
    own = rows[rows["seed"] == 0].set_index("explainer")
    table = localisation_beside(own, rows)
    assert table.index.tolist() == ["AMD", "GradCAM", "centre", "silhouette", FLAT_ROW]
    assert table.columns.tolist() == [(name, which) for name in MEASURES for which in ("this run", "stored")]
    assert table.loc["AMD", "energy over area"].tolist() == ["1.10", "1.00 ± 0.14"]  # 0.2 / sqrt(2)
    assert table.loc[FLAT_ROW].tolist() == ["1.00", "1.00", "0.25", "0.25", "0.50", "0.50"]
    grown = localisation_beside(own, rows, grown=True)
    assert grown.loc["AMD", "pointing"].tolist() == ["0.60", "0.50 ± 0.14"]
    assert grown.loc[FLAT_ROW, "pointing"].tolist() == ["0.50", "0.50"]
    assert grown.loc[FLAT_ROW, "auc"].tolist() == ["0.50", "0.50"]


@pytest.mark.parametrize("stored", [pd.DataFrame(), pd.DataFrame({"explainer": ["AMD"], "seed": [0]})])
def test_what_is_not_stored_is_not_shown(rows, stored):
    own = rows[rows["seed"] == 0].set_index("explainer")
    assert not has_localisation(stored)
    assert {which for _, which in localisation_beside(own, stored).columns} == {"this run"}
    assert has_localisation(rows)


def test_an_explainer_that_is_not_stored_has_a_dash(rows):
    own = rows[rows["seed"] == 0].set_index("explainer").rename({"GradCAM": "new"})
    assert localisation_beside(own, rows).loc["new", "auc"].tolist() == ["0.60", "–"]


def test_a_run_without_any_map_leaves_the_flat_map(rows):
    own = rows[rows["explainer"] == "uniform"].set_index("explainer").reindex(columns=["source", *LOCALISATION])
    table = localisation_beside(own, pd.DataFrame())
    assert table.loc[FLAT_ROW].tolist() == ["1.00", "–", "0.50"]
    assert len(table) == 1


def test_who_beats_what_must_do_so_in_every_seed(rows):
    found = who_beats_what(rows)
    assert found["energy over area"] == {FLAT_ROW: ["GradCAM"], "centre": ["GradCAM"], "silhouette": []}
    # a flat map on AMD's own regions points inside with 0.1, so 0.2 and 0.3 are above it; GradCAM's 0.25 is not above
    assert found["pointing"] == {FLAT_ROW: ["AMD"], "centre": ["GradCAM"], "silhouette": []}
    assert found["auc"] == {FLAT_ROW: ["GradCAM"], "centre": [], "silhouette": []}


def test_the_sentence_names_the_few_and_counts_the_many(rows):
    assert localisation_sentence(rows).startswith(
        "In each of the 2 stored seeds, by *energy over area* “GradCAM” beats a flat map, “GradCAM” the middle of "
        "the picture, none the silhouette; by *pointing* “AMD” beats a flat map, "
    )
    many = pd.concat([rows, *(rows.replace({"GradCAM": name}).query("explainer == @name") for name in ("a", "b"))])
    assert "by *energy over area* 3 of 4 beat a flat map, " in localisation_sentence(many)
    many["auc"] = many["auc"].where(many["source"] == "control", 0.9)
    assert "all 3 the silhouette" in localisation_sentence(many[~many["explainer"].isin(["AMD", "Specker"])])
    assert localisation_sentence(rows[rows["seed"] == 0]).startswith("In the one stored seed, ")


def test_a_seed_measured_without_localisation_does_not_count(rows):
    old = rows[rows["seed"] == 0].assign(seed=2).drop(columns=list(LOCALISATION))
    assert localisation_sentence(pd.concat([rows, old])) == localisation_sentence(rows)


def test_settings_agree_as_much_as_the_two_that_differ_most(rows):
    home = rows.assign(target="thin", **{"trained on": "a", "tested on": "a"})
    assert settings_agree(home) == "One setting is stored."
    away = home.assign(**{"tested on": "b"})
    turned = away.assign(auc=-away["auc"])
    # four methods; energy keeps its order, auc is turned round
    assert settings_agree(pd.concat([home, turned])) == (
        "Between any two of the 2 settings the orders of the 4 methods correlate by at least 1.00 by energy over area, "
        "1.00 by pointing, -1.00 by auc."
    )


def test_lying_right_and_being_true_are_compared_over_explainers_with_maps(rows):
    means = {"AMD": 1.0, "GradCAM": 2.5, "IG": 2.0, "SBSM": 1.5, "centre": 9.0}  # the order of energy
    true = {"AMD": 0.4, "GradCAM": 0.1, "IG": 0.2, "SBSM": 0.3, "centre": 0.9, "Specker": 0.9}  # turned round
    lines = [
        {"explainer": name, "source": "control" if name == "centre" else "explainer", "rank_correlation": true[name],
         "seed": 0, **({LOCALISATION[0]: means[name]} if name in means else {})}
        for name in true
    ]  # fmt: skip
    found = localisation_tells(pd.DataFrame(lines))
    assert found.rho == pytest.approx(-1)
    assert found.n == 4
