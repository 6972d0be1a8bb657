"""Figures of maps and gains: what stands where, one scale for the two maps of a method, nothing lost."""

from __future__ import annotations

import pandas as pd
import pytest
import torch

from whyreid.plots.faithfulness import gain_figure, hiding_curves_figure, pair_maps_figure, randomisation_figure
from whyreid.truth import FaithfulnessCurves


def test_the_two_maps_of_a_method_share_a_scale_that_is_symmetric_about_zero(pictures):
    maps = {
        "occlusion, grey": (torch.full((1, 16, 8), -2.0), torch.ones(1, 4, 2)),
        "random": (torch.zeros(1, 2, 2),) * 2,
    }
    figure = pair_maps_figure(pictures[:2], maps)
    limits = {(axes.get_title(), axes.images[0].get_clim()) for axes in figure.axes[:6] if axes.images}
    assert ("occlusion,\ngrey", (-2.0, 2.0)) in limits
    assert [axes.images[0].get_clim() for axes in figure.axes[3:6]][1] == (-2.0, 2.0)
    assert [axes.images[0].get_clim() for axes in figure.axes[:3]][2] == (-1.0, 1.0)
    assert figure.axes[1].images[0].get_array().shape == (16, 8)


def test_curves_are_means_over_pairs_in_both_orders():
    shares = torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64)
    apart, together = torch.tensor([[1.0, 0.0, 2.0], [3.0, 2.0, 2.0]]), torch.tensor([[1.0, 3.0, 2.0], [3.0, 5.0, 2.0]])
    figure = hiding_curves_figure({"SBSM": FaithfulnessCurves(shares, apart, together, "deletion", True)})
    lines = {line.get_label(): line.get_ydata().tolist() for line in figure.axes[0].lines}
    assert lines == {"what holds together first": [2.0, 4.0, 2.0], "what sets apart first": [2.0, 1.0, 2.0]}
    assert figure.axes[0].lines[0].get_xdata().tolist() == [0, 50, 100]


@pytest.mark.parametrize("error", [0.05, float("nan")])
def test_gains_stand_in_per_cent_beside_their_method(error):
    rows = pd.DataFrame(
        [
            {"explainer": name, "pairs": pairs, "fill": fill, "gain": gain, "error": error}
            for name, gain in (("AMD", -0.1), ("SBSM", 0.4))
            for pairs in ("match", "impostor")
            for fill in ("mean", "blur")
        ]
    )
    figure = gain_figure(rows)
    assert [panel.get_title() for panel in figure.axes] == ["hidden by grey", "hidden by blur"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["AMD", "SBSM"]
    values = [list(line.get_xdata()) for line in figure.axes[1].lines if len(line.get_xdata()) == 2]
    assert [-10.0, 40.0] in [[round(value, 6) for value in line] for line in values]


def test_each_method_is_a_line_over_the_stages_in_both_panels():
    stages = ["none", "neck", "stem"]
    rows = pd.DataFrame(
        [
            {"explainer": name, "randomised": stage, "spearman": value, "absolute_spearman": -value}
            for name, start in (("SBSM", 1.0), ("random", 0.5))
            for stage, value in zip(stages, (start, start / 2, start / 4), strict=True)
        ]
    )
    figure = randomisation_figure(rows)
    for axes, sign in zip(figure.axes, (1, -1), strict=True):
        drawn = {line.get_label(): list(line.get_ydata()) for line in axes.lines if line.get_marker() == "o"}
        assert drawn == {"SBSM": [sign * v for v in (1.0, 0.5, 0.25)], "random": [sign * v for v in (0.5, 0.25, 0.125)]}
        assert [label.get_text() for label in axes.get_xticklabels()] == stages
