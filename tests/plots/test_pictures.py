from __future__ import annotations

import pytest

from whyreid.plots import contact_sheet


def test_one_axes_a_picture_and_nothing_where_a_row_ends(pictures):
    figure = contact_sheet([pictures[:3], pictures[3:5]], row_labels=["id 1", "id 2"])
    assert [bool(axes.images) for axes in figure.axes] == [True] * 5 + [False]
    assert [figure.axes[0].get_ylabel(), figure.axes[3].get_ylabel()] == ["id 1", "id 2"]


def test_pictures_are_shown_pixel_for_pixel(pictures):
    axes = contact_sheet([pictures[2:3]], titles=[["a title"]]).axes[0]
    assert axes.images[0].get_array().shape == (16, 8, 3)
    assert tuple(axes.images[0].get_array()[0, 0]) == (80, 0, 0)
    assert axes.images[0].get_interpolation() == "nearest"
    assert axes.get_title() == "a title"


@pytest.mark.parametrize("rows", [[], [[]]])
def test_no_picture_is_refused(rows):
    with pytest.raises(ValueError, match="at least one picture"):
        contact_sheet(rows)


def test_labels_must_fit_the_rows(pictures):
    with pytest.raises(ValueError, match="one label a row"):
        contact_sheet([pictures], row_labels=["a", "b"])
