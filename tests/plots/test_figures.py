from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from whyreid.plots import (
    attribute_frequency_figure,
    camera_pair_figure,
    cmc_figure,
    co_occurrence_figure,
    distance_histogram,
    images_per_camera_figure,
    number_sources,
    ranking_table,
    show_table,
    training_figure,
    use_book_style,
)
from whyreid.retrieval import evaluate_ranking


@pytest.fixture
def report():
    """Two queries of cameras 0: the first finds its match first, the second finds it second."""
    distmat = torch.tensor([[0.1, 0.9], [0.2, 0.3]])
    pids = torch.tensor([1, 2])
    return evaluate_ranking(distmat, pids, pids, torch.tensor([0, 0]), torch.tensor([1, 1]), max_rank=2)


def test_results_are_in_per_cent_with_the_protocol(report):
    table = ranking_table({"model": report}, protocol="cross_camera")
    row = table.loc["model"]
    assert row["rank-1"] == 50
    assert row["rank-5"] == 100
    assert row["mAP"] == pytest.approx(75)  # (1 + 1/2) / 2
    assert row["queries"] == 2
    assert row["protocol"] == "cross_camera"


def test_sources_are_numbered_in_order_of_appearance():
    table = pd.DataFrame({("here", "mAP"): [1.0, 2, 3, 4], ("", "source"): ["b", "a", None, "b"]})
    numbered, legend = number_sources(table, ("", "source"))
    assert numbered["", "source"].tolist() == ["[1]", "[2]", "", "[1]"]
    assert legend == "[1] b; [2] a."
    assert table["", "source"].tolist()[0] == "b"


def test_small_print_keeps_a_cell_on_one_line():
    table = pd.DataFrame({"mAP": [71.25]})
    assert "nowrap" in show_table(table, small=True).to_html()
    assert "nowrap" not in show_table(table).to_html()


def test_a_missing_number_is_shown_as_a_dash():
    assert "–" in show_table(pd.DataFrame({"mINP": [float("nan")]})).to_html()


def test_texts_in_tables_of_the_book_are_not_cut():
    with pd.option_context("display.max_colwidth", 50):
        use_book_style()
        assert "x" * 80 in pd.DataFrame({"versions": ["x" * 80]}).to_html()


def test_a_mean_and_its_deviation_stay_on_one_line():
    shown = show_table(pd.DataFrame({"mAP": ["71.4 ± 0.3", None], "queries": [1234, 5]}))
    assert "71.4\u00a0±\u00a00.3" in shown.to_html()
    assert "1 234" in shown.to_html()


def test_cmc_curve_is_in_per_cent_and_named_with_its_rank_1(report):
    axes = cmc_figure({"model": report}, max_rank=2).axes[0]
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [50, 100])
    assert axes.get_legend().get_texts()[0].get_text() == "model (rank-1 50.0 %)"


def test_histograms_of_matches_and_others_share_their_bins():
    axes = distance_histogram(np.array([0.0, 0.1]), np.array([0.5, 1.0]), unit="cosine distance").axes[0]
    assert axes.get_xlabel() == "cosine distance (lower = closer)"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["same person", "another person"]


def test_every_quantity_of_a_training_has_its_panel():
    history = pd.DataFrame({"epoch": [1, 2], "loss": [3.0, 1.0], "accuracy": [0.1, 0.6]})
    axes = training_figure(history, columns={"loss": "loss", "accuracy": "share right"}).axes
    assert [a.get_ylabel() for a in axes] == ["loss", "share right"]


def test_association_is_drawn_without_its_diagonal():
    names = ["hat", "bag"]
    axes = co_occurrence_figure(pd.DataFrame([[1.0, -0.4], [-0.4, 1.0]], names, names)).axes[0]
    drawn = axes.collections[0].get_array()
    assert np.ma.getmaskarray(drawn).reshape(2, 2).tolist() == [[True, False], [False, True]]
    assert axes.collections[0].get_clim() == (-1, 1)


def test_frequencies_are_drawn_in_per_cent():
    axes = attribute_frequency_figure(pd.DataFrame({"training": [0.25]}, index=["hat"])).axes[0]
    assert [bar.get_width() for bar in axes.patches if bar.get_width()] == [25]


def test_cameras_are_counted_by_pictures_and_by_identities():
    counts = pd.DataFrame({0: [2, 0], 1: [1, 3]}, index=[7, 9])
    left, right = images_per_camera_figure(counts).axes
    assert sorted(bar.get_height() for bar in left.patches if bar.get_height()) == [1, 2, 2, 4]
    assert [bar.get_height() for bar in right.patches] == [1, 1]  # one identity in one camera, one in two


def test_unseen_pairs_of_cameras_stay_blank():
    axes = camera_pair_figure(torch.tensor([[float("nan"), 0.5], [0.25, float("nan")]], dtype=torch.float64)).axes[0]
    assert [text.get_text() for text in axes.texts] == ["50", "25"]
