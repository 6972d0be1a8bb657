"""The steps behind the chapters on attributes, on a Promenade of a few people."""

from __future__ import annotations

import dataclasses

import pandas as pd
import pytest
import torch

from whyreid.data.loading import ImageStore
from whyreid.pedestrians import Preset, render_promenade
from whyreid.study.attribute_removal import removal_effects
from whyreid.study.attribute_steps import attribute_reading, certain_labels, comparable_embeddings
from whyreid.study.rarity_claim import FREQUENCIES, SEEDS, rarity_bits, rarity_units
from whyreid.study.rerendered import rerender
from whyreid.training import embed_images


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("promenade")
    return render_promenade(folder, domain="A", preset=Preset(10, 4, 3, 2, 64, 32), workers=1)


def test_comparable_embeddings_of_a_cosine_target_have_length_one(target, table):
    vectors = comparable_embeddings(target, table.select("query"), device="cpu")
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(len(vectors)))


def test_a_colour_that_nobody_noted_is_not_taken_for_its_absence(table):
    query = table.select("query")
    attributes = query.attributes.copy()
    colours = list(query.schema.groups["upper colour"])
    person = int(query.pids[0])
    attributes.loc[person, colours] = 0
    attributes.loc[person, "hat"] = pd.NA
    changed = dataclasses.replace(query, attributes=attributes)
    known = certain_labels(changed)
    rows = changed.pids == person
    places = [query.schema.index(name) for name in (*colours, "hat")]
    assert not known[rows][:, places].any()
    others = [a for a in range(30) if a not in places]
    assert torch.equal(known[:, others], certain_labels(query)[:, others])
    assert torch.equal(known[~rows], certain_labels(query)[~rows])


def test_reading_leaves_out_what_training_never_varies(target, table):
    reading = attribute_reading(target, table, device="cpu")
    train = table.select("train")
    has, known = train.attribute_tensor(), certain_labels(train)
    varies = [name for a, name in enumerate(table.schema.names) if has[known[:, a], a].unique().numel() == 2]
    assert list(reading.names) == varies
    assert 0 < len(varies) < 30
    vectors = comparable_embeddings(target, table.select("query"), device="cpu")
    expected = torch.sigmoid(vectors @ reading.weight.T)
    torch.testing.assert_close(reading.probabilities(vectors), expected)


def test_reading_is_stored_and_found_again(target, table, monkeypatch):
    first = attribute_reading(target, table, device="cpu")

    def again(*_, **__):
        raise AssertionError("fitted twice")

    monkeypatch.setattr("whyreid.study.attribute_steps.choose_attribute_classifier", again)
    second = attribute_reading(target, table, device="cpu")
    assert torch.equal(first.weight, second.weight)
    assert first.names == second.names
    assert first.fit.penalty == second.fit.penalty


def test_rerendering_without_an_edit_gives_the_picture_and_its_embedding(target, table):
    query = table.select("query")
    rows = [0, 2, 3]
    again = rerender(target.model, query, rows, {})
    assert torch.equal(again.images, ImageStore(query, (64, 32)).fetch(torch.tensor(rows)))
    stored = torch.nn.functional.normalize(embed_images(target.model, query, device="cpu"), dim=1)
    torch.testing.assert_close(again.vectors, stored[rows], rtol=1e-4, atol=1e-5)


def test_an_edit_changes_the_picture_and_the_embedding(target, table):
    query = table.select("query")
    value = 1 - int(query.attribute_tensor()[0, table.schema.index("hat")])
    factual, edited = (rerender(target.model, query, [0], values) for values in ({}, {"hat": value}))
    assert 0 < (factual.images != edited.images).any(dim=1).float().mean() < 0.5
    assert not torch.allclose(factual.vectors, edited.vectors, atol=1e-4)


def test_only_rendered_pictures_can_be_rendered_again(target, table):
    plain = dataclasses.replace(table, images=table.images.drop(columns="person"))
    with pytest.raises(ValueError, match=r"must be rendered, got no column person"):
        rerender(target.model, plain, [0], {})
    with pytest.raises(ValueError, match=r"rows must name at least one picture"):
        rerender(target.model, table, [], {})


def test_removal_is_measured_on_the_side_that_has_the_attribute(target, table):
    query, gallery = table.select("query"), table.select("gallery")
    vectors = tuple(comparable_embeddings(target, part, device="cpu") for part in (query, gallery))
    ranking = torch.arange(len(gallery)).expand(len(query), -1).clone()
    ranking[0, 0] = -1
    name = next(
        name
        for name in ("backpack", "bag", "handbag", "hat")
        if query.attribute_tensor()[:, table.schema.index(name)].unique().numel() == 2
    )
    hat = table.schema.index(name)
    effects = removal_effects(target.model, query, gallery, vectors, ranking, name, most=12)
    assert 0 < len(effects) <= 12
    has, has_gallery = query.attribute_tensor()[:, hat], gallery.attribute_tensor(missing=False)[:, hat]
    assert (has[effects.queries] != has_gallery[effects.gallery]).all()
    assert torch.equal(effects.of_query, has[effects.queries])
    assert (gallery.pids[effects.gallery] > 0).all()
    assert ((effects.queries > 0) | (effects.ranks > 0)).all()
    for pair in range(len(effects)):
        q, g = int(effects.queries[pair]), int(effects.gallery[pair])
        one, other = vectors[0][q], vectors[1][g]
        if effects.of_query[pair]:
            one = rerender(target.model, query, [q], {name: 0}).vectors[0]
        else:
            other = rerender(target.model, gallery, [g], {name: 0}).vectors[0]
        before = (vectors[0][q] - vectors[1][g]).square().sum()
        expected = before - (one - other).square().sum()
        torch.testing.assert_close(effects.effect[pair], expected, rtol=1e-3, atol=1e-5)


def test_lists_without_a_differing_pair_have_no_effects(target, table):
    query, gallery = table.select("query"), table.select("gallery")
    vectors = tuple(comparable_embeddings(target, part, device="cpu") for part in (query, gallery))
    nobody = torch.full((len(query), 3), -1)
    assert len(removal_effects(target.model, query, gallery, vectors, nobody, "hat")) == 0


def test_rarity_by_hand():
    # -log2: present at 1/4 -> 2, absent at 1/4 -> 0.415; 1/2 -> 1 either way
    bits = rarity_bits(torch.tensor([[True, True], [False, False]]), torch.tensor([0.25, 0.5]))
    assert bits.tolist() == pytest.approx([(2 + 1) / 2, (0.41503749928 + 1) / 2])
    never = rarity_bits(torch.tensor([[True]]), torch.tensor([0.0]))
    assert never.item() == pytest.approx(9.965784, abs=1e-5)  # one in a thousand


def test_a_unit_of_rarity_is_one_row_about_the_persons_of_its_data(target, table, monkeypatch):
    monkeypatch.setattr("whyreid.study.rarity_claim.load_dataset", lambda *_, **__: table)
    monkeypatch.setattr("whyreid.study.rarity_claim.trained_target", lambda *_, **__: target)
    unit = next(unit for unit in rarity_units(device="cpu") if unit.name == "market-seed0")
    (row,) = unit.measure()
    assert row["frequencies"] == "market"
    assert row["persons"] == table.select("query").pids.unique().numel() == 4
    assert -1 <= row["low"] <= row["rho"] <= row["high"] <= 1
    assert 0 < row["mAP"] <= 1


def test_rarity_is_measured_for_every_seed_on_both_kinds_of_data():
    units = rarity_units()
    assert len(units) == len(SEEDS) * len(FREQUENCIES)
    assert len({unit.digest() for unit in units}) == len(units)
    assert {unit.inputs["preset"] for unit in units} == {"default"}
