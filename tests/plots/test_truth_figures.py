"""The figures of the chapter on truth."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
import pytest
import torch

from whyreid.pedestrians import GROUPS
from whyreid.plots.truth import (
    label_agreement_figure,
    localisation_figure,
    settings_figure,
    true_effect_figure,
    truth_figure,
)
from whyreid.truth import CounterfactualEffects


@pytest.fixture
def scores():
    return pd.DataFrame(
        {
            "source": ["explainer", "explainer", "control"],
            "oracle_mask": [False, True, False],
            "rank_correlation": [0.1, 0.5, 0.3],
            "low": [0.0, 0.4, 0.2],
            "high": [0.2, 0.6, 0.4],
            "label_agreement": [0.9, 0.5, 0.5],
        },
        index=["AMD", "GradCAM", "usual effect"],
    )


def test_explainers_are_ordered_by_truth_and_the_best_control_is_drawn(scores):
    figure = truth_figure(scores)
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["AMD", "usual effect", "GradCAM"]
    assert any(list(line.get_xdata()) == [0.3, 0.3] for line in axes.lines)
    plt.close(figure)


def test_every_point_has_its_name_and_no_two_names_the_same_place(scores):
    scores = pd.concat([scores, scores.iloc[[1]].rename(index={"GradCAM": "twin"})])
    figure = label_agreement_figure(scores)
    texts = figure.axes[0].texts
    assert {text.get_text() for text in texts} == set(scores.index)
    assert len({(text.xy, text.xyann) for text in texts}) == len(texts)
    plt.close(figure)


def test_only_groups_that_differ_somewhere_are_drawn_the_largest_on_top():
    truth = torch.full((3, len(GROUPS)), torch.nan, dtype=torch.float64)
    truth[:, GROUPS.index("hat")] = torch.tensor([0.1, 0.2, 0.1])
    truth[0, GROUPS.index("bag")] = -0.9
    effects = CounterfactualEffects(
        torch.ones(3).double(), "distance", GROUPS, truth, truth * 0, torch.ones(3).double()
    )
    figure = true_effect_figure(effects)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["hat (3)", "bag (1)"]
    plt.close(figure)


@pytest.mark.parametrize("towns", [("promenade-a",), ("promenade-a", "promenade-b"), ("a", "b", "c", "d")])
def test_every_setting_has_a_panel_with_every_seed_and_its_best_control(scores, towns):
    one = scores.reset_index(names="explainer").assign(target="thin")
    one["trained on"] = "promenade-a"
    rows = pd.concat([one.assign(**{"tested on": town, "seed": seed}) for town in towns for seed in (0, 1)])
    figure = settings_figure(rows)
    assert len(figure.axes) == len(towns)
    for axes in figure.axes:
        assert "2 seeds" in axes.get_title()
        assert any(list(line.get_xdata()) == [0.3, 0.3] and line.get_linestyle() == "--" for line in axes.lines)
        dots = [line for line in axes.lines if line.get_marker() == "."]
        assert sorted(len(line.get_xdata()) for line in dots) == [2, 2, 2]
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == ["AMD", "usual effect", "GradCAM"]
    plt.close(figure)


def test_a_setting_in_which_an_explainer_is_missing_leaves_its_line_empty(scores):
    one = scores.reset_index(names="explainer").assign(target="thin", seed=0)
    one["trained on"] = "promenade-a"
    rows = pd.concat([one.assign(**{"tested on": "x"}), one.iloc[1:].assign(**{"tested on": "y"})])
    figure = settings_figure(rows)
    assert [sum(line.get_marker() == "." for line in axes.lines) for axes in figure.axes] == [3, 2]
    plt.close(figure)


def test_every_measure_of_localisation_has_a_panel_with_every_setting_and_the_flat_map():
    one = pd.DataFrame(
        {
            "target": "thin", "trained on": "promenade-a", "explainer": ["AMD", "centre", "uniform"],
            "source": ["explainer", "control", "control"], "energy over area": [0.9, 1.6, None],
            "pointing": [0.1, 0.2, None], "auc": [0.4, 0.6, None], "pointing of a flat map": [0.08, 0.12, None],
        }
    )  # fmt: skip
    rows = pd.concat([one.assign(seed=seed, **{"tested on": f"promenade-{t}"}) for t in "ba" for seed in (0, 1)])
    figure = localisation_figure(rows)
    assert [axes.get_xlabel() for axes in figure.axes] == ["energy over area", "pointing", "auc"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["AMD", "centre"]
    flat = [[line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == "--"] for axes in figure.axes]
    assert flat == [[1.0], [pytest.approx(0.1)], [0.5]]
    assert all(len(axes.containers) == 4 for axes in figure.axes)  # two settings, two methods with maps
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["thin, A on A", "thin, A on B", "flat map"]
    plt.close(figure)
