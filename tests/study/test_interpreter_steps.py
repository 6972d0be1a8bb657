"""Interpreters as stored steps, their report, their controls and the by-product, on a Promenade of a few people."""

from __future__ import annotations

import dataclasses
import logging

import pandas as pd
import pytest
import torch

from whyreid.explain import exclusive_shares, interpreter_distances, reweighted_distances
from whyreid.pedestrians import Preset, render_promenade
from whyreid.retrieval import euclidean_distances
from whyreid.study.attribute_steps import attribute_reading
from whyreid.study.interpreter_pairs import first_mistake, prepared_pairs
from whyreid.study.interpreter_report import (
    agreement_controls,
    identity_labels,
    interpreter_report,
    known_labels,
    predicted_attributes,
)
from whyreid.study.interpreter_reweighting import STRENGTHS, interpreter_reweighting
from whyreid.study.interpreter_steps import (
    attribute_embeddings_of,
    explained_attributes,
    interpreter_recipe_for,
    trained_interpreter,
)
from whyreid.study.published_interpreters import published_interpreters
from whyreid.training import InterpreterRecipe, embed_attributes
from whyreid.truth import attribute_agreement, relative_gap

RECIPE = InterpreterRecipe(
    epochs=2, batches_per_epoch=3, identities_per_batch=4, images_per_identity=2, precision="32-true"
)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("promenade")
    return render_promenade(folder, domain="A", preset=Preset(10, 4, 3, 2, 64, 32), workers=1)


@pytest.fixture
def interpreter(target, table):
    return trained_interpreter(target, table, RECIPE, seed=0, device="cpu")


def with_label(table, pid, name, value):
    attributes = table.attributes.copy()
    attributes.loc[pid, name] = value
    return dataclasses.replace(table, attributes=attributes)


def test_ages_and_what_never_varies_are_not_explained(table):
    names = explained_attributes(table)
    train = table.select("train").attributes
    assert [name for name in table.schema.names if name in names] == list(names)
    for name in table.schema.names:
        varies = train[name].nunique() == 2
        assert (name in names) == (varies and not name.startswith("age")), name


def test_a_table_in_which_nothing_varies_is_refused(table):
    same = dataclasses.replace(table, attributes=table.attributes * 0)
    with pytest.raises(ValueError, match="must differ between identities"):
        explained_attributes(same)


def test_a_trained_interpreter_is_found_again_with_the_same_weights(target, table, interpreter):
    again = trained_interpreter(target, table, RECIPE, seed=0, device="cpu")
    assert again.folder == interpreter.folder
    assert again.attributes == explained_attributes(table)
    for name, value in interpreter.model.own.state_dict().items():
        assert torch.equal(again.model.own.state_dict()[name], value)
    assert len(interpreter.history) == 2
    assert not any(module.training for module in again.model.modules())


@pytest.mark.parametrize("change", [{"seed": 1}, {"start": "target"}, {"share_until": "stage1"}])
def test_what_decides_the_weights_decides_the_folder(change, target, table, interpreter):
    settings = {"seed": 0} | change
    other = trained_interpreter(target, table, RECIPE, device="cpu", **settings)
    assert other.folder != interpreter.folder


def test_people_with_an_unknown_label_are_left_out_and_said_so(target, table, interpreter, caplog):
    pid = int(table.select("train").pids[0])
    unknown = with_label(table, pid, interpreter.attributes[0], pd.NA)
    with caplog.at_level(logging.INFO):
        found = trained_interpreter(target, unknown, RECIPE, seed=0, device="cpu", attributes=interpreter.attributes)
    pictures = int((table.select("train").pids == pid).sum())
    assert f"{pictures} of {len(table.select('train'))} pictures are left out" in caplog.text
    assert found.folder != interpreter.folder
    nobody = dataclasses.replace(table, attributes=table.attributes.assign(**{interpreter.attributes[0]: pd.NA}))
    with pytest.raises(ValueError, match="people whose attributes are all known"):
        trained_interpreter(target, nobody, RECIPE, seed=0, device="cpu", attributes=interpreter.attributes)


def test_a_network_without_a_known_place_to_cut_asks_for_one(target, table):
    target.model.architecture = None
    with pytest.raises(ValueError, match="share_until must name a module"):
        trained_interpreter(target, table, RECIPE, seed=0, device="cpu")


def test_stored_embeddings_are_those_of_the_interpreter(interpreter, table):
    query = table.select("query")
    expected = embed_attributes(interpreter.model, query, device="cpu")
    for _ in range(2):  # made, then found
        found = attribute_embeddings_of(interpreter, query, device="cpu")
        for ours, theirs in zip(found, expected, strict=True):
            torch.testing.assert_close(ours, theirs)


def test_report_equals_the_measures_of_the_whole_matrices(interpreter, table):
    query, gallery = table.select("query"), table.select("gallery")
    report = interpreter_report(interpreter, query, gallery, device="cpu")
    asked, found = (embed_attributes(interpreter.model, part, device="cpu") for part in (query, gallery))
    parts = (asked.attribute_embeddings[:, None] - found.attribute_embeddings[None]).norm(dim=3)
    distmat = euclidean_distances(asked.embedding, found.embedding)
    assert report.gap == pytest.approx(relative_gap(distmat, parts.mean(dim=2)), rel=1e-3)
    labels, known = zip(*(known_labels(part, interpreter.attributes) for part in (query, gallery)), strict=True)
    assert not known[1].all()  # there are distractors
    expected = attribute_agreement(parts[known[0]][:, known[1]], *labels)
    row = report.row()
    assert row["X-mAP exclusive"] == pytest.approx(expected.exclusive_map, abs=2e-3)
    assert row["X-mAP common"] == pytest.approx(expected.common_map, abs=2e-3)
    assert list(row)[-4:] == ["own R1", "own mAP", "target R1", "target mAP"]


def test_controls_are_ordered_by_what_they_know(interpreter, target, table):
    query, gallery = table.select("query"), table.select("gallery")
    controls = agreement_controls(interpreter, target, table, query, gallery, device="cpu")
    value = {name: control.exclusive_map for name, control in controls.items()}
    assert value["uniform or random"] < value["fixed order"] < value["query's labels"]
    assert len(controls) == 6
    assert all(control.num_pairs == controls["fixed order"].num_pairs for control in controls.values())


def test_differences_are_agreements_of_absolute_differences(interpreter, target, table):
    query, gallery = table.select("query"), table.select("gallery")
    reading = attribute_reading(target, table, device="cpu")
    asked, found = (
        predicted_attributes(reading, target, table, part, interpreter.attributes, device="cpu")
        for part in (query, gallery)
    )
    assert asked.shape == (len(query), len(interpreter.attributes))
    labels, known = zip(*(known_labels(part, interpreter.attributes) for part in (query, gallery)), strict=True)
    expected = attribute_agreement((asked[known[0]][:, None] - found[known[1]][None]).abs(), *labels)
    controls = agreement_controls(interpreter, target, table, query, gallery, device="cpu")
    measured = controls["difference of predicted attributes"]
    assert measured.exclusive_map == pytest.approx(expected.exclusive_map, abs=5e-3)
    bright = [embed_attributes(interpreter.model, part, device="cpu").mean_attention for part in (query, gallery)]
    expected = attribute_agreement((bright[0][known[0]][:, None] - bright[1][known[1]][None]).abs(), *labels)
    measured = controls["difference of mean attention"]
    assert measured.exclusive_map == pytest.approx(expected.exclusive_map, abs=5e-3)


def test_labels_of_people_who_are_not_known_are_left_out(table):
    names = explained_attributes(table)
    gallery = table.select("gallery")
    labels, known = known_labels(gallery, names)
    assert torch.equal(known, gallery.pids > 0)
    assert len(labels) == int(known.sum())
    train = table.select("train")
    unknown = with_label(train, int(train.pids[0]), names[0], pd.NA)
    assert len(identity_labels(unknown, names)) == len(identity_labels(train, names)) - 1


def test_reweighting_starts_from_the_target_and_chooses_on_validation_people(interpreter, target, table):
    found = interpreter_reweighting(interpreter, target, table, device="cpu")
    assert set(found) == {"interpreter's shares", "number of differences"}
    for result in found.values():
        assert result.strength in STRENGTHS
        assert result.validation[result.strength] == result.validation.max()
        assert result.validation.index[0] == 0.0
        gains = result.after.average_precision - result.before.average_precision
        assert result.gain.gain == pytest.approx(float(gains.mean()))
        assert result.gain.low <= result.gain.gain <= result.gain.high


def test_shares_of_whole_sets_give_the_reweighted_distances(generator):
    query, gallery = torch.randn(5, 3, 4, generator=generator), torch.randn(7, 3, 4, generator=generator)
    sees, seen = (torch.rand(n, 3, generator=generator) < 0.5 for n in (5, 7))
    parts = (query[:, None] - gallery[None]).norm(dim=3)
    distmat = interpreter_distances(query, gallery)
    shares = exclusive_shares(query, gallery, sees, seen, query_chunk=2)
    expected = reweighted_distances(distmat, parts, sees, seen, strength=0.7)
    torch.testing.assert_close(distmat * (1 + 0.7 * shares), expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="one row a picture"):
        exclusive_shares(query, gallery, sees[:4], seen)


def queries_with_a_match(query, gallery):
    same = query.pids[:, None] == gallery.pids[None]
    return torch.nonzero((same & (query.camids[:, None] != gallery.camids[None])).any(dim=1)).flatten().tolist()


def test_the_shown_pair_is_the_first_query_with_another_person_first(table):
    query, gallery = table.select("query"), table.select("gallery")
    perfect = [part.pids.float()[:, None] for part in (query, gallery)]
    row = queries_with_a_match(query, gallery)[-1]
    perfect[0][row] = next(pid for pid in gallery.pids.tolist() if pid > 0 and pid != int(query.pids[row]))
    mistake = first_mistake(*perfect, query, gallery)
    assert mistake.query == row
    other, match = mistake.gallery
    assert int(gallery.pids[other]) == int(perfect[0][row])
    assert int(gallery.pids[match]) == int(query.pids[row])
    assert int(gallery.camids[match]) != int(query.camids[row])
    assert mistake.match_rank > 1


def test_the_shown_pair_differs_in_as_many_attributes_as_asked_for(table):
    query, gallery = table.select("query"), table.select("gallery")
    wrong = [torch.zeros(len(query), 1), gallery.pids.float()[:, None]]
    rows = queries_with_a_match(query, gallery)
    labels = [part.attribute_tensor(missing=False) for part in (query, gallery)]
    for row in rows:  # everybody is taken for somebody else
        wrong[0][row] = next(pid for pid in gallery.pids.tolist() if pid > 0 and pid != int(query.pids[row]))
    counts = {row: int((labels[0][row] != labels[1][gallery.pids == int(wrong[0][row])][0]).sum()) for row in rows}
    most = max(counts.values())
    mistake = first_mistake(*wrong, query, gallery, differing=most)
    assert mistake.query == next(row for row in rows if counts[row] == most)
    assert first_mistake(*wrong, query, gallery, differing=31).query == rows[0]


def test_without_a_mistake_the_first_query_with_a_match_is_shown(table, target):
    query, gallery = table.select("query"), table.select("gallery")
    perfect = [part.pids.float()[:, None] for part in (query, gallery)]
    mistake = first_mistake(*perfect, query, gallery)
    assert (mistake.query, mistake.match_rank) == (queries_with_a_match(query, gallery)[0], 1)
    assert int(gallery.pids[mistake.gallery[0]]) > 0
    pictures = prepared_pairs(target.model, query, gallery, mistake)
    assert [tuple(part.shape) for part in pictures] == [(2, 3, 64, 32)] * 2
    assert torch.equal(pictures[0][0], pictures[0][1])


def test_presets_exist_and_others_are_refused():
    assert interpreter_recipe_for("smoke").epochs < interpreter_recipe_for("default").epochs
    assert interpreter_recipe_for("paper").augmentation is not None
    with pytest.raises(ValueError, match="preset must be one of smoke, default, paper"):
        interpreter_recipe_for("full")


def test_published_rows_tell_same_from_other_data_sets():
    same, crossed = published_interpreters(), published_interpreters(crossed=True)
    assert same.loc[("Market-1501", "AMD, paper"), "X-mAP exclusive"] == 74.29
    assert all(" to " in data for data, _ in crossed.index)
    assert not set(same.index) & set(crossed.index)
