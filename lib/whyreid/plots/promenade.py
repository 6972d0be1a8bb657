"""Figures of a rendered street: pictures from memory in a grid, part masks in colour, who walks where and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
import torch
from matplotlib.figure import Figure
from torch import Tensor

from whyreid.pedestrians import Part


def part_colours() -> Tensor:
    """One colour a part label, uint8 [parts, 3]: the background is near black, neighbours on the body differ."""
    palette = sns.color_palette("husl", len(Part) - 1)
    order = [(7 * k) % len(palette) for k in range(len(palette))]
    colours = [(0.1, 0.1, 0.1), *(palette[k] for k in order)]
    return (torch.tensor(colours) * 255).to(torch.uint8)


def part_pictures(labels: Tensor) -> Tensor:
    """Part-label maps uint8 [N, H, W] as pictures uint8 [N, 3, H, W]."""
    return part_colours()[labels.to(torch.int64)].permute(0, 3, 1, 2)


def picture_grid(
    rows: Sequence[Tensor],
    *,
    row_labels: Sequence[str] | None = None,
    titles: Sequence[str] | None = None,
    picture_width: float = 0.8,
) -> Figure:
    """Pictures from memory in a grid.

    Args:
        rows: one tensor uint8 [N, 3, H, W] a row; rows may differ in N.
        row_labels: one label a row, at its left.
        titles: one title a column, above the first row.
        picture_width: inches.

    Raises:
        ValueError: no picture at all, or labels that do not fit.
    """
    columns = max((len(row) for row in rows), default=0)
    if columns == 0:
        raise ValueError("rows must hold at least one picture, got none; check the rule that chose them.")
    if len(row_labels or rows) != len(rows) or len(titles or range(columns)) != columns:
        raise ValueError(f"labels must be one a row ({len(rows)}) and titles one a column ({columns}); give as many.")
    shape = next(row for row in rows if len(row)).shape
    size = (columns * picture_width + 0.9, len(rows) * picture_width * shape[2] / shape[3] + 0.3)
    figure, grid = plt.subplots(len(rows), columns, figsize=size, squeeze=False, layout="constrained")
    for axes in grid.flat:
        axes.set(xticks=[], yticks=[])
        axes.set_frame_on(False)
        axes.grid(False)
    for r, row in enumerate(rows):
        for c, image in enumerate(row):
            grid[r, c].imshow(image.permute(1, 2, 0).cpu().numpy(), interpolation="nearest")
    for axes, title in zip(grid[0], titles or (), strict=False):
        axes.set_title(title, fontsize=8)
    for axes, label in zip(grid[:, 0], row_labels or (), strict=False):
        axes.set_ylabel(label, fontsize=8, rotation=0, ha="right", va="center")
    return figure


def ground_plan_figure(images: pd.DataFrame, places: Mapping[int, str]) -> Figure:
    """Where people were photographed, one plan a camera, the camera at the bottom; arrows point where they walk.

    Args:
        images: rows of a rendered table, with camid, x, y (metres) and heading (turns).
        places: camera number -> name.
    """
    figure, grid = plt.subplots(
        1, len(places), figsize=(2.2 * len(places), 3.6), sharey=True, sharex=True, layout="constrained"
    )
    for axes, (camera, name) in zip(np.atleast_1d(grid), places.items(), strict=True):
        rows = images[images["camid"] == camera]
        turn = 2 * np.pi * rows["heading"].to_numpy(dtype=float)
        toward = np.sin(turn) < 0
        axes.quiver(
            rows["x"], rows["y"], np.cos(turn), np.sin(turn), np.where(toward, 0.15, 0.85), cmap="coolwarm",
            clim=(0, 1), angles="xy", width=0.008, scale=14,
        )  # fmt: skip
        axes.plot([0], [0], marker="^", color="black", markersize=9)
        axes.set(title=f"{camera}: {name}", xlabel="to the right (m)", xlim=(-5, 5), ylim=(-1, 18))
    np.atleast_1d(grid)[0].set_ylabel("away from the camera (m)")
    return figure


def time_line_figure(images: pd.DataFrame, party: Mapping[int, int], *, fps: float) -> Figure:
    """Who was seen by which camera when: a line a person, parties in one colour, people alone in grey.

    Args:
        images: rows of a rendered table, with person, camid and time (frames).
        party: person -> first person of the party, -1 for who walks alone.
        fps: frames a second.
    """
    seen = images[images["person"].isin(list(party))].sort_values("time")
    leaders = sorted({leader for leader in party.values() if leader >= 0})
    colours = dict(zip(leaders, sns.color_palette("husl", len(leaders)), strict=True))
    figure, axes = plt.subplots(figsize=(7.2, 2.8), layout="constrained")
    for index, (person, rows) in enumerate(seen.groupby("person", sort=True)):
        leader = party[int(str(person))]
        height = rows["camid"].astype(float) + 0.05 * (index % 9) - 0.2
        axes.plot(
            rows["time"].astype(float) / fps / 60, height, marker="o", markersize=3,
            linewidth=1.2 if leader >= 0 else 0.6,
            color=colours.get(leader, "0.75"), zorder=2 if leader >= 0 else 1,
        )  # fmt: skip
    axes.set(xlabel="time (min)", ylabel="camera", yticks=sorted(seen["camid"].unique()))
    return figure
