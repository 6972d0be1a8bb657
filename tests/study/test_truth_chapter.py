"""The steps behind the chapter on truth, on a Promenade of a few people and an untrained network."""

from __future__ import annotations

import math

import pandas as pd
import pytest
import torch

from whyreid.explain import PairExplanation
from whyreid.explain.controls import MapControl, centre_prior
from whyreid.models import thin_network
from whyreid.pedestrians import GROUPS, attribute_regions
from whyreid.study import truth_steps
from whyreid.study.all_claims import all_units
from whyreid.study.artifacts import artifact
from whyreid.study.steps import TrainedTarget
from whyreid.study.trust_table import QUESTIONS, Answer, trust_table
from whyreid.study.truth_claim import SEEDS, SETTINGS, truth_units
from whyreid.study.truth_explainers import Explained, controls_of, explained
from whyreid.study.truth_localisation import FLAT, GROWN, LOCALISATION, localisation_table
from whyreid.study.truth_steps import rendered, scored_pairs, training_pairs, true_effects
from whyreid.study.truth_summary import (
    label_agreement_over_runs,
    label_agreement_tells,
    of_setting,
    over_seeds,
    stored_rows,
    verdict,
)
from whyreid.study.truth_table import MEASURES, best_control, table_rows, truth_table
from whyreid.training import TrainingHistory
from whyreid.truth import area_resize, group_regions


@pytest.fixture
def target(artifact_folder, monkeypatch):
    monkeypatch.setenv("WHYREID_ARTIFACTS", str(artifact_folder))
    model = thin_network(widths=(4, 8, 8, 8), depths=(1, 1, 1), image_size=(64, 32)).eval()
    folder = artifact("target", {"seed": 0}, lambda _: None, code=["whyreid.models.thin_network"])
    return TrainedTarget(model, TrainingHistory((), {}), folder)


@pytest.fixture
def effects(target, tiny_promenade):
    return true_effects(target, tiny_promenade, preset="smoke", device="cpu")


def perfect(effects, noise: float = 0.0, source: str = "explainer", name: str = "perfect") -> Explained:
    """An explainer that knows the truth, or nearly."""
    truth = effects.of["distance"]
    drawn = noise * torch.randn(truth.truth.shape, generator=torch.Generator().manual_seed(0)).double()
    explanation = PairExplanation.from_contributions(
        truth.score, truth.truth.nan_to_num(0.0) + drawn, kind="distance", attributes=GROUPS
    )
    return Explained(name, source, False, explanation, 0.0)


def test_half_of_the_pairs_are_random_and_half_impostors(target, tiny_promenade):
    pairs = scored_pairs(target, tiny_promenade, preset="smoke", device="cpu")
    assert pairs.impostor.tolist() == [False] * 3 + [True] * 3
    assert all(len(players) >= 3 for players in pairs.players())
    test_people = set(tiny_promenade.select("query").pids.tolist())
    assert {person.person for pair in pairs.persons() for person in pair} <= test_people


def test_what_is_usual_comes_from_training_persons_only(tiny_promenade):
    pairs = training_pairs(tiny_promenade, preset="smoke")
    training_people = set(tiny_promenade.select("train").pids.tolist())
    assert {person.person for pair in pairs.persons() for person in pair} <= training_people


def test_truth_is_measured_once(effects, target, tiny_promenade, monkeypatch):
    def again(*_, **__):
        raise AssertionError("rendered or measured twice")

    monkeypatch.setattr(truth_steps, "render_counterfactuals", again)
    monkeypatch.setattr(truth_steps, "counterfactual_effects", again)
    second = true_effects(target, tiny_promenade, preset="smoke", device="cpu")
    for kind in ("distance", "squared_distance"):
        assert torch.equal(second.of[kind].truth.nan_to_num(9.0), effects.of[kind].truth.nan_to_num(9.0))
        assert second.of[kind].kind == kind
    assert rendered(second.pairs) == effects.renders
    assert (second.usual >= 0).all()


def test_every_control_explains_the_distance_of_every_pair(effects, target, tiny_promenade):
    pictures = effects.pairs.pictures(target.model.image_input)
    names = []
    for name, control in controls_of(target.model, effects.pairs, effects.usual, trained_on=tiny_promenade, seed=0):
        found = explained(name, control, effects.pairs, pictures, chunk=len(effects), source="control")
        names.append(name)
        torch.testing.assert_close(found.explanation.score.double(), effects.of["distance"].score, rtol=1e-3, atol=1e-6)
        assert found.oracle_mask == (name in ("silhouette", "centre"))
        assert (found.explanation.query_maps is not None) == found.oracle_mask
    assert {"uniform", "random", "usual effect", "query label prior", "mask area", "silhouette", "centre"} == set(names)


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
    assert list(trust.index) == list(QUESTIONS)
    assert trust.loc["how much each matters (relative error)", "best explainer"] == "perfect: 0.00"
    assert trust["best control"].iloc[:-1].str.startswith("noise").all()
    assert trust.iloc[-1].tolist() == ["–", "–", "1.00", "nobody answers"]  # nobody gave a map


def test_a_map_needs_no_mask_to_say_where_to_look_but_needs_one_to_name_an_attribute(effects):
    scores = truth_table([perfect(effects), perfect(effects, 1.0, "control", "centre")], effects)
    scores = scores.assign(oracle_mask=True, **{"energy over area": [4.0, 2.0]})
    trust = trust_table(scores, photographs=True)
    assert (trust["best explainer"].iloc[:-1] == "–").all()
    assert trust.iloc[-1].tolist()[:3] == ["perfect: 4.00", "centre: 2.00", "1.00"]
    assert trust_table(scores)["best explainer"].iloc[0] == "perfect: 1.00"


def test_for_photographs_no_control_knows_masks_or_the_usual_effect(effects):
    known = [perfect(effects, 0.1, "control", name) for name in ("usual effect", "mask area", "query label prior")]
    scores = truth_table([perfect(effects), *known], effects)
    trust = trust_table(scores, photographs=True)
    assert trust["best control"].iloc[:-1].str.startswith("query label prior").all()


@pytest.mark.parametrize(
    ("value", "control", "nothing", "ahead", "seeds", "sign", "expected"),
    [
        (0.5, 0.6, 0.0, 0, 3, 1, "no: the control is as good or better"),
        (-0.1, -0.3, 0.0, 0, 3, 1, "no: worse than saying nothing"),
        (1.2, 2.0, 1.0, 0, 3, -1, "no: worse than saying nothing"),
        (0.6, 0.5, 0.0, 2, 3, 1, "perhaps: ahead in 2 of 3 seeds"),
        (0.6, 0.5, 0.0, 1, 1, 1, "perhaps: ahead by 0.10, but too few seeds"),
        (0.6, 0.8, 1.0, 3, 3, -1, "yes: ahead in every seed, on average by 0.20"),
    ],
)
def test_the_verdict_is_as_cautious_as_the_seeds(value, control, nothing, ahead, seeds, sign, expected):
    assert Answer("x", value, "y", control, nothing, ahead, seeds, sign).verdict() == expected


def test_a_lead_that_rounding_hides_is_none():
    rows = pd.DataFrame(
        {
            "explainer": ["AMD", "uniform"], "source": ["explainer", "control"], "oracle_mask": [0, 0],
            "energy over area": [1.0, 1.0], "rank_correlation": [0.301, 0.299], "impostors": [0.5, 0.1],
            "top1": [0.3, 0.3], "sign": [0.6, 0.6], "error": [2.0, 3.0],
        }
    )  # fmt: skip
    trust = trust_table(pd.concat([rows.assign(seed=seed) for seed in range(3)]))["to be trusted?"]
    assert trust.iloc[0] == "no: the control is as good or better"
    assert trust.iloc[1] == "yes: ahead in every seed, on average by 0.40"
    assert trust.iloc[4] == "no: worse than saying nothing"


def test_without_a_control_nothing_is_tested(effects):
    assert truth_table([perfect(effects)], effects)["p"].isna().all()


def claim_rows() -> pd.DataFrame:
    rows = []
    for seed in (0, 1):
        for name, source, value in (("AMD", "explainer", 0.2 + 0.2 * seed), ("uniform", "control", 0.0)):
            about = {"target": "thin", "trained on": "a", "tested on": "b", "seed": seed, "unit": f"seed{seed}"}
            numbers = {"rank_correlation": value, "label_agreement": 0.5 + value, "low": -1.0, "high": 1.0}
            rows.append(about | {"explainer": name, "source": source, "oracle_mask": 0} | numbers)
    return pd.DataFrame(rows)


def test_seeds_become_mean_and_deviation():
    text = over_seeds(claim_rows(), ["rank_correlation"])
    assert text.loc[("explainer", "AMD")].tolist() == ["0.30 ± 0.14"]
    assert text.columns.tolist() == [("thin, a on b (2)", "rank_correlation")]
    assert len(of_setting(claim_rows(), target="thin", trained_on="a", tested_on="b")) == 4
    assert of_setting(claim_rows(), target="thin", trained_on="a", tested_on="a").empty


def test_the_verdict_counts_runs_and_what_chance_does_not_explain():
    rows = claim_rows().assign(p=[0.01, math.nan, 0.2, math.nan])
    rows.loc[2, "rank_correlation"] = -0.1
    found = verdict(rows)
    assert (found.runs, found.explainer, found.control) == (2, "AMD", "uniform")
    assert (found.wins, found.above, found.below, found.compared) == (1, 1, 0, 2)
    assert found.value == pytest.approx(0.05)
    assert "in 1 of 2 runs" in found.leaders()
    assert "of 2 comparisons" in found.comparisons()
    rows.loc[2, "p"] = 0.01
    assert verdict(rows).below == 1


def test_for_photographs_the_leader_needs_no_mask():
    rows = claim_rows().assign(p=math.nan)
    masked = rows.assign(explainer=rows["explainer"].replace({"AMD": "GradCAM", "uniform": "usual effect"}))
    masked = masked.assign(oracle_mask=1, rank_correlation=0.9)
    found = verdict(pd.concat([rows, masked], ignore_index=True), photographs=True)
    assert (found.explainer, found.control, found.compared) == ("AMD", "uniform", 4)


def test_nothing_stored_is_a_table_without_rows():
    assert stored_rows("no-such-claim").empty


@pytest.fixture
def explained_by_maps(effects, target, tiny_promenade):
    """All controls, and a flat map."""
    pictures = effects.pairs.pictures(target.model.image_input)
    controls = dict(controls_of(target.model, effects.pairs, effects.usual, trained_on=tiny_promenade, seed=0))
    controls["flat"] = MapControl(target.model, torch.ones(1, 1, 64, 32))
    return [
        explained(name, control, effects.pairs, pictures, chunk=len(effects), source="control")
        for name, control in controls.items()
    ]


def test_maps_of_the_silhouette_lie_where_persons_differ_and_a_flat_map_lies_nowhere(effects, explained_by_maps):
    where = localisation_table(explained_by_maps, effects.pairs)
    assert set(where.index) == {"silhouette", "centre", "flat"}
    assert where.columns.tolist() == list(LOCALISATION)
    for grown in ("", GROWN):
        assert where.loc["flat", "energy over area" + grown] == pytest.approx(1)
        assert where.loc["flat", "auc" + grown] == pytest.approx(0.5)
        assert where.loc["flat", "pointing" + grown] == pytest.approx(where.loc["flat", FLAT + grown])
    assert where.loc["silhouette", "energy over area"] > where.loc["centre", "energy over area"] > 1
    assert (where["pointing, grown"] >= where["pointing"]).all()
    assert (where[FLAT + GROWN] > where[FLAT]).all()
    assert where[FLAT].nunique() == 1  # all have one map for the whole score: the same regions


def test_localisation_is_the_mean_over_differing_visible_groups_and_both_pictures(effects, explained_by_maps):
    """By hand: the share of a Gaussian in the middle that lies on each thing, over the thing's share of the picture."""
    weight = area_resize(centre_prior((64, 32))[0, 0].double(), (32, 16))
    weight = weight / weight.sum()
    sides = []
    for labels in effects.pairs.masks():
        regions = area_resize(group_regions(labels).double(), (32, 16))
        inside, area = (regions * weight).sum(dim=(2, 3)), regions.mean(dim=(2, 3))
        sides.append((inside / area)[effects.pairs.differs() & (area > 0)].mean())
    where = localisation_table(explained_by_maps, effects.pairs)
    assert where.loc["centre", "energy over area"] == pytest.approx(float(sum(sides) / 2), rel=1e-5)


def test_where_maps_lie_stands_beside_how_true_they_are_and_is_stored_with_it(effects, explained_by_maps):
    scores = truth_table([perfect(effects), *explained_by_maps], effects)
    alone = localisation_table(explained_by_maps, effects.pairs)
    pd.testing.assert_frame_equal(scores.loc[alone.index, list(LOCALISATION)], alone)
    assert scores.loc["perfect", list(LOCALISATION)].isna().all()
    rows = {row["explainer"]: row for row in table_rows(scores, {"seed": 3})}
    assert all(row["seed"] == 3 for row in rows.values())
    for name in alone.index:
        stored = [rows[name][column] for column in LOCALISATION]
        assert stored == pytest.approx(alone.loc[name].tolist(), abs=1e-5)
    assert not set(LOCALISATION) & set(rows["perfect"])
    assert rows["silhouette"]["oracle_mask"] == 1
    assert "p" not in rows["silhouette"]


def test_maps_of_attributes_are_held_against_the_attributes_of_differing_groups(effects):
    pairs, schema = effects.pairs, effects.pairs.query.schema
    exact = [attribute_regions(labels).double() for labels in pairs.masks()]
    explanation = PairExplanation.from_contributions(
        torch.ones(len(pairs)).double(), torch.ones(len(pairs), 30).double(), kind="distance",
        attributes=schema.names, query_maps=exact[0], gallery_maps=exact[1],
    )  # fmt: skip
    knows = Explained("knows", "explainer", False, explanation, 0.0)
    where = localisation_table([knows], pairs)
    assert where.loc["knows", "auc"] > 0.95  # not one: blocks at an edge lie on both sides
    assert where.loc["knows", "pointing"] > 0.95


def test_agreement_with_labels_is_compared_in_every_run():
    rhos = label_agreement_over_runs(claim_rows())
    assert list(rhos.index) == ["seed0", "seed1"]


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
