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
    controls = pd.DataFrame({"X-mAP": [35.0, np.nan]}, index=["random", "unknown"])
    page = pd.DataFrame({"X-mAP": [41.0]}, index=["no prior"])
    figure = ablation_figure(statistics, {"gap": "gap (%)", "X-mAP": "X-mAP (%)"}, controls=controls, page=page)
    gap, agreement = figure.axes
    assert [text.get_text() for text in gap.get_yticklabels()] == ["full", "no prior"]
    stored = agreement.containers[0].lines[0]
    assert stored.get_xdata().tolist() == [60.0, 40.0]
    by_label = {line.get_label(): line for line in agreement.lines}
    assert by_label["random"].get_xdata()[0] == 35.0
    assert "unknown" not in by_label
    assert by_label["this page, one seed"].get_xdata()[1] == 41.0
    assert np.isnan(by_label["this page, one seed"].get_xdata()[0])
    assert "random" not in {line.get_label() for line in gap.lines}


def test_nothing_to_compare_is_refused(statistics):
    with pytest.raises(ValueError, match="there must be variants and measures, got 0"):
        ablation_figure(statistics.iloc[:0], {"gap": "gap"})


def test_bounds_are_those_of_the_loss():
    left, right = share_bounds_figure(26).axes
    expected = share_bounds(torch.tensor([6.0]), 26)
    root = {line.get_label(): line.get_ydata() for line in left.lines}["r = √(N / A)"]
    assert float(root[6]) == pytest.approx(100 * float(expected.together))
    lines = {line.get_label(): line for line in right.lines}
    least = lines["least, exclusive (√(N / A))"]
    assert float(least.get_ydata()[list(least.get_xdata()).index(6)]) == pytest.approx(100 * float(expected.exclusive))


def test_each_attribute_is_a_dot_and_unknown_ones_are_left_out():
    frame = pd.DataFrame({"area": [1.0, 2.0, 3.0, np.nan], "share": [1.0, 1.5, 1.2, 9.0]}, index=list("abcd"))
    figure = share_bias_figure({"full": frame, "no prior": frame}, {"area": ("area (%)", "share")})
    assert all(len(axes.collections[0].get_offsets()) == 3 for axes in figure.axes)
    assert "0.50" in figure.axes[0].get_title()
    with pytest.raises(ValueError, match="must not be empty"):
        share_bias_figure({}, {"area": ("area", "share")})


def test_maps_of_a_row_share_a_scale():
    maps = torch.arange(16.0).view(2, 4, 2)
    figure = mean_map_figure({"region": maps, "full": 10 * maps}, ["hat", "bag"])
    images = [axes.images[0] for axes in figure.axes if axes.images]
    assert [image.get_clim() for image in images] == [(0, 15), (0, 15), (0, 150), (0, 150)]
    with pytest.raises(ValueError, match="one map for each of 1 names"):
        mean_map_figure({"region": maps}, ["hat"])
