from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from whyreid.losses.attribute_prior import share_bounds
from whyreid.plots.interpreter_ablations import (
    ablation_figure,
    mean_map_figure,
    share_bias_figure,
    share_bounds_figure,
)


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


@pytest.fixture
def statistics():
    columns = pd.MultiIndex.from_product([["gap", "X-mAP"], ["mean", "sd"]])
    values = [[1.0, 0.1, 60.0, 2.0], [2.0, np.nan, 40.0, np.nan]]
    return pd.DataFrame(values, index=["full", "no prior"], columns=columns)


def test_variants_controls_and_the_run_of_the_page_are_where_their_numbers_are(statistics):
    controls = pd.DataFrame([[np.nan, np.nan, 35.0, 0.5]], index=["random"], columns=statistics.columns)
    page = pd.DataFrame({"X-mAP": [41.0, 36.0]}, index=["no prior", "random"])
    figure = ablation_figure(
        statistics, {"gap": "gap (%)", "X-mAP": "X-mAP (%)"}, controls=controls, page=page, page_label="own run"
    )
    gap, agreement = figure.axes
    assert [text.get_text() for text in gap.get_yticklabels()] == ["full", "no prior", "random"]
    variants, below = (container.lines[0] for container in agreement.containers)
    assert variants.get_xdata().tolist() == [60.0, 40.0]
    assert variants.get_ydata().tolist() == [0, 1]
    assert (below.get_xdata().tolist(), below.get_ydata().tolist()) == ([35.0], [2])
    own = {line.get_label(): line for line in agreement.lines}["own run"].get_xdata()
    assert np.isnan(own[0])
    assert own[1:].tolist() == [41.0, 36.0]
    assert "own run" not in {line.get_label() for line in gap.lines}


def test_a_reference_is_a_line_in_every_panel(statistics):
    figure = ablation_figure(statistics, {"gap": "gap", "X-mAP": "X-mAP"}, reference=("knows nothing", 1.0))
    for axes in figure.axes:
        assert {line.get_label(): line for line in axes.lines}["knows nothing"].get_xdata()[0] == 1.0
    assert "knows nothing" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_nothing_to_compare_is_refused(statistics):
    with pytest.raises(ValueError, match="there must be variants and measures, got 0"):
        ablation_figure(statistics.iloc[:0], {"gap": "gap"})


def test_bounds_are_those_of_the_loss():
    left, right = share_bounds_figure(26).axes
    expected = share_bounds(torch.tensor([6.0]), 26)
    root = {line.get_label(): line.get_ydata() for line in left.lines}["r = √(N / A)"]
    assert float(root[6]) == pytest.approx(100 * float(expected.together))
    lines = {line.get_label(): line for line in right.lines}
    least = lines["least, exclusive, r = √(N / A)"]
    assert float(least.get_ydata()[list(least.get_xdata()).index(6)]) == pytest.approx(100 * float(expected.exclusive))


def test_each_attribute_is_a_dot_and_unknown_ones_are_left_out():
    frame = pd.DataFrame({"area": [1.0, 2.0, 3.0, np.nan], "share": [1.0, 1.5, 1.2, 9.0]}, index=list("abcd"))
    figure = share_bias_figure({"full": frame, "no prior": frame}, {"area": ("area (%)", "share")})
    assert all(len(axes.collections[0].get_offsets()) == 3 for axes in figure.axes)
    assert figure.axes[0].get_title().startswith("full: ρ = 0.50 [")
    assert sorted(text.get_text() for text in figure.axes[0].texts) == ["a", "b"]  # least and largest share
    with pytest.raises(ValueError, match="must not be empty"):
        share_bias_figure({}, {"area": ("area", "share")})


def test_all_maps_share_a_scale_that_is_even_about_one_and_regions_have_their_own():
    maps = torch.tensor([[[0.5, 1.0], [1.0, 2.0]], [[1.0, 1.0], [1.0, 1.0]]])
    regions = torch.tensor([[[0.0, 1.0], [0.0, 0.0]], [[0.2, 0.2], [0.2, 0.2]]])
    figure = mean_map_figure({"full": maps, "none": maps**0}, ["hat", "bag"], regions=regions)
    images = [axes.images[0] for axes in figure.axes if axes.images]
    assert [image.get_clim() for image in images[:2]] == [(0, 1), (0, 1)]
    limits = {image.get_clim() for image in images[2:]}
    assert len(limits) == 1
    low, high = limits.pop()
    assert -low == high == pytest.approx(1.0, abs=0.1)
    assert images[2].get_array().tolist() == [[-1.0, 0.0], [0.0, 1.0]]
    assert (images[4].get_array() == 0).all()
    with pytest.raises(ValueError, match="one map for each of 1 names"):
        mean_map_figure({"full": maps}, ["hat"])


def test_a_map_of_nobody_and_one_without_attention_are_drawn():
    maps = torch.tensor([[[0.0, 2.0]], [[torch.nan, torch.nan]]])
    figure = mean_map_figure({"full": maps}, ["hat", "bag"])
    figure.canvas.draw()
    assert len([axes for axes in figure.axes if axes.images]) == 2
