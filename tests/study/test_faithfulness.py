"""Which pairs faithfulness is measured on, and what the tables hold, on a tiny rendered town."""

from __future__ import annotations

import pandas as pd
import pytest
import torch

from whyreid.data.loading import ImageStore
from whyreid.explain import TargetDistance, score_pairs
from whyreid.models import thin_network
from whyreid.pedestrians import Preset, render_promenade
from whyreid.study import faithfulness_table as study
from whyreid.study.faithfulness_claim import faithfulness_units
from whyreid.study.faithfulness_pairs import matches_and_impostors
from whyreid.study.faithfulness_summary import faithful_methods, gain_in_words, gain_table, mean_gain
from whyreid.study.randomisation import randomisation_cascade
from whyreid.truth.known_evidence import patch_target


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    folder = tmp_path_factory.mktemp("promenade")
    return render_promenade(folder, domain="A", preset=Preset(10, 8, 3, 4, 64, 32), frequencies="balanced", workers=1)


@pytest.fixture(scope="module")
def target():
    return thin_network(widths=(4, 8, 8, 8), depths=(1, 1, 1), image_size=(64, 32)).eval()


def distances_of(target, pairs):
    """[P, G] by one pass for each gallery picture."""
    asked, size, score = pairs.pictures(target.image_input)[0], target.image_input, TargetDistance(target)
    gallery = size.prepare(ImageStore(pairs.gallery, size.size).fetch(torch.arange(len(pairs.gallery))))
    return torch.stack([score_pairs(score, image.expand_as(gallery), gallery) for image in asked.split(1)])


def test_each_query_comes_with_its_closest_true_match_and_its_closest_impostor(town, target):
    matches, impostors = matches_and_impostors(target, town, count=5, seed=0, device="cpu")
    assert torch.equal(matches.query_rows, impostors.query_rows)
    distances = distances_of(target, matches)
    for pair, row in enumerate(matches.query_rows.tolist()):
        same = matches.gallery.pids == matches.query.pids[row]
        valid = same & (matches.gallery.camids != matches.query.camids[row])
        assert valid[matches.gallery_rows[pair]]
        assert not same[impostors.gallery_rows[pair]]
        closest = distances[pair].masked_fill(~valid, torch.inf).min()
        torch.testing.assert_close(distances[pair, matches.gallery_rows[pair]], closest)
        nearest = distances[pair].masked_fill(same, torch.inf).min()
        torch.testing.assert_close(distances[pair, impostors.gallery_rows[pair]], nearest)
        finite = matches.rivals[pair].isfinite()
        assert torch.equal(finite, ~same)
        torch.testing.assert_close(matches.rivals[pair][finite], distances[pair][finite], rtol=1e-4, atol=1e-5)


def test_the_draw_repeats_with_its_seed_and_has_as_many_queries_as_can_be_had(town, target):
    first, same, other = (
        matches_and_impostors(target, town, count=4, seed=seed, device="cpu")[0].query_rows for seed in (0, 0, 1)
    )
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    everything = matches_and_impostors(target, town, count=10**6, seed=0, device="cpu")[0].query_rows
    assert everything.unique().numel() == len(everything) <= len(town.select("query"))


def test_tables_hold_every_method_and_every_number_is_there(town, target):
    found = study.faithfulness_table(target, town, preset="smoke", device="cpu")
    names = [method.name for method in study.map_methods(seed=0)]
    assert len(found) == len(names) * 2 * 2
    assert found["explainer"].unique().tolist() == names
    assert set(found["source"]) == {"explainer", "control"}
    assert found.loc[found["pairs"] == "match", "rank_gain"].notna().all()
    assert found.loc[found["pairs"] == "impostor", "rank_gain"].isna().all()
    assert found["gain"].abs().between(0, 100).all()  # an untrained target tells hardly anybody apart


def test_explainers_of_a_model_that_reads_one_patch_are_faithful_and_random_ones_are_not(town):
    patch = patch_target(slice(24, 32), slice(8, 16), size=(64, 32))
    found = study.faithfulness_table(patch, town, preset="default", device="cpu")
    gain = found[found["fill"] == "mean"].groupby("explainer")["gain"].mean()
    assert (gain[["occlusion, grey", "SBSM", "feature ablation"]] > 0.1).all()  # else a sign is wrong
    assert gain["occlusion, grey"] > 3 * abs(gain["random"])


def test_sanity_shows_that_controls_do_not_know_the_model(town, target):
    found = study.unlearned_similarity(target, town, preset="smoke", device="cpu").set_index("explainer")
    assert found.loc["centre", "spearman"] == pytest.approx(1)
    assert found.loc["random", "spearman"] == pytest.approx(1)
    learned = found[found["source"] == "explainer"]
    assert (learned["spearman"].abs() < 0.95).all()


def test_units_are_one_a_seed():
    units = faithfulness_units()
    assert [unit.name for unit in units] == [f"promenade-a-seed{seed}" for seed in (0, 1, 2)]
    assert len({unit.digest() for unit in units}) == 3


def rows_of(gains: dict[str, tuple[float, float]], *, seed: int = 0) -> pd.DataFrame:
    """Rows of methods with one gain and its error in all four columns."""
    return pd.DataFrame(
        [
            {"explainer": name, "source": "control" if name == "random" else "explainer", "pairs": pairs, "fill": fill,
             "gain": gain, "error": error, "rank_gain": gain / 2 if pairs == "match" else float("nan"), "seed": seed}
            for name, (gain, error) in gains.items()
            for pairs in ("match", "impostor")
            for fill in ("mean", "blur")
        ]
    )  # fmt: skip


def test_gains_are_printed_in_per_cent_with_their_deviation_over_seeds():
    rows = pd.concat(
        [rows_of({"b": (0.1, 0.01), "a": (0.5, 0.01)}), rows_of({"b": (0.3, 0.01), "a": (0.5, 0)}, seed=1)]
    )
    table = gain_table(rows)
    assert table.index.tolist() == ["b", "a"]
    assert table.loc["b", "match, grey"] == "20.0 ± 14.1"
    assert table.loc["a", "rank, blur"] == "25.0 ± 0.0"
    assert table["seeds"].tolist() == [2, 2]
    assert gain_table(rows_of({"b": (0.1, 0.01)}).drop(columns="seed")).loc["b", "impostor, blur"] == "10.0"


def test_faithful_are_explainers_that_gain_clearly_everywhere():
    rows = rows_of({"sure": (0.3, 0.1), "doubtful": (0.3, 0.2), "wrong": (-0.3, 0.01), "random": (0.3, 0.01)})
    assert faithful_methods(rows) == ["sure"]
    rows.loc[(rows["explainer"] == "sure") & (rows["fill"] == "blur"), "gain"] = 0.1
    assert faithful_methods(rows) == []
    assert mean_gain(rows_of({"low": (0.1, 0), "high": (0.2, 0)})).index.tolist() == ["high", "low"]


def test_stored_gains_in_words_name_who_always_gains_and_whose_maps_are_turned_round():
    gains = {"best": (0.4, 0), "unsure": (0.1, 0), "turned": (-0.2, 0), "random": (0.6, 0)}
    rows = pd.concat([rows_of(gains), rows_of(gains | {"best": (0.6, 0), "unsure": (-0.1, 0)}, seed=1)])
    assert gain_in_words(rows) == (
        "Over 2 seeds “best” gains most, 50.0 ± 14.1 % of the distance on average. Above zero in every seed, for both "
        "kinds of pairs and both fills: “best”, “random”. Below zero in all of them: “turned”."
    )
    assert gain_in_words(rows_of({"only": (0.1, 0)})).endswith("Below zero in all of them: none.")


def test_the_cascade_has_every_stage_of_every_method_that_can_be_built_anew(target):
    pictures = tuple(torch.rand(2, 2, 3, 64, 32, generator=torch.Generator().manual_seed(0)))
    methods = {method.name: method for method in study.map_methods(seed=0)}
    fitted = study.MapMethod("AMD", "explainer", methods["GradCAM"].of, fitted=True)
    rows = randomisation_cascade([methods["GradCAM"], fitted, methods["centre"]], target, pictures)
    assert rows["explainer"].unique().tolist() == ["GradCAM", "centre"]
    assert rows["randomised"].tolist() == ["none", "neck", "stage3", "stage2", "stage1", "stem"] * 2
    assert rows.loc[rows["explainer"] == "centre", "spearman"].tolist() == pytest.approx([1.0] * 6)
    assert rows.loc[rows["explainer"] == "GradCAM", "spearman"].iloc[0] == pytest.approx(1)
