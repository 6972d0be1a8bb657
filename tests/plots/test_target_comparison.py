"""Several targets beside each other."""

from __future__ import annotations

import itertools

import pandas as pd
import pytest

from whyreid.plots import target_comparison_figure


@pytest.fixture
def rows() -> pd.DataFrame:
    """Two methods, two pairs of domains, two seeds, plain and re-ranked; re-ranking adds a tenth."""
    return pd.DataFrame(
        [
            {"method": m, "trained on": "a", "tested on": t, "re-ranked": r, "seed": s, "mAP": 0.5 + 0.1 * r + 0.02 * s}
            for m, t, r, s in itertools.product(("thin", "wide"), ("a", "b"), (False, True), (0, 1))
        ]
    )


def test_every_method_is_drawn_plain_and_re_ranked_in_every_pair(rows):
    axes = target_comparison_figure(rows).axes[0]
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["thin", "thin, re-ranked", "wide", "wide, re-ranked"]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["a → a", "a → b"]
    means = [container.lines[0].get_xdata().tolist() for container in axes.containers]
    assert means == [pytest.approx([51, 51]), pytest.approx([61, 61])] * 2


def test_dots_of_one_pair_do_not_hide_each_other(rows):
    axes = target_comparison_figure(rows).axes[0]
    heights = [container.lines[0].get_ydata()[0] for container in axes.containers]
    assert len(set(heights)) == len(heights)
