"""The figure of planted faults."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from whyreid.plots.planted_fault import planted_fault_figure
from whyreid.plots.style import MATCH_COLOUR, NON_MATCH_COLOUR

FAULTS = {"tied": "Tied", "background": "Background"}


def row(fault, quantity, change, verdict):
    ends = {"change": change, "low": change - 0.02, "high": change + 0.02, "true change": 0.2, "verdict": verdict}
    return {"explainer": "A", "evidence": "maps", "fault": fault, "seed": 0, "quantity": quantity, **ends}


@pytest.fixture
def found():
    rows = [
        row("tied", "backpack", 0.1, "revealed"),
        row("background", "elsewhere", 0.0, "missed"),
        row("none", "backpack", 0.01, "quiet"),
        row("none", "elsewhere", 0.03, "false alarm"),
    ]
    return pd.DataFrame(rows)


def dots(axes):
    """Marker -> (x, face colour) of what is drawn as single points."""
    lines = [line for line in axes.lines if line.get_marker() in ("o", "x")]
    return {line.get_marker(): (float(line.get_xdata()[0]), line.get_markerfacecolor()) for line in lines}


def test_changes_are_drawn_in_percentage_points_beside_those_of_chance(found):
    figure = planted_fault_figure(found, FAULTS)
    tied, background = (dots(axes) for axes in figure.axes)
    assert (tied["o"][0], tied["x"][0]) == (pytest.approx(10.0), pytest.approx(1.0))
    assert (background["o"][0], background["x"][0]) == (pytest.approx(0.0), pytest.approx(3.0))
    plt.close(figure)


@pytest.mark.parametrize(
    ("verdict", "edge", "face"),
    [
        ("revealed", MATCH_COLOUR, MATCH_COLOUR),
        ("quiet", MATCH_COLOUR, "white"),
        ("missed", NON_MATCH_COLOUR, "white"),
        ("misled", NON_MATCH_COLOUR, NON_MATCH_COLOUR),
        ("false alarm", NON_MATCH_COLOUR, NON_MATCH_COLOUR),
    ],
)
def test_green_is_right_and_a_full_dot_says_that_something_changed(found, verdict, edge, face):
    figure = planted_fault_figure(found.assign(verdict=verdict), FAULTS)
    dot = next(line for line in figure.axes[0].lines if line.get_marker() == "o")
    assert (dot.get_markeredgecolor(), dot.get_markerfacecolor()) == (edge, face)
    plt.close(figure)


def test_the_true_change_is_a_line_in_every_panel(found):
    figure = planted_fault_figure(found, FAULTS)
    for axes in figure.axes:
        dotted = [line for line in axes.lines if line.get_linestyle() == ":"]
        assert [float(line.get_xdata()[0]) for line in dotted] == [pytest.approx(20.0)]
    plt.close(figure)


def test_a_fault_without_rows_is_refused(found):
    with pytest.raises(ValueError, match="background"):
        planted_fault_figure(found[found["fault"] != "background"], FAULTS)
