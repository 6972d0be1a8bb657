from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from whyreid.data import hold_out_validation
from whyreid.data.market1501 import read_market1501
from whyreid.models import thin_network
from whyreid.retrieval import cosine_distances, evaluate_ranking
from whyreid.training import embed_images, load_target, recipe_for, train_target


@pytest.mark.data
@pytest.mark.slow
def test_a_short_training_on_real_pictures_beats_the_untrained_network(real_data: Path, tmp_path: Path):
    table = hold_out_validation(read_market1501(real_data / "market1501-mini", partial=True))
    recipe = dataclasses.replace(recipe_for("smoke"), epochs=2)
    target = thin_network()
    query, gallery = (
        dataclasses.replace(table.select(s), images=table.select(s).images[::3]) for s in ("query", "gallery")
    )

    def mean_ap() -> float:
        distmat = cosine_distances(embed_images(target, query), embed_images(target, gallery))
        return evaluate_ranking(distmat, query.pids, gallery.pids, query.camids, gallery.camids).mean_ap

    untrained = mean_ap()
    train_target(target, table, recipe, folder=tmp_path, seed=0)
    assert mean_ap() > 1.5 * untrained
    again = embed_images(load_target(tmp_path), query)
    torch.testing.assert_close(again, embed_images(target, query))
