from __future__ import annotations

import matplotlib

matplotlib.use("Agg")

import pandas as pd
import pytest
import torch

from whyreid.pedestrians import Part
from whyreid.plots.promenade import ground_plan_figure, part_colours, part_pictures, picture_grid, time_line_figure


def test_every_part_has_a_colour_of_its_own() -> None:
    colours = part_colours()
    assert colours.shape == (len(Part), 3)
    assert len({tuple(colour) for colour in colours.tolist()}) == len(Part)


def test_part_pictures_show_the_colour_of_each_label() -> None:
    labels = torch.tensor([[[0, 4], [18, 9]]], dtype=torch.uint8)
    pictures = part_pictures(labels)
    assert pictures.shape == (1, 3, 2, 2)
    assert torch.equal(pictures[0, :, 1, 0], part_colours()[18])


def test_a_grid_shows_each_picture_where_it_belongs() -> None:
    rows = [torch.full((2, 3, 8, 4), value, dtype=torch.uint8) for value in (10, 200)]
    figure = picture_grid([rows[0], rows[1][:1]], row_labels=["one", "two"], titles=["a", "b"])
    shown = [
        [axes.images[0].get_array().max() if axes.images else None for axes in figure.axes[k : k + 2]] for k in (0, 2)
    ]
    assert shown == [[10, 10], [200, None]]
    assert figure.axes[2].get_ylabel() == "two"


def test_an_empty_grid_and_labels_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one picture"):
        picture_grid([])
    with pytest.raises(ValueError, match="one a row"):
        picture_grid([torch.zeros(1, 3, 4, 2, dtype=torch.uint8)], row_labels=["a", "b"])


def test_plans_and_time_lines_draw_every_camera_and_person() -> None:
    images = pd.DataFrame(
        {"person": [1, 1, 2], "camid": [0, 1, 0], "time": [0.0, 2500.0, 25.0], "x": [0.0, 1, 2], "y": [8.0, 9, 10]}
    ).assign(heading=[0.1, 0.6, -0.2])
    plan = ground_plan_figure(images, {0: "street", 1: "plaza"})
    assert [axes.get_title() for axes in plan.axes] == ["0: street", "1: plaza"]
    line = time_line_figure(images, {1: 1, 2: -1}, fps=25.0)
    lengths = sorted(len(drawn.get_xdata()) for drawn in line.axes[0].lines)
    assert lengths == [1, 2]
    assert max(line.axes[0].lines[0].get_xdata()) == pytest.approx(100 / 60)
