"""The variants of the interpreter and what is measured of them, on a Promenade of a few people."""

from __future__ import annotations

import dataclasses
import json

import pandas as pd
import pytest
import torch

from whyreid.models import Interpreter, thin_network
from whyreid.models.target_file import save_target
from whyreid.pedestrians import Preset, render_promenade
from whyreid.study.artifacts import artifact
from whyreid.study.interpreter_ablations import EPOCHS, FULL, MAIN, SIDE, ablation_recipe
from whyreid.study.interpreter_claim import (
    CONTROL,
    SEEDS,
    interpreter_units,
    measure_ablation,
    rounded,
)
from whyreid.study.interpreter_steps import explained_attributes
from whyreid.study.interpreter_summary import interpreter_summary, is_share, stored_variants
from whyreid.study.interpreter_truth import picture_maps
from whyreid.study.steps import TrainedTarget
from whyreid.training import TrainingHistory


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


def test_summary_takes_one_test_set_and_the_controls_of_the_thin_target():
    rows = pd.DataFrame([
        {"variant": "full", "target": "thin", "trained on": "a", "tested on": "a", "seed": 0, "gap": 1.0},
        {"variant": "full", "target": "thin", "trained on": "a", "tested on": "a", "seed": 1, "gap": 3.0},
        {"variant": "full", "target": "thin", "trained on": "a", "tested on": "b", "seed": 0, "gap": 9.0},
        {"variant": "control: x", "target": "thin", "trained on": "a", "tested on": "a", "seed": 0, "gap": 5.0},
        {"variant": "control: x", "target": "thin-ibn", "trained on": "a", "tested on": "a", "seed": 0, "gap": 7.0},
    ])  # fmt: skip
    found = interpreter_summary(rows, ["gap"], tested_on="a")
    assert found["gap", "mean"].to_dict() == {"full": 2.0, "control: x": 5.0}
    assert found.loc["full", ("seeds", "n")] == 2
    assert interpreter_summary(rows, ["gap"], tested_on="b", trained_on="a")["gap", "mean"].to_dict() == {"full": 9.0}
    nothing = interpreter_summary(rows, ["gap"], tested_on="c")
    assert len(nothing) == 0
    assert ("gap", "mean") in nothing


def test_nothing_stored_is_an_empty_claim_and_shares_are_per_cent(tmp_path, monkeypatch):
    monkeypatch.setattr("whyreid.study.claims.results_folder", lambda: tmp_path)
    assert len(stored_variants().rows) == 0
    row = {"variant": "full", "target": "thin", "trained on": "a", "tested on": "a", "seed": 1, "epochs": 6,
           "gap": 0.02, "share with area": -0.5, "over area": 1.2, "pairs": 9}  # fmt: skip
    unit = {"unit": "full-seed1", "digest": "0", "rows": [row], "provenance": {"torch": "2"}}
    (tmp_path / "interpreter").mkdir()
    (tmp_path / "interpreter" / "full-seed1.json").write_text(json.dumps(unit))
    found = stored_variants().rows.iloc[0]
    assert found["gap"] == pytest.approx(2.0)
    assert found[["share with area", "over area", "pairs", "seed", "epochs"]].tolist() == [-0.5, 1.2, 9, 1, 6]
    assert is_share("flattened X-mAP common")


def test_what_is_undefined_is_left_out_of_a_row():
    assert rounded({"a": 0.123456789, "b": float("nan")}) == {"a": 0.12346}
