from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.colors import to_rgba

from whyreid.plots import (
    MATCH_COLOUR,
    NON_MATCH_COLOUR,
    NeuronRow,
    RankListRow,
    error_composition_figure,
    image_row_figure,
    matching_scores_figure,
    neuron_count_figure,
    neuron_pictures_figure,
    rarity_figure,
    reliability_figure,
)


@pytest.fixture
def row(pictures):
    return RankListRow(pictures[0], pictures[1:4], [True, False, False], [0.1, 0.2, 0.3], label="id 7")


def bars(axes):
    return [patch.get_width() for patch in axes.patches]


def test_matching_scores_are_bars_in_percent_under_their_pictures(row):
    scores = torch.tensor([[1.0, 0.5], [0.25, 0.0], [torch.nan, 0.75]])
    axes = matching_scores_figure(row, scores, ["hat", "!bag"]).axes
    assert [bars(a) for a in axes[5:8]] == [[100, 50], [25, 0], [0, 75]]
    assert [label.get_text() for label in axes[5].get_yticklabels()] == ["hat", "!bag"]
    assert [text.get_text() for text in axes[7].texts] == ["75"]  # a missing score has no number
    assert axes[5].patches[0].get_facecolor() == to_rgba(MATCH_COLOUR)
    assert axes[6].patches[0].get_facecolor() == to_rgba(NON_MATCH_COLOUR)


def test_all_score_bars_share_an_axis_that_holds_scores_above_one(row):
    axes = matching_scores_figure(row, torch.tensor([[0.5], [2.0], [1.0]]), ["hat"]).axes
    limits = {a.get_xlim() for a in axes[5:8]}
    assert len(limits) == 1
    assert limits.pop()[1] >= 200


def test_matching_scores_that_do_not_fit_are_refused(row):
    with pytest.raises(ValueError, match=r"scores must be \[3, 2\].*got \[3, 1\]"):
        matching_scores_figure(row, torch.ones(3, 1), ["hat", "bag"])
    with pytest.raises(ValueError, match=r"without confident attributes has nothing to show"):
        matching_scores_figure(row, torch.ones(3, 0), [])


def test_pies_are_whole_and_the_largest_attributes_are_named(row):
    composition = torch.tensor([[4.0, 1.0, 2.0, 1.0], [3.0, 0.0, 1.0, 0.0], [torch.nan] * 4])
    figure = error_composition_figure(row, composition, ["hat", "bag", "dress"], named=2)
    pies = figure.axes[5:8]
    angles = [[wedge.theta2 - wedge.theta1 for wedge in pie.patches] for pie in pies]
    # hat 4, dress 2, other 1, unexplained 1 of 8
    np.testing.assert_allclose(angles[0], [180, 90, 45, 45], rtol=1e-5)
    np.testing.assert_allclose(angles[1], [270, 90, 0, 0], atol=1e-4)
    assert angles[2] == []
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["hat", "dress", "other attributes", "unexplained"]


def test_signed_bars_keep_their_sign_and_share_an_axis(row):
    composition = torch.tensor([[4.0, 1.0, 0.0], [3.0, 0.0, 0.0], [1.0, 1.0, 0.0]])
    signed = torch.tensor([[2.0, -1.0], [0.0, -3.0], [1.0, 1.0]])
    figure = error_composition_figure(row, composition, ["hat", "bag"], signed=signed)
    axes = figure.axes[9:12]
    assert [bars(a) for a in axes] == [[2, -1], [0, -3], [1, 1]]
    assert len({a.get_xlim() for a in axes}) == 1
    low, high = axes[0].get_xlim()
    assert low == -high


def test_composition_that_does_not_fit_is_refused(row):
    with pytest.raises(ValueError, match=r"composition must be \[3, 3\].*got \[3, 2\]"):
        error_composition_figure(row, torch.ones(3, 2), ["hat", "bag"])


def test_counts_are_drawn_against_frequencies_in_percent():
    table = pd.DataFrame({"attribute": ["bag", "hat"], "top1": [9, 3], "positive_ratio": [0.25, 0.02]})
    figure = neuron_count_figure({"weights": table, "correlations": table}, {"weights": "rho = 1"})
    assert figure.axes[0].collections[0].get_offsets().tolist() == [[25, 9], [2, 3]]
    assert figure.axes[0].get_title() == "weights\nrho = 1"


def test_neuron_rows_show_pictures_with_activations_and_the_profile(pictures):
    profile = pd.DataFrame({"attribute": ["hat", "bag"], "weight": [0.5, -0.25]})
    rows = [NeuronRow(3, pictures[:3], [2.0, 1.5, 1.0], profile, "person"), NeuronRow(5, pictures[3:4], [0.5], profile)]
    axes = neuron_pictures_figure(rows).axes
    assert axes[0].texts[0].get_text() == "neuron 3 (person)\nhat +0.50\nbag -0.25"
    assert [a.get_title() for a in axes[2:5]] == ["2.00", "1.50", "1.00"]
    assert [bool(a.images) for a in axes[7:10]] == [True, False, False]


def test_neuron_rows_that_do_not_fit_are_refused(pictures):
    profile = pd.DataFrame({"attribute": ["hat"], "weight": [0.5]})
    with pytest.raises(ValueError, match=r"one entry a picture, got 3 and 1"):
        NeuronRow(0, pictures[:3], [1.0], profile)
    with pytest.raises(ValueError, match=r"at least one neuron"):
        neuron_pictures_figure([])


def test_pictures_in_memory_stand_side_by_side():
    images = torch.zeros(2, 3, 8, 4, dtype=torch.uint8)
    images[1, 0] = 255
    axes = image_row_figure(images, ["with", "without"]).axes
    assert [a.get_title() for a in axes] == ["with", "without"]
    assert axes[1].images[0].get_array().reshape(-1, 3).max(axis=0).tolist() == [255, 0, 0]
    with pytest.raises(ValueError, match=r"one a picture, with at least one, got 1 for 2"):
        image_row_figure(images, ["with"])


def test_rarity_and_reliability_are_in_percent():
    persons = pd.DataFrame({"bits": [0.5, 1.0], "ap": [1.0, 0.25]})
    assert rarity_figure(persons).axes[0].collections[0].get_offsets().tolist() == [[0.5, 100], [1.0, 25]]
    curve = pd.DataFrame({"n": [2, 0, 1], "mean_probability": [0.1, np.nan, 0.9], "positive_share": [0.5, np.nan, 1.0]})
    line = reliability_figure(curve).axes[0].lines[1]
    assert line.get_xydata().tolist() == [[10, 50], [90, 100]]
