from __future__ import annotations

import pytest
import torch

from whyreid.plots import (
    agreement_by_attribute_figure,
    contribution_figure,
    mean_attention_figure,
    picture_attention_figure,
)

NAMES = ["hat", "bag", "upred"]


def test_bars_have_the_contributions_lengths_with_the_first_pairs_largest_on_top():
    first, second = torch.tensor([0.1, 0.4, 0.2]), torch.tensor([0.3, 0.1, 0.1])
    differs = torch.tensor([False, True, False])
    figure = contribution_figure([first, second], [differs, ~differs], NAMES, ["a", "b"])
    left, right = figure.axes[:2]
    assert [label.get_text() for label in left.get_yticklabels()] == ["bag", "upred", "hat"]
    widths = {round(bar.get_y() + bar.get_height() / 2): bar.get_width() for bar in left.patches}
    assert [widths[place] for place in range(3)] == pytest.approx([0.4, 0.2, 0.1])
    assert sum(bool(bar.get_hatch()) for bar in left.patches) == 1
    assert sum(bool(bar.get_hatch()) for bar in right.patches) == 2
    assert left.get_xlim() == right.get_xlim()
    even = next(line for line in left.lines if line.get_linestyle() == "--")
    assert even.get_xdata()[0] == pytest.approx(0.7 / 3)


def test_bars_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="one value a name"):
        contribution_figure([torch.ones(2)], [torch.ones(2) > 0], NAMES, ["a"])
    with pytest.raises(ValueError, match="titles must be one a pair"):
        contribution_figure([torch.ones(3)], [torch.ones(3) > 0], NAMES, ["a", "b"])


def test_every_picture_stands_beside_its_maps_on_one_scale(pictures, generator):
    maps = [torch.rand(3, 4, 2, generator=generator) * 2 for _ in range(3)]
    figure = picture_attention_figure(pictures[0], pictures[1:3], maps, NAMES, matches=[False, True])
    titles = [axes.get_title() for axes in figure.axes[:12]]
    assert [titles[row * 4] for row in range(3)] == ["query", "another person", "same person"]
    assert titles[1] == f"hat\nmean {maps[0][0].mean():.2f}"
    norms = {id(axes.images[-1].norm) for row in range(3) for axes in figure.axes[row * 4 + 1 : row * 4 + 4]}
    assert len(norms) == 1


def test_maps_without_a_name_are_refused(pictures):
    with pytest.raises(ValueError, match="at least one"):
        picture_attention_figure(pictures[0], pictures[1:2], [torch.ones(0, 2, 2)] * 2, [], matches=[True])
    with pytest.raises(ValueError, match="one a picture"):
        picture_attention_figure(pictures[0], pictures[1:3], [torch.ones(3, 2, 2)] * 2, NAMES, matches=[True, False])


def test_mean_maps_leave_a_place_empty_where_nobody_has_the_attribute():
    present, absent = torch.full((3, 4, 2), 1.5), torch.full((3, 4, 2), 0.5)
    present[1] = torch.nan
    figure = mean_attention_figure(present, absent, NAMES, [5, 0, 2], columns=3)
    shown = [len(axes.images) for axes in figure.axes[:6]]
    assert shown == [1, 1, 0, 1, 1, 1]
    assert figure.axes[0].get_title() == "hat\n5"
    with pytest.raises(ValueError, match="one entry for each"):
        mean_attention_figure(present, absent, NAMES[:2], [5, 0])


def test_dots_stand_at_the_attributes_values_sorted_by_the_first():
    ours, prior = torch.tensor([0.2, 0.9, torch.nan]), torch.tensor([0.5, 0.6, 0.7])
    figure = agreement_by_attribute_figure({"ours": ours, "prior": prior}, NAMES)
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["bag", "hat", "upred"]
    assert axes.lines[1].get_xdata().tolist() == pytest.approx([60, 50, 70])
    with pytest.raises(ValueError, match="at least one label"):
        agreement_by_attribute_figure({}, NAMES)
