from __future__ import annotations

import dataclasses

import pytest
import torch

from whyreid.data import ReIDTable
from whyreid.study.datasets import load_dataset
from whyreid.study.steps import colour_embeddings, embeddings, trained_target
from whyreid.training import TrainingRecipe

RECIPE = TrainingRecipe(
    epochs=1, images_per_epoch=8, identities_per_batch=4, images_per_identity=2, precision="32-true"
)


@pytest.fixture(scope="module")
def table():
    """The smoke-sized Promenade; rendered once for all tests that share $WHYREID_ARTIFACTS."""
    return load_dataset("promenade-a", preset="smoke")


def test_promenade_comes_with_every_split(table):
    assert set(table.images["split"]) == {"train", "val", "query", "gallery"}
    assert table.attributes is not None


def test_an_unknown_preset_is_refused():
    with pytest.raises(ValueError, match="preset must be one of"):
        load_dataset("promenade-a", preset="big")


def test_a_folder_without_validation_gets_one_and_keeps_its_pictures(table, tmp_path):
    images = table.images.assign(split=table.images["split"].replace("val", "train"))
    dataclasses.replace(table, images=images).save(tmp_path / "own")
    loaded = load_dataset(str(tmp_path / "own"), preset="default")
    train, held = loaded.select("train"), loaded.select("val")
    assert len(loaded) == len(table)
    assert held.images["pid"].nunique() == round(0.2 * images.query("split == 'train'")["pid"].nunique())
    assert not set(train.images["pid"]) & set(held.images["pid"])


def test_an_unknown_data_set_is_refused_with_what_there_is():
    with pytest.raises(ValueError, match=r"promenade-a, promenade-b or a folder with a dataset.yaml, got 'markt'"):
        load_dataset("markt", preset="smoke")


@pytest.mark.slow
def test_a_target_is_trained_once_and_its_embeddings_are_kept(table, tmp_path, monkeypatch):
    monkeypatch.setenv("WHYREID_ARTIFACTS", str(tmp_path))
    part: ReIDTable = table.select("train", "query")
    first = trained_target(part, RECIPE, seed=0, device="cpu")
    stamp = (first.folder / "target.pt").stat().st_mtime_ns
    again = trained_target(part, RECIPE, seed=0, device="cpu")
    assert again.folder == first.folder
    assert (again.folder / "target.pt").stat().st_mtime_ns == stamp
    assert trained_target(part, RECIPE, seed=1, device="cpu").folder != first.folder

    query = part.select("query")
    features = embeddings(first, query, device="cpu")
    assert features.shape == (len(query), first.model(torch.zeros(1, 3, 128, 64)).embedding.shape[1])
    torch.testing.assert_close(embeddings(again, query, device="cpu"), features, rtol=0, atol=0)
    assert len(list((tmp_path / "embeddings").glob("[0-9a-f]*"))) == 1


def test_colour_histograms_of_a_table_have_length_one(table):
    features = colour_embeddings(table.select("query"), batch_size=7)
    torch.testing.assert_close(features.norm(dim=1), torch.ones(len(features)))
