from __future__ import annotations

import dataclasses
import json

import pytest

from whyreid.training import TrainingRecipe, published_recipe, recipe_for
from whyreid.training.recipe import learning_rate_at


def test_one_cycle_rises_to_the_greatest_rate_and_falls_to_nothing():
    recipe = TrainingRecipe(epochs=10, learning_rate=2e-3, warmup=0.25)
    rates = [learning_rate_at(recipe, step, 20) for step in range(200)]
    top = rates.index(max(rates))
    assert 45 <= top <= 52
    assert max(rates) == pytest.approx(2e-3, rel=1e-3)
    assert rates[:top] == sorted(rates[:top])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert 0 < rates[-1] < 1e-6
    assert rates[0] < 1e-4


def test_steps_rise_from_a_hundredth_and_fall_by_ten_after_each_milestone():
    # AGW: 3.5e-4, ten epochs of warm-up from 0.01, a tenth after epochs 40 and 70
    recipe = recipe_for("paper")
    rate = [learning_rate_at(recipe, 100 * epoch, 100) for epoch in range(120)]
    assert rate[0] == pytest.approx(3.5e-6)
    assert rate[5] == pytest.approx(3.5e-4 * (0.01 + 0.99 * 0.5))
    assert rate[10] == rate[39] == pytest.approx(3.5e-4)
    assert rate[40] == rate[69] == pytest.approx(3.5e-5)
    assert rate[70] == rate[119] == pytest.approx(3.5e-6)


def test_late_cosine_is_flat_and_then_falls():
    # SBS: 60 epochs of 3.5e-4, from the 30th on a cosine down to 7e-7
    recipe = published_recipe("sbs")
    rate = [learning_rate_at(recipe, 10 * epoch, 10) for epoch in range(61)]
    assert rate[10] == rate[29] == rate[30] == pytest.approx(3.5e-4)
    assert rate[45] == pytest.approx((3.5e-4 + 7e-7) / 2)
    assert rate[60] == pytest.approx(7e-7)


def test_published_recipes_are_those_of_the_papers():
    bot, sbs, agw = (published_recipe(name) for name in ("bot", "sbs", "agw"))
    assert recipe_for("paper") == agw
    assert (bot.margin, bot.metric_loss, agw.metric_loss) == (0.3, "batch_hard", "weighted_regularised")
    assert (sbs.classifier, sbs.metric_on, sbs.margin, sbs.image_size) == ("circle", "embedding", None, (384, 128))
    assert [recipe.batch_size for recipe in (bot, sbs, agw)] == [64, 64, 64]
    with pytest.raises(ValueError, match="name must be one of bot, agw, sbs, got 'pcb'"):
        published_recipe("pcb")


def test_pictures_per_epoch_become_whole_batches():
    assert TrainingRecipe(images_per_epoch=6400).batches_per_epoch == 100
    assert TrainingRecipe(images_per_epoch=10).batches_per_epoch == 1
    assert TrainingRecipe().batches_per_epoch is None
    assert TrainingRecipe().batch_size == 64


def test_a_recipe_is_plain_values():
    assert json.loads(json.dumps(recipe_for("default").to_dict()))["identities_per_batch"] == 16


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"epochs": 0}, "at least 1, got 0"),
        ({"images_per_epoch": 0}, "at least 1"),
        ({"learning_rate": 0.0}, r"learning_rate must be positive, got 0\.0"),
        ({"optimiser": "sgd"}, "optimiser must be one of adamw, adam, got 'sgd'"),
        ({"schedule": "cosine"}, "schedule must be one of one_cycle, steps, late_cosine"),
        ({"metric_loss": "triplet"}, "metric_loss must be one of batch_hard, weighted_regularised, none"),
    ],
)
def test_impossible_recipes_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        dataclasses.replace(TrainingRecipe(), **change)


def test_an_unknown_preset_is_refused():
    with pytest.raises(ValueError, match="preset must be one of smoke, default, paper, got 'quick'"):
        recipe_for("quick")
