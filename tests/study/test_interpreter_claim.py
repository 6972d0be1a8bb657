"""The variants of the interpreter and what is measured of them, on a Promenade of a few people."""

from __future__ import annotations

import dataclasses

import pandas as pd
import pytest
import torch

from whyreid.models import Interpreter, bot_target, thin_network
from whyreid.models.target_file import save_target
from whyreid.pedestrians import Preset, render_promenade
from whyreid.study.artifacts import artifact
from whyreid.study.interpreter_ablations import (
    EPOCHS,
    FULL,
    MAIN,
    SIDE,
    TARGETS,
    ablation_recipe,
    target_recipe,
    trained_ablation,
)
from whyreid.study.interpreter_claim import (
    CONTROL,
    SEEDS,
    interpreter_units,
    measure_ablation,
    rounded,
)
from whyreid.study.interpreter_maps import maps_of_present, regions_of_present
from whyreid.study.interpreter_steps import TrainedInterpreter, explained_attributes
from whyreid.study.interpreter_truth import picture_maps
from whyreid.study.steps import TrainedTarget, trained_target
from whyreid.training import TrainingHistory, TrainingRecipe, recipe_for


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("promenade")
    return render_promenade(folder, domain="A", preset=Preset(10, 4, 3, 2, 64, 32), workers=1)


@pytest.fixture
def small():
    return thin_network(widths=(4, 8, 8, 8), depths=(1, 1, 1), image_size=(64, 32)).eval()


def test_every_variant_changes_one_thing_and_trains_no_longer_than_the_full_loss():
    full = ablation_recipe(MAIN[0], preset="default")
    assert full.epochs <= EPOCHS
    for ablation in (*MAIN, *SIDE):
        recipe = ablation_recipe(ablation, preset="default")
        changed = {name for name, value in vars(recipe).items() if value != getattr(full, name)}
        assert changed == set(ablation.changes)
        assert recipe.epochs <= full.epochs


def test_all_targets_but_the_resnet_are_those_of_the_other_chapters():
    for ablation in (*MAIN, *SIDE):
        recipe = target_recipe(ablation, preset="full")
        if ablation.network != "bot-r18":
            assert recipe == recipe_for("default")
            continue
        assert recipe.epochs == 6
        assert dataclasses.replace(recipe, epochs=recipe_for("default").epochs) == recipe_for("default")
        assert target_recipe(ablation, preset="smoke") == recipe_for("smoke"), "shorter than six epochs already"


def test_the_variants_of_targets_differ_in_nothing_else():
    chosen = [ablation for ablation in (*MAIN, *SIDE) if ablation.name in TARGETS]
    assert [ablation.network for ablation in chosen] == ["thin", "thin-ibn", "bot-r18"]
    for ablation in chosen:
        assert dataclasses.replace(ablation, name=FULL, network="thin", target_epochs=None) == MAIN[0]


def test_the_terms_of_the_prior_come_first_with_all_seeds():
    units = interpreter_units()
    assert len({unit.name for unit in units}) == len(units) == len(SEEDS) * len((*MAIN, *SIDE))
    first = units[: len(SEEDS) * len(MAIN)]
    assert {unit.inputs["variant"] for unit in first} == {ablation.name for ablation in MAIN}
    assert len({unit.digest() for unit in units[:4]}) == 4
    assert all(unit.name == unit.name.lower() and " " not in unit.name for unit in units)


def test_a_unit_measures_the_variant_in_both_domains_and_its_controls(table, small, tmp_path, monkeypatch):
    monkeypatch.setenv("WHYREID_ARTIFACTS", str(tmp_path))
    folder = artifact(
        "target",
        {"seed": 0},
        lambda aside: save_target(small, aside / "target.pt"),
        code=["whyreid.models.thin_network"],
    )
    target = TrainedTarget(small, TrainingHistory((), {}), folder)
    monkeypatch.setattr("whyreid.study.interpreter_claim.load_dataset", lambda *_, **__: table)
    monkeypatch.setattr("whyreid.study.interpreter_claim.trained_target", lambda *_, **__: target)
    rows = pd.DataFrame(measure_ablation(dataclasses.replace(MAIN[0], changes={"epochs": 1, "batches_per_epoch": 2}),
                                         preset="smoke", seed=0, device="cpu"))  # fmt: skip
    own = rows[rows["variant"] == FULL].set_index("tested on")
    assert list(own.index) == ["promenade-a", "promenade-b"]
    control = rows[rows["variant"] == CONTROL + "uniform or random"]
    assert len(control) == 2
    for column in ("gap", "X-mAP exclusive", "own mAP", "target mAP", "flattened X-mAP exclusive", "attention inside"):
        assert own[column].notna().all(), column
        assert (own[column] >= 0).all(), column
    assert own["over area"]["promenade-a"] == pytest.approx(
        own["attention inside"]["promenade-a"] / own["area"]["promenade-a"], rel=1e-3
    )
    plain = dataclasses.replace(table, images=table.images.drop(columns="mask"))
    monkeypatch.setattr("whyreid.study.interpreter_claim.load_dataset", lambda *_, **__: plain)
    without = measure_ablation(MAIN[1], preset="smoke", seed=0, device="cpu")
    assert "flattened X-mAP common" in without[0]
    assert "attention inside" not in without[0]


def test_a_resnet_is_trained_briefly_and_measured_with_the_controls_of_its_own(table, tmp_path, monkeypatch):
    monkeypatch.setenv("WHYREID_ARTIFACTS", str(tmp_path))
    tiny = TrainingRecipe(epochs=20, images_per_epoch=8, identities_per_batch=4, images_per_identity=2,
                          image_size=(64, 32), precision="32-true")  # fmt: skip
    ablation = next(one for one in SIDE if one.name == "ResNet-18 target")
    ablation = dataclasses.replace(ablation, changes={"epochs": 1, "batches_per_epoch": 2}, target_epochs=2)
    monkeypatch.setattr(
        "whyreid.study.networks.bot_target", lambda depth, *, imagenet, seed: bot_target(depth, seed=seed)
    )
    monkeypatch.setattr("whyreid.study.interpreter_ablations.recipe_for", lambda size: tiny)
    monkeypatch.setattr("whyreid.study.interpreter_claim.load_dataset", lambda *_, **__: table)
    rows = pd.DataFrame(measure_ablation(ablation, preset="smoke", seed=0, device="cpu"))
    assert set(rows["target"]) == {"bot-r18"}
    assert set(rows["tested on"]) == {"promenade-a"}
    assert set(rows["target epochs"]) == {2}
    own = rows[rows["variant"] == ablation.name].iloc[0]
    assert own[["gap", "X-mAP exclusive", "own mAP", "target mAP", "over other maps"]].notna().all()
    controls = rows[rows["variant"].str.startswith(CONTROL)]
    assert len(controls) == 6
    assert controls["X-mAP exclusive"].between(0, 1).all()
    recipe = target_recipe(ablation, preset="smoke")
    target = trained_target(table, recipe, seed=0, network="bot-r18", device="cpu")
    assert len(target.history.epochs) == 2
    found = trained_ablation(ablation, target, table, preset="smoke", seed=0, device="cpu")
    assert found.model.share_until == "layer2"


def test_flat_attention_is_its_own_mean_and_leaves_the_targets_embedding(table, small):
    people = table.select("query")
    interpreter = Interpreter(small, len(explained_attributes(table)), share_until="stage1", hidden_channels=4).eval()
    seen = picture_maps(interpreter, people, device="cpu")
    assert not torch.allclose(seen.embeddings, seen.flattened, atol=1e-3)
    torch.nn.init.zeros_(interpreter.own.head.decide.weight)
    flat = picture_maps(interpreter, people, device="cpu")
    assert torch.equal(flat.attention, torch.ones_like(flat.attention))
    torch.testing.assert_close(flat.embeddings, flat.flattened, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(flat.embeddings.norm(dim=2), torch.ones(flat.embeddings.shape[:2]))


def test_maps_of_present_are_means_over_people_with_the_attribute_and_regions_lie_on_them(table, small, tmp_path):
    people, names = table.select("query"), explained_attributes(table)
    model = Interpreter(small, len(names), share_until="stage1", hidden_channels=4).eval()
    interpreter = TrainedInterpreter(model, pd.DataFrame(), tmp_path, names, "mean")
    maps = maps_of_present(interpreter, people, device="cpu")
    has = people.select_attributes(names).attribute_tensor(missing=False)
    attention = picture_maps(model, people, device="cpu").attention
    regions = regions_of_present(people, names, tuple(maps.shape[1:]))
    for k, name in enumerate(names):
        if not has[:, k].any():
            assert maps[k].isnan().all()
            continue
        mean = attention[has[:, k], k].mean(dim=0)
        torch.testing.assert_close(maps[k], mean / mean.mean(), rtol=1e-4, atol=1e-5)
        assert 0 < regions[k].mean() < 1, name
    plain = dataclasses.replace(people, images=people.images.drop(columns="mask"))
    assert regions_of_present(plain, names, tuple(maps.shape[1:])) is None


def test_what_is_undefined_is_left_out_of_a_row():
    assert rounded({"a": 0.123456789, "b": float("nan")}) == {"a": 0.12346}
