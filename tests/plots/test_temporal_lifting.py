from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from whyreid.plots.temporal_lifting import PivotPicture, lifting_figure, sensitivity_figure

PUBLISHED = {"tau": 100.0, "sigma": 200.0, "k": 10, "alpha": 0.2}


def test_a_wrong_pivot_has_a_dashed_frame(tmp_path):
    path = tmp_path / "one.png"
    Image.new("RGB", (8, 16)).save(path)
    pivots = [PivotPicture(path, path, 5.0, 40.0, right) for right in (True, False)]
    figure = lifting_figure(path, pivots, (np.linspace(0, 90, 10), np.ones(10)), [50.0])
    axes = {a.get_title(): a for a in figure.get_axes()}
    assert "query" in axes
    styles = [a.spines["left"].get_linestyle() for a in figure.get_axes() if a.get_title() == "at 40 s"]
    assert styles[0] == "solid" or styles[0] == "-"
    assert styles[1] not in ("solid", "-")


def test_no_pivots_are_refused(tmp_path):
    with pytest.raises(ValueError, match="at least one"):
        lifting_figure(tmp_path, [], (np.zeros(1), np.zeros(1)), [])


def test_every_setting_has_a_panel_with_its_published_value():
    rows = [
        {"setting": name, "value": value, "mAP": 0.5, "towns": "A → A"}
        for name, published in PUBLISHED.items()
        for value in (published, 2 * published)
    ]
    figure = sensitivity_figure(pd.DataFrame(rows), published=PUBLISHED, line="towns", plain=0.4)
    panels = figure.get_axes()
    assert [panel.get_xlabel() for panel in panels] == ["tau (s)", "sigma (s)", "k", "alpha"]
    for panel in panels:
        assert list(panel.lines[0].get_ydata()) == [50.0, 50.0]
