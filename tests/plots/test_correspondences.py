from __future__ import annotations

import itertools

import pandas as pd
import pytest
import torch

from whyreid.explain.correspondences import CorrespondenceLines
from whyreid.plots.correspondences import (
    PairPictures,
    contribution_maps_figure,
    correspondence_figure,
    evidence_figure,
    part_agreement_figure,
)
from whyreid.plots.cross_domain import cross_domain_figure


@pytest.fixture
def pairs(pictures):
    return [PairPictures(pictures[0], pictures[1], True, 3.0), PairPictures(pictures[0], pictures[2], False, -1.5)]


@pytest.fixture
def lines():
    start = torch.tensor([[[0.25, 0.5], [0.75, 0.5]]]).expand(2, -1, -1)
    end = torch.tensor([[[0.5, 0.25], [0.75, 0.5]], [[0.25, 0.75], [0.25, 0.25]]])
    return CorrespondenceLines(start, end, torch.tensor([[2.0, 1.0], [0.5, -0.5]]), "query")


def test_lines_join_the_matched_places(pairs, lines):
    axes = correspondence_figure(pairs, lines, columns=2).get_axes()
    assert [a.get_title() for a in axes] == ["match, logit 3.0", "non-match, logit -1.5"]
    drawn = {tuple(map(float, (*line.get_xdata(), *line.get_ydata()))) for line in axes[0].lines}
    # 64 x 128 pictures, 44 apart: from (0.5, 0.25) of the left one to (0.25, 0.5) of the right one
    assert drawn == {(32.0, 124.0, 32.0, 64.0), (32.0, 140.0, 96.0, 96.0)}


def test_what_adds_more_is_thicker_and_what_adds_nothing_is_thinnest(pairs, lines):
    axes = correspondence_figure(pairs, lines).get_axes()
    widths = [[line.get_linewidth() for line in panel.lines[1::3]] for panel in axes[:2]]
    assert widths == [pytest.approx([2.5, 1.5]), pytest.approx([1.0, 0.5])]


def test_right_and_wrong_lines_differ_by_dash_as_well_as_by_colour(pairs, lines):
    right = torch.tensor([[True, False], [False, False]])
    figure = correspondence_figure(pairs, lines, right=right)
    first, second = figure.get_axes()[0].lines[1::3][:2]
    assert first.get_color() != second.get_color()
    assert (first.get_linestyle(), second.get_linestyle()) == ("-", "--")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "same body part",
        "another part, or no person",
    ]


def test_frames_say_match_and_non_match(pairs, lines):
    axes = correspondence_figure(pairs, lines).get_axes()
    assert [panel.patches[1].get_linestyle() for panel in axes[:2]] == ["solid", (0, (2, 1.2))]


def test_no_pairs_and_other_lines_are_refused(pairs, lines):
    with pytest.raises(ValueError, match=r"of the 1 pairs \(at least one\), got 2"):
        correspondence_figure(pairs[:1], lines)
    with pytest.raises(ValueError, match="at least one"):
        correspondence_figure([], lines)
    with pytest.raises(ValueError, match="at least one pair"):
        contribution_maps_figure([], torch.zeros(0, 4, 2), torch.zeros(0, 4, 2))


def test_all_maps_share_one_scale_about_their_mean(pairs):
    generator = torch.Generator().manual_seed(0)
    query, gallery = torch.randn(2, 2, 4, 2, generator=generator)
    axes = contribution_maps_figure(pairs, query, gallery).get_axes()
    limits = {axes[place].images[0].get_clim() for place in (1, 2, 5, 6)}
    [(low, high)] = limits
    middle = float(torch.stack([query, gallery]).mean())
    assert (low + high) / 2 == pytest.approx(middle, abs=1e-6)
    assert high >= float(torch.stack([query, gallery]).max()) - 1e-6


def test_agreement_has_a_panel_for_each_pair_of_towns_and_a_line_for_each_method():
    rows = pd.DataFrame([
        {"towns": towns, "method": method, "view": view, "agreement": 0.5 + 0.1 * seed}
        for towns, method, view, seed in itertools.product(
            ("A → A", "A → B"), ("one", "chance"), ("near", "far"), (0, 1))
    ])  # fmt: skip
    figure = part_agreement_figure(rows, ["one"], ["chance"], ["near", "far"])
    axes = figure.get_axes()
    assert [panel.get_title() for panel in axes] == ["A → A", "A → B"]
    assert axes[0].lines[0].get_ydata().tolist() == pytest.approx([55, 55])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["chance", "one"]
    with pytest.raises(ValueError, match="at least one"):
        part_agreement_figure(rows[:0], ["one"], [], ["near"])


def test_evidence_stands_beside_area():
    table = pd.DataFrame(
        {"share of the gap": [0.75, 0.25], "sd": [0.1, 0.1], "share of the area": [0.2, 0.8]}, index=["head", "beside"]
    )
    axes = evidence_figure({"A → B": table}).get_axes()[0]
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([75, 25])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["head", "beside"]
    with pytest.raises(ValueError, match="at least one"):
        evidence_figure({})


@pytest.fixture
def rows() -> pd.DataFrame:
    """Two methods, trained on a and b; 60 % at home, 30 % away, re-ranking adds a tenth."""
    return pd.DataFrame([
        {"method": method, "trained on": one, "tested on": other, "away": one != other, "ranking": ranking,
         "seed": seed, "mAP": (0.6 if one == other else 0.3) + 0.1 * (ranking == "re-ranked") + 0.02 * seed}
        for method, one, other, ranking, seed in itertools.product(
            ("thin", "local"), "ab", "ab", ("alone", "re-ranked"), (0, 1))
    ])  # fmt: skip


def test_the_drop_goes_from_home_to_the_other_town(rows):
    figure = cross_domain_figure(rows)
    axes = figure.get_axes()
    assert [panel.get_title() for panel in axes] == [
        "trained on a\ntested there and on b",
        "trained on b\ntested there and on a",
    ]
    drops = [line.get_xdata().tolist() for line in axes[0].lines if line.get_color() == "0.75"]
    assert drops == [pytest.approx([31, 61])] * 2
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["at home, alone", "other town, alone", "other town, re-ranked"]
    assert [label.get_text() for label in axes[0].get_yticklabels()] == ["thin", "local"]


def test_the_pages_own_seed_is_a_cross_on_each_mark(rows):
    figure = cross_domain_figure(rows, page=rows[rows["seed"] == 0])
    crosses = [line for line in figure.get_axes()[0].lines if line.get_marker() == "x"]
    assert sorted(crosses[0].get_xdata().tolist()) == pytest.approx([30, 30, 40, 40, 60, 60])
    with pytest.raises(ValueError, match="at least one measurement"):
        cross_domain_figure(rows[:0])
