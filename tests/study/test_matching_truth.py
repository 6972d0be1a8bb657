"""The truth about QAConv's logit: pairs, signs, scores, on a Promenade of a few people and an untrained matcher."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from whyreid.explain import MatchingLogit, PairExplanation
from whyreid.explain.controls import MapControl, centre_prior, fixed_order_control
from whyreid.models.qaconv_features import thin_qaconv
from whyreid.pedestrians import GROUPS
from whyreid.study.all_claims import all_units
from whyreid.study.artifacts import artifact
from whyreid.study.matching_truth import (
    SpeaksAgainst,
    explain_matches,
    matched_pairs,
    matching_effects,
    matching_explainers,
    matching_table,
)
from whyreid.study.matching_truth_claim import MODEL, SEEDS, SETTINGS, matching_truth_units, measure_matching_truth
from whyreid.study.qaconv_steps import TrainedQAConv, qaconv_scores
from whyreid.study.truth_explainers import Explained
from whyreid.study.truth_localisation import LOCALISATION
from whyreid.study.truth_steps import TOP
from whyreid.training import TrainingHistory


@pytest.fixture
def trained(artifact_folder, monkeypatch):
    monkeypatch.setenv("WHYREID_ARTIFACTS", str(artifact_folder))
    model = thin_qaconv(neck=8, widths=(4, 8, 8, 8), depths=(1, 1, 1), image_size=(64, 32)).eval()
    folder = artifact("qaconv", {"seed": 0}, lambda _: None, code=["whyreid.models.thin_qaconv"])
    return TrainedQAConv(model, TrainingHistory((), {}), folder)


@pytest.fixture
def effects(trained, tiny_promenade):
    return matching_effects(trained, tiny_promenade, trained_on=tiny_promenade, preset="smoke", device="cpu")


def knows(effects, *, turned: float = 1.0, name: str = "perfect", source: str = "explainer") -> Explained:
    truth = effects.of["similarity"]
    said = turned * truth.truth.nan_to_num(0.0)
    explanation = PairExplanation.from_contributions(truth.score, said, kind="similarity", attributes=GROUPS)
    return Explained(name, source, False, explanation, 0.0)


def test_truth_of_the_logit_and_what_remains_add_up_to_the_logit(effects, trained):
    truth = effects.of["similarity"]
    torch.testing.assert_close(truth.truth.nansum(dim=1) + truth.remainder, truth.score)
    query, gallery = effects.pairs.pictures(trained.model.image_input)
    with torch.no_grad():
        maps = [MatchingLogit(trained.model).represent(side) for side in (query, gallery)]
        logits = MatchingLogit(trained.model).compare(*maps)
    torch.testing.assert_close(truth.score, logits.double(), rtol=1e-3, atol=1e-5)
    assert (effects.usual >= 0).all()


def test_impostors_are_those_that_the_logits_rank_first(trained, tiny_promenade):
    pairs = matched_pairs(trained, tiny_promenade, preset="smoke", device="cpu")
    assert pairs.impostor.tolist() == [False] * 3 + [True] * 3
    assert all(first.person != second.person for first, second in pairs.persons())
    query, gallery = tiny_promenade.select("query"), tiny_promenade.select("gallery")
    logits = qaconv_scores(trained, query, gallery, device="cpu")
    logits[query.pids[:, None] == gallery.pids] = -torch.inf  # only other persons can be impostors
    for q, g in zip(pairs.query_rows[3:], pairs.gallery_rows[3:], strict=True):
        assert (logits[q] > logits[q, g]).sum() < TOP


def test_controls_call_every_difference_evidence_against_a_match(effects, trained):
    query, gallery = effects.pairs.pictures(trained.model.image_input)
    given = fixed_order_control(trained.model, GROUPS, torch.arange(12.0))
    said = SpeaksAgainst(given).explain(query, gallery)
    assert (said.contributions <= 0).all()
    torch.testing.assert_close(said.contributions.abs(), given.explain(query, gallery).contributions.abs())
    torch.testing.assert_close(said.contributions.sum(dim=1) + said.remainder, said.score)
    place = SpeaksAgainst(MapControl(trained.model, centre_prior((64, 32)))).explain(query, gallery)
    assert place.contributions is None
    assert (place.query_maps <= 0).all()
    assert place.query_maps.min() < 0


def test_one_who_knows_the_truth_wins_every_measure_and_one_who_turns_it_round_loses(effects):
    control = knows(effects, turned=0.0, name="nothing", source="control")
    table = matching_table([knows(effects), knows(effects, turned=-1.0, name="turned"), control], effects)
    assert table.loc["perfect", ["rank_correlation", "top1", "sign"]].tolist() == pytest.approx([1, 1, 1])
    assert table.loc["perfect", "error"] == pytest.approx(0, abs=1e-9)
    assert table.loc["turned", ["rank_correlation", "sign"]].tolist() == pytest.approx([-1, 0])
    assert table.loc["turned", "top1"] < 1
    assert "explained" not in table


def test_agreement_with_labels_asks_what_speaks_against_a_match(effects):
    truth = effects.of["similarity"]
    labels = -truth.differs.double()
    explanation = PairExplanation.from_contributions(truth.score, labels, kind="similarity", attributes=GROUPS)
    one = replace(knows(effects), explanation=explanation)
    assert matching_table([one], effects).loc["perfect", "label_agreement"] == pytest.approx(1)


def test_every_explainer_of_a_logit_and_every_control_is_scored(effects, trained, tiny_promenade):
    found = list(explain_matches(trained, effects, trained_on=tiny_promenade, seed=0))
    scores = matching_table(found, effects)
    told = scores[scores["source"] == "explainer"]
    assert list(told.index) == [name for name, _ in matching_explainers(trained.model)]
    assert told["oracle_mask"].all()
    assert {"usual effect", "query label prior", "uniform", "centre"} <= set(
        scores.index[scores["source"] == "control"]
    )
    assert scores["rank_correlation"].between(-1, 1).all()
    located = scores.dropna(subset=list(LOCALISATION)).index
    assert set(located) == {*told.index, "silhouette", "centre"}
    assert scores.loc["uniform", "rank_correlation"] == 0


def test_the_claim_has_both_towns_with_every_seed():
    units = matching_truth_units()
    assert len({unit.name for unit in units}) == len(SETTINGS) * len(SEEDS) == len(units)
    assert {unit.name for unit in units} == {unit.name for unit in all_units() if unit.claim == "truth-of-matching"}


@pytest.mark.slow
def test_a_unit_gives_rows_that_can_be_stored(tmp_path, monkeypatch):
    monkeypatch.setenv("WHYREID_ARTIFACTS", str(tmp_path))
    rows = measure_matching_truth("promenade-a", "promenade-b", "smoke", 0, device="cpu")
    assert {row["target"] for row in rows} == {MODEL}
    assert all(isinstance(value, str | int | float) and value == value for row in rows for value in row.values())
    assert {row["explainer"] for row in rows} >= {"QAConv, locations", "QAConv, shortfall", "usual effect"}
