"""Grids of pictures: contact sheets, and the frame that says match or non-match."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from whyreid.data.loading import read_image


def show_picture(axes: Axes, path: Path, *, title: str = "", colour: str | None = None, dashed: bool = False) -> None:
    """Draw one picture into axes, without ticks, in a frame of the given colour (none: no frame).

    The frame is as thick dashed as solid, so that match and non-match differ by line as well as by colour.
    """
    axes.imshow(read_image(path), interpolation="nearest", aspect="equal")
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
    axes.set_title(title, fontsize=8, pad=3)
    for spine in axes.spines.values():
        spine.set_visible(colour is not None)
        spine.set_color(colour or "none")
        spine.set_linewidth(2.5)
        spine.set_linestyle((0, (2, 1.2)) if dashed else "solid")


def contact_sheet(
    rows: Sequence[Sequence[Path]],
    *,
    row_labels: Sequence[str] | None = None,
    titles: Sequence[Sequence[str]] | None = None,
    picture_width: float = 0.8,
) -> Figure:
    """Pictures in a grid, one row for each entry of `rows`; rows may differ in length.

    Args:
        rows: paths of the pictures.
        row_labels: one label a row, written at its left.
        titles: one title a picture, in the shape of `rows`.
        picture_width: inches; a picture is drawn twice as high as wide.

    Raises:
        ValueError: no picture at all, or as many labels as there are not rows.
    """
    columns = max((len(row) for row in rows), default=0)
    if columns == 0:
        raise ValueError("rows must hold at least one picture, got none; check the rule that chose them")
    if row_labels is not None and len(row_labels) != len(rows):
        raise ValueError(f"row_labels must have one label a row ({len(rows)}), got {len(row_labels)}")
    height = picture_width * (2.0 if titles is None else 2.3)
    figure, grid = plt.subplots(
        len(rows), columns, figsize=(columns * picture_width + 0.8, len(rows) * height), squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for r, row in enumerate(rows):
        for c in range(columns):
            grid[r, c].axis("off" if c >= len(row) else "on")
            if c < len(row):
                show_picture(grid[r, c], row[c], title="" if titles is None else titles[r][c])
        if row_labels is not None:
            grid[r, 0].set_ylabel(row_labels[r], rotation=0, ha="right", va="center", fontsize=9)
    return figure
