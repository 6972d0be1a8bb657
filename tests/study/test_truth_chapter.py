"""The steps behind the chapter on truth, on a Promenade of a few people and an untrained network."""

from __future__ import annotations

import math

import pandas as pd
import pytest
import torch

from whyreid.explain import PairExplanation
from whyreid.models import thin_network
from whyreid.pedestrians import GROUPS, Preset, render_promenade
from whyreid.study import truth_steps
from whyreid.study.all_claims import all_units
from whyreid.study.artifacts import artifact
from whyreid.study.steps import TrainedTarget
from whyreid.study.truth_claim import SEEDS, SETTINGS, truth_units
from whyreid.study.truth_explainers import Explained, controls_of, explained
from whyreid.study.truth_steps import rendered, scored_pairs, training_pairs, true_effects
from whyreid.study.truth_summary import label_agreement_tells, mean_over_seeds, over_seeds, trust_table
from whyreid.study.truth_table import MEASURES, best_control, truth_table
from whyreid.training import TrainingHistory


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("promenade")
    return render_promenade(folder, domain="A", preset=Preset(10, 8, 3, 2, 64, 32), workers=1)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("artifacts")


@pytest.fixture
def target(store, monkeypatch):
    monkeypatch.setenv("WHYREID_ARTIFACTS", str(store))
    model = thin_network(widths=(4, 8, 8, 8), depths=(1, 1, 1), image_size=(64, 32)).eval()
    folder = artifact("target", {"seed": 0}, lambda _: None, code=["whyreid.models.thin_network"])
    return TrainedTarget(model, TrainingHistory((), {}), folder)


@pytest.fixture
def effects(target, table):
    return true_effects(target, table, preset="smoke", device="cpu")


def perfect(effects, noise: float = 0.0, source: str = "explainer", name: str = "perfect") -> Explained:
    """An explainer that knows the truth, or nearly."""
    truth = effects.of["distance"]
    drawn = noise * torch.randn(truth.truth.shape, generator=torch.Generator().manual_seed(0)).double()
    explanation = PairExplanation.from_contributions(
        truth.score, truth.truth.nan_to_num(0.0) + drawn, kind="distance", attributes=GROUPS
    )
    return Explained(name, source, False, explanation, math.nan, math.nan, 0.0)


def test_half_of_the_pairs_are_random_and_half_impostors(target, table):
    pairs = scored_pairs(target, table, preset="smoke", device="cpu")
    assert pairs.impostor.tolist() == [False] * 3 + [True] * 3
    assert all(len(players) >= 3 for players in pairs.players())
    test_people = set(table.select("query").pids.tolist())
    assert {person.person for pair in pairs.persons() for person in pair} <= test_people


def test_what_is_usual_comes_from_training_persons_only(table):
    pairs = training_pairs(table, preset="smoke")
    training_people = set(table.select("train").pids.tolist())
    assert {person.person for pair in pairs.persons() for person in pair} <= training_people


def test_truth_is_measured_once(effects, target, table, monkeypatch):
    def again(*_, **__):
        raise AssertionError("rendered or measured twice")

    monkeypatch.setattr(truth_steps, "render_counterfactuals", again)
    monkeypatch.setattr(truth_steps, "counterfactual_effects", again)
    second = true_effects(target, table, preset="smoke", device="cpu")
    for kind in ("distance", "squared_distance"):
        assert torch.equal(second.of[kind].truth.nan_to_num(9.0), effects.of[kind].truth.nan_to_num(9.0))
        assert second.of[kind].kind == kind
    assert rendered(second.pairs) == effects.renders
    assert (second.usual >= 0).all()


def test_every_control_explains_the_distance_of_every_pair(effects, target, table):
    pictures = effects.pairs.pictures(target.model.image_input)
    names = []
    for name, control in controls_of(target, effects.pairs, effects.usual, trained_on=table, seed=0):
        found = explained(name, control, effects.pairs, pictures, chunk=len(effects), source="control")
        names.append(name)
        torch.testing.assert_close(found.explanation.score.double(), effects.of["distance"].score, rtol=1e-3, atol=1e-6)
        assert found.oracle_mask == (name in ("silhouette", "centre"))
        assert math.isnan(found.energy) != found.oracle_mask
    assert {"uniform", "random", "usual effect", "query label prior", "mask area", "silhouette", "centre"} == set(names)


def test_the_silhouette_has_more_of_its_energy_on_what_differs_than_the_middle(effects, target, table):
    pictures = effects.pairs.pictures(target.model.image_input)
    found = {
        name: explained(name, control, effects.pairs, pictures, chunk=len(effects))
        for name, control in controls_of(target, effects.pairs, effects.usual, trained_on=table, seed=0)
    }
    assert found["silhouette"].energy > found["centre"].energy > found["centre"].area


def test_one_who_knows_the_truth_stands_first_and_beats_the_control(effects):
    scores = truth_table([perfect(effects), perfect(effects, 1.0, "control", "noise")], effects)
    assert scores.loc["perfect", "rank_correlation"] == pytest.approx(1)
    assert scores.loc["perfect", "error"] == pytest.approx(0, abs=1e-6)
    assert scores.loc["perfect", "p"] < 0.05
    assert math.isnan(scores.loc["noise", "p"])
    assert best_control(scores) == "noise"
    assert scores.loc["noise", "low"] <= scores.loc["noise", "rank_correlation"] <= scores.loc["noise", "high"]


def test_trust_names_the_best_of_each_kind_for_each_question(effects):
    scores = truth_table([perfect(effects), perfect(effects, 1.0, "control", "noise")], effects)
    trust = trust_table(scores)
    assert trust.loc["how much each matters (relative error)", "explainer"] == "perfect"
    assert (trust["control"].iloc[:-1] == "noise").all()
    assert trust.loc["where to look (energy over area)", "explainer"] == "–"  # nobody gave a map
    masked = trust_table(scores.assign(oracle_mask=[True, False]))
    assert (masked["without masks"] == "–").all()


def test_without_a_control_nothing_is_tested(effects):
    assert truth_table([perfect(effects)], effects)["p"].isna().all()


def claim_rows() -> pd.DataFrame:
    rows = []
    for seed in (0, 1):
        for name, source, value in (("AMD", "explainer", 0.2 + 0.2 * seed), ("uniform", "control", 0.0)):
            about = {"target": "thin", "trained on": "a", "tested on": "b", "seed": seed, "pairs": 80}
            numbers = {"rank_correlation": value, "label_agreement": 0.5 + value, "low": -1.0, "high": 1.0}
            rows.append(about | {"explainer": name, "source": source, "oracle_mask": 0} | numbers)
    return pd.DataFrame(rows)


def test_seeds_become_mean_and_deviation():
    text = over_seeds(claim_rows(), ["rank_correlation"])
    assert text.loc[("explainer", "AMD")].tolist() == ["0.30 ± 0.14"]
    assert text.columns.tolist() == [("thin, a on b (2)", "rank_correlation")]
    averaged = mean_over_seeds(claim_rows(), target="thin", trained_on="a", tested_on="b")
    assert averaged.loc["AMD", "rank_correlation"] == pytest.approx(0.3)
    assert averaged.loc["uniform", "source"] == "control"
    assert mean_over_seeds(claim_rows(), target="thin", trained_on="a", tested_on="a").empty


def test_label_agreement_is_compared_over_explainers():
    table = pd.DataFrame({"label_agreement": [0.1, 0.5, 0.3, 0.4], "rank_correlation": [0.0, 0.9, 0.4, 0.2]})
    assert label_agreement_tells(table).rho == pytest.approx(0.8)


def test_the_claim_has_every_setting_with_every_seed():
    units = truth_units()
    assert len({unit.name for unit in units}) == len(SETTINGS) * len(SEEDS) == len(units)
    assert [unit.inputs["seed"] for unit in units[:3]] == [0, 1, 2]
    assert units[0].inputs["tested_on"] == units[0].inputs["trained_on"]
    assert {unit.name for unit in units} <= {unit.name for unit in all_units() if unit.claim == "truth"}
    assert set(MEASURES) >= {"rank_correlation", "top1", "sign", "explained", "label_agreement"}
