from __future__ import annotations

import itertools

import pandas as pd
import pytest

from whyreid.study import correspondences_claim
from whyreid.study.correspondence_pairs import OTHER, SAME, VIEWS
from whyreid.study.correspondence_parts import CONTROLS
from whyreid.study.correspondence_ranking import LEARNED, POOLED, UNLEARNED
from whyreid.study.correspondence_scores import BESIDE, QACONV
from whyreid.study.correspondence_summary import (
    agreement_claim,
    agreement_table,
    evidence_claim,
    evidence_table,
    matching_claim,
    matching_table,
    mean_agreement,
    view_claim,
)
from whyreid.study.correspondences_claim import correspondences_units

AGREEMENT = {QACONV: 0.5, "thin target, trained on": 0.6, **dict(zip(CONTROLS, (0.1, 0.2, 0.4, 0.9), strict=True))}
LOSS = dict(zip(VIEWS, (0.0, 0.05, 0.1), strict=True))


@pytest.fixture
def rows() -> pd.DataFrame:
    """Two towns, two seeds; agreement falls with the turn, and is halved on two persons."""
    lines = []
    for tested, seed in itertools.product(("promenade-a", "promenade-b"), (0, 1)):
        about = {"trained on": "promenade-a", "tested on": tested, "seed": seed}
        for (method, value), persons, view in itertools.product(AGREEMENT.items(), (SAME, OTHER), VIEWS):
            value = (value - LOSS[view] + 0.02 * seed) * (1.0 if persons == SAME else 0.5)
            lines.append({**about, "kind": "agreement", "method": method, "persons": persons, "view": view,
                          "agreement": value, "pairs": 30})  # fmt: skip
        for part, persons in itertools.product(("head", BESIDE), (SAME, OTHER)):
            value = {"head": 3.0, BESIDE: 1.0}[part] * (1 + seed) * (persons == SAME)
            area = 0.2 if part == "head" else 0.8
            lines.append({**about, "kind": "evidence", "method": QACONV, "persons": persons, "part": part,
                          "contribution": value, "area": area, "pairs": 90})  # fmt: skip
        for method, value in {POOLED: 0.2, UNLEARNED: 0.25, LEARNED: 0.6}.items():
            value += 0.3 * (tested == "promenade-a") + 0.1 * seed
            lines.append({**about, "kind": "ranking", "method": method, "mAP": value, "rank-1": value})
    return pd.DataFrame(lines)


def test_agreement_is_told_by_town_and_view_with_its_spread(rows):
    table = agreement_table(rows)
    assert table.index.tolist() == [QACONV, "thin target, trained on", *CONTROLS]
    assert table.columns.tolist() == [(towns, view) for towns in ("A → A", "A → B") for view in VIEWS]
    assert table.loc[QACONV, ("A → B", "same side")] == "51 ± 1"
    assert agreement_table(rows, OTHER).loc[QACONV, ("A → B", "same side")] == "26 ± 1"
    assert agreement_table(rows[rows["seed"] == 0]).loc[QACONV, ("A → A", "other side")] == "40"


def test_the_mean_weighs_views_by_their_pairs(rows):
    heavier = rows.assign(pairs=rows["pairs"].where(rows["view"] != "other side", 60))
    mean = mean_agreement(heavier)
    assert mean.loc[QACONV, "all"] == pytest.approx((0.51 * 30 + 0.46 * 30 + 0.41 * 60) / 120)


def test_sentences_follow_the_numbers(rows):
    assert "at 46 % of the person's places" in agreement_claim(rows)
    assert "that is more than the best control" in agreement_claim(rows)
    worse = rows.assign(agreement=rows["agreement"].where(rows["method"] != QACONV, 0.0))
    assert "that is not more than the best control reaches without matching (same place: 36 %)" in agreement_claim(
        worse
    )
    assert "changes by -10 points, that of the same place by -10" in view_claim(rows)
    assert "On pairs of two persons its matches agree at 23 %" in view_claim(rows)


def test_a_table_without_turns_says_nothing_about_them(rows):
    told = view_claim(rows.assign(view="any view"))
    assert told.startswith("On pairs of two persons")


def test_shares_of_the_gap_add_up_to_one(rows):
    table = evidence_table(rows)
    assert table["share of the gap"].tolist() == pytest.approx([0.75, 0.25])
    assert table["share of the area"].tolist() == pytest.approx([0.2, 0.8])
    assert table["sd"].tolist() == pytest.approx([0, 0], abs=1e-12)
    told = evidence_claim(table)
    assert told.startswith("25% of the gap between matches and non-matches lies beside the person, on 80% of the area")
    assert "head count most, 3.8 times" in told


def test_matching_is_told_apart_from_learning(rows):
    assert matching_table(rows).loc[LEARNED].tolist() == ["95.0 ± 7.1", "65.0 ± 7.1"]
    told = matching_claim(rows)
    assert "moves the mAP by +5.0 points, from 25.0 to 30.0" in told
    assert "another +35.0, to 65.0" in told


def test_the_claim_is_measured_in_both_towns_with_three_seeds(rows, monkeypatch):
    units = correspondences_units(device="cpu")
    assert [unit.name for unit in units[:2]] == ["promenade-a-on-promenade-a-seed0", "promenade-a-on-promenade-b-seed0"]
    assert len({unit.digest() for unit in units}) == len(units) == 6
    plain = rows.drop(columns=["trained on", "tested on", "seed"])
    monkeypatch.setattr(correspondences_claim, "load_dataset", lambda name, *, preset: name)
    asked = []

    def given(learned, tested, **settings):
        asked.append((learned, tested, settings["seed"]))
        return plain

    monkeypatch.setattr(correspondences_claim, "correspondence_rows", given)
    measured = units[3].measure()
    assert asked == [("promenade-a", "promenade-b", 1)]
    assert len(measured) == len(plain)
    assert all(value == value for row in measured for value in row.values())  # nothing that JSON cannot hold
    assert measured[0]["tested on"] == "promenade-b"
