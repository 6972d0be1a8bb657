"""QAConv as stored steps, and the rankings of the claim that it crosses domains, on a Promenade of a few people."""

from __future__ import annotations

import dataclasses
import logging

import pytest
import torch

from whyreid.models import distance_from_logits, resnet_target
from whyreid.pedestrians import Preset, render_promenade
from whyreid.retrieval import cosine_distances, evaluate_ranking, k_reciprocal_rerank, temporal_lift
from whyreid.study import cross_domain_claim, cross_domain_methods, qaconv_steps, target_trained_on
from whyreid.study.correspondence_maps import target_maps
from whyreid.study.correspondence_ranking import LEARNED, POOLED, UNLEARNED, matching_rows, unlearned_matching
from whyreid.study.cross_domain_claim import cross_domain_units
from whyreid.study.cross_domain_methods import embedding_distances, qaconv_distances, rankings, trained_method
from whyreid.study.cross_domain_rescoring import rescoring_table
from whyreid.study.cross_domain_summary import transfer_rows
from whyreid.study.qaconv_steps import qaconv_after, qaconv_maps, qaconv_scores, trained_qaconv
from whyreid.study.steps import embeddings
from whyreid.training import TrainingRecipe
from whyreid.training.qaconv_recipe import QAConvRecipe

RECIPE = QAConvRecipe("2.1", epochs=1, images_per_epoch=16, batch_size=8, adaptive=False, precision="32-true")
TARGET_RECIPE = TrainingRecipe(
    epochs=1, images_per_epoch=8, identities_per_batch=4, images_per_identity=2, precision="32-true"
)


@pytest.fixture(scope="module")
def towns(tmp_path_factory):
    """Both towns with ten training and four test persons; their names are those of the claim's data sets."""
    folder = tmp_path_factory.mktemp("promenade")
    preset = Preset(10, 4, 4, 2, 64, 32)
    return {
        f"promenade-{domain.lower()}": render_promenade(folder / domain, domain=domain, preset=preset, workers=1)
        for domain in "AB"
    }


@pytest.fixture
def table(towns):
    return towns["promenade-a"]


@pytest.fixture
def qaconv(target, table):
    return qaconv_after(target, table, RECIPE, seed=0, device="cpu")


@pytest.fixture
def small_study(monkeypatch, target, towns):
    """The smoke preset with this file's recipes, target and towns; collects with which arguments targets were asked."""
    asked = []

    def given(table, recipe, *, seed, **_):
        asked.append((table.name, seed))
        return target

    for module in (qaconv_steps, target_trained_on, cross_domain_methods):
        monkeypatch.setattr(module, "trained_target", given)
        monkeypatch.setattr(module, "recipe_for", lambda size: TARGET_RECIPE)
    for module in (qaconv_steps, target_trained_on):
        monkeypatch.setattr(
            module, "qaconv_recipe_for", lambda size, version: dataclasses.replace(RECIPE, version=version)
        )
    monkeypatch.setattr(cross_domain_claim, "load_dataset", lambda name, *, preset: towns[name])
    return asked


def unit_of(method):
    units = cross_domain_units(preset="smoke", device="cpu")
    return next(unit for unit in units if unit.inputs["method"] == method)


def test_a_trained_qaconv_is_found_again_with_the_same_weights(target, table, qaconv):
    again = qaconv_after(target, table, RECIPE, seed=0, device="cpu")
    assert again.folder == qaconv.folder
    for name, value in qaconv.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[name], value)
    assert len(qaconv.history.epochs) == 1
    assert not any(module.training for module in again.model.modules())


@pytest.mark.parametrize("change", [{"seed": 1}, {"recipe": dataclasses.replace(RECIPE, margin=8.0)}])
def test_what_decides_the_weights_decides_the_folder(change, target, table, qaconv):
    settings = {"recipe": RECIPE, "seed": 0} | change
    other = qaconv_after(target, table, settings.pop("recipe"), device="cpu", **settings)
    assert other.folder != qaconv.folder


def test_the_target_that_it_starts_from_stays_as_it_is(target, table):
    before = {name: value.clone() for name, value in target.model.state_dict().items()}
    trained = qaconv_after(target, table, RECIPE, seed=2, device="cpu")
    for name, value in target.model.state_dict().items():
        assert torch.equal(before[name], value)
    learned = dict(trained.model.features.base.named_parameters())
    assert any(not torch.equal(value, dict(target.model.backbone.named_parameters())[name])
               for name, value in learned.items())  # fmt: skip


def test_scores_are_those_of_the_matcher_and_are_stored(table, qaconv, artifact_folder):
    query, gallery = table.select("query"), table.select("gallery")
    scores = qaconv_scores(qaconv, query, gallery, device="cpu")
    maps = [qaconv_maps(qaconv, part, device="cpu") for part in (query, gallery)]
    with torch.no_grad():
        torch.testing.assert_close(scores, qaconv.model.matcher(*maps))
    folders = set((artifact_folder / "qaconv-scores").glob("[0-9a-f]*"))
    again = qaconv_scores(qaconv, query, gallery, device="cpu")
    assert torch.equal(again, scores)
    assert set((artifact_folder / "qaconv-scores").glob("[0-9a-f]*")) == folders


def test_scores_of_one_set_with_itself_are_symmetric(table, qaconv):
    query = table.select("query")
    scores = qaconv_scores(qaconv, query, query, device="cpu")
    torch.testing.assert_close(scores, scores.T)


@pytest.mark.parametrize("version", ["1.0", "2.0", "2.1"])
def test_every_version_starts_from_the_target_of_the_same_pictures_and_seed(small_study, table, version):
    trained = trained_qaconv(table, version=version, preset="smoke", seed=3, device="cpu")
    assert trained.model.features.version == version
    assert small_study == [("promenade-a", 3)]


def test_the_published_network_learns_its_statistics_when_there_are_no_weights_for_it(monkeypatch, caplog):
    monkeypatch.setattr(qaconv_steps, "resnet_target", lambda depth, *, imagenet: resnet_target(depth))
    with caplog.at_level(logging.WARNING):
        model = qaconv_steps._new_model("2.1", None, 0)
    assert not model.features.frozen_statistics
    assert "without ImageNet weights" in caplog.text


def test_there_are_four_rankings_and_two_where_nobody_has_a_clock(table, generator):
    query, gallery = table.select("query"), table.select("gallery")
    distances = embedding_distances(*(torch.randn(len(part), 8, generator=generator) for part in (query, gallery)))
    found = {(reranked, lifted): distmat for reranked, lifted, distmat in rankings(distances, query, gallery)}
    assert list(found) == [(False, False), (False, True), (True, False), (True, True)]
    plain = distances.query_gallery
    reranked = k_reciprocal_rerank(plain, distances.query_query, distances.gallery_gallery)
    clocks = [part.times / part.fps for part in (query, gallery)]
    assert torch.equal(found[False, False], plain)
    assert torch.equal(found[True, False], reranked)
    for is_reranked, before in ((False, plain), (True, reranked)):
        lifted = temporal_lift((1 - before).clamp_min(0), query.camids, gallery.camids, *clocks)
        torch.testing.assert_close(found[is_reranked, True], 1.2 - lifted)
    without = dataclasses.replace(query, images=query.images.drop(columns="time"))
    assert [(r, lifted) for r, lifted, _ in rankings(distances, without, gallery)] == [(False, False), (True, False)]


def test_distances_of_embeddings_are_half_the_cosine_distance(generator):
    query, gallery = torch.randn(3, 5, generator=generator), torch.randn(4, 5, generator=generator)
    found = embedding_distances(query, gallery)
    torch.testing.assert_close(found.query_gallery, cosine_distances(query, gallery) / 2)
    assert found.query_query.shape == (3, 3)
    assert found.gallery_gallery.shape == (4, 4)
    opposite = embedding_distances(query, -query).query_gallery.diagonal()
    torch.testing.assert_close(opposite, torch.ones(3))


def test_distances_of_qaconv_are_those_of_its_logits(table, qaconv):
    query, gallery = table.select("query"), table.select("gallery")
    found = qaconv_distances(qaconv, query, gallery, device="cpu")
    logits = qaconv_scores(qaconv, query, gallery, device="cpu")
    torch.testing.assert_close(found.query_gallery, distance_from_logits(logits))
    order = logits.argsort(dim=1, descending=True, stable=True)
    assert torch.equal(found.query_gallery.argsort(dim=1, stable=True), order)


def test_the_target_is_trained_on_for_as_many_pictures_as_qaconv_sees(small_study, table, target):
    further = target_trained_on.target_trained_on(table, preset="smoke", seed=0, device="cpu")
    seen = sum(record.images for record in further.history.epochs)
    assert seen == RECIPE.epochs * RECIPE.images_per_epoch
    before = dict(target.model.named_parameters())
    assert any(not torch.equal(value, before[name]) for name, value in further.model.named_parameters())


def test_a_unit_measures_four_rankings_in_both_towns(small_study):
    unit = unit_of("QAConv 2.1")
    rows = unit.measure()
    assert len(rows) == 8
    assert {row["tested on"] for row in rows} == {"promenade-a", "promenade-b"}
    assert {row["trained on"] for row in rows} == {"promenade-a"}
    for row in rows:
        assert 0 <= row["mAP"] <= 1
        assert 0 <= row["rank-1"] <= row["rank-5"] <= 1
        assert row["queries"] > 0


def test_a_unit_and_a_training_of_a_method_give_the_same_distances(small_study, table, target):
    query, gallery = table.select("query"), table.select("gallery")
    vectors = (embeddings(target, part, device="cpu") for part in (query, gallery))
    found = trained_method("thin target", table, preset="smoke", seed=0, device="cpu")(query, gallery)
    assert torch.equal(found.query_gallery, embedding_distances(*vectors).query_gallery)
    report = evaluate_ranking(found.query_gallery, query.pids, gallery.pids, query.camids, gallery.camids)
    first = unit_of("thin target").measure()[0]
    assert (first["re-ranked"], first["lifted"], first["tested on"]) == (False, False, table.name)
    assert first["mAP"] == pytest.approx(report.mean_ap, abs=1e-5)
    assert first["rank-5"] == pytest.approx(float(report.cmc[4]), abs=1e-5)
    with pytest.raises(ValueError, match=r"method must be one of QAConv 2\.1, .*, got 'QAConv 3'"):
        trained_method("QAConv 3", table, preset="smoke", seed=0)


def test_a_page_measures_any_two_tables_as_the_claim_does(small_study, towns):
    found = transfer_rows(["QAConv 2.1", "thin target"], list(towns.values()), preset="smoke", seed=0, device="cpu")
    assert len(found) == 2 * 2 * 2 * 4
    unit = unit_of("thin target")
    same = found[(found["method"] == "thin target") & (found["trained on"] == unit.inputs["trained_on"])]
    assert same.to_dict("records") == list(unit.measure())


@pytest.fixture
def first(target, table):
    """The target as its own first ranking; embeddings are stored."""
    return table.select("query"), table.select("gallery"), target


def test_matching_all_places_again_gives_the_matchers_ranking(qaconv, first):
    query, gallery, target = first
    table = rescoring_table(qaconv, target, query, gallery, places=(3, len(gallery) - 1, 10**6), device="cpu")
    assert table.index.tolist() == [0, 3, len(gallery) - 1, len(gallery)]
    assert table["pairs matched"].tolist() == [k * len(query) for k in table.index]
    logits = qaconv_scores(qaconv, query, gallery, device="cpu")
    people = query.pids, gallery.pids, query.camids, gallery.camids
    assert table["mAP"].iloc[-1] == pytest.approx(100 * evaluate_ranking(distance_from_logits(logits), *people).mean_ap)
    assert table["mAP"].iloc[-2] == pytest.approx(table["mAP"].iloc[-1], abs=3)  # one place of the gallery is missing
    plain = cosine_distances(*(embeddings(target, part, device="cpu") for part in (query, gallery)))
    assert table["mAP"].iloc[0] == pytest.approx(100 * evaluate_ranking(plain, *people).mean_ap)


def test_unlearned_matching_is_the_mean_cosine_of_best_places(first):
    query, gallery, target = first
    logits = unlearned_matching(target, query, gallery, device="cpu")
    asked, found = (target_maps(target.model, part, device="cpu").flatten(2) for part in (query, gallery))
    for q, g in ((0, 0), (1, 3), (2, 1)):
        cosines = asked[q].T @ found[g]
        best = cosines.max(dim=1).values.mean() + cosines.max(dim=0).values.mean()
        assert float(logits[q, g]) == pytest.approx(float(best), rel=1e-3)
    assert torch.equal(unlearned_matching(target, query, gallery, device="cpu"), logits)


def test_the_same_map_is_ranked_pooled_matched_and_learned(qaconv, first):
    query, gallery, target = first
    rows = matching_rows(qaconv, target, query, gallery, device="cpu")
    assert rows["method"].tolist() == [POOLED, UNLEARNED, LEARNED]
    assert set(rows["kind"]) == {"ranking"}
    assert rows["mAP"].between(0, 1).all()
