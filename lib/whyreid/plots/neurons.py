"""What single neurons respond to: counts against frequencies, and the pictures that excite a neuron most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from whyreid.plots.pictures import show_picture


def neuron_count_figure(tables: dict[str, pd.DataFrame], notes: dict[str, str]) -> Figure:
    """Number of neurons of each attribute against the share of identities that have it, one panel a table.

    Args:
        tables: title -> table of `neuron_attribute_table`.
        notes: title -> a line under the title, such as the rank correlation.
    """
    columns = min(2, len(tables))
    rows = -(-len(tables) // columns)
    figure, grid = plt.subplots(
        rows, columns, figsize=(4.3 * columns, 3.5 * rows), squeeze=False, layout="constrained", sharex=True
    )
    for axes in grid.flat[len(tables) :]:
        axes.axis("off")
    for axes, (title, table) in zip(grid.flat, tables.items(), strict=False):
        axes.scatter(100 * table["positive_ratio"], table["top1"], s=22)
        _name_points(axes, table)
        axes.set(xlabel="training identities with the attribute (%)", ylabel="neurons", ylim=(-0.5, None))
        axes.set_title(f"{title}\n{notes.get(title, '')}", fontsize=10)
    return figure


def _name_points(axes: Axes, table: pd.DataFrame) -> None:
    """Names beside the points from the most neurons down, where no name stands yet."""
    taken: list[tuple[float, float]] = []
    height = max(1.0, float(table["top1"].max()))
    for name, count, ratio in table[["attribute", "top1", "positive_ratio"]].itertuples(index=False):
        x, y = 100 * ratio, count / height
        if all(abs(x - other) > 24 or abs(y - level) > 0.055 for other, level in taken):
            taken.append((x, y))
            left = x > 80
            axes.annotate(
                name, (x, count), xytext=(-4 if left else 4, 3), ha="right" if left else "left",
                textcoords="offset points", fontsize=7.5,
            )  # fmt: skip


@dataclass(frozen=True)
class NeuronRow:
    """A neuron and the pictures that excite it most.

    Attributes:
        neuron: its number.
        pictures: paths, strongest first.
        activations: of these pictures.
        profile: table of `strongest_attributes`: attribute, weight.
        kind: one word written beside it.
    """

    neuron: int
    pictures: Sequence[Path]
    activations: Sequence[float]
    profile: pd.DataFrame
    kind: str = ""

    def __post_init__(self) -> None:
        if len(self.pictures) != len(self.activations):
            raise ValueError(
                "pictures and activations must have one entry a picture, got "
                f"{len(self.pictures)} and {len(self.activations)}"
            )

    def label(self) -> str:
        """The neuron, its kind, and its strongest and weakest attributes with their weights."""
        lines = [f"{name} {weight:+.2f}" for name, weight in self.profile[["attribute", "weight"]].to_numpy()]
        head = f"neuron {self.neuron}" + (f" ({self.kind})" if self.kind else "")
        return "\n".join([head, *lines])


def neuron_pictures_figure(rows: Sequence[NeuronRow], *, picture_width: float = 0.8) -> Figure:
    """One row a neuron: its strongest and weakest attributes, then the pictures that excite it most.

    The number above a picture is the neuron's activation.

    Args:
        rows: the neurons.
        picture_width: inches.

    Raises:
        ValueError: no rows.
    """
    if not rows:
        raise ValueError("rows must hold at least one neuron, got none; check the rule that chose them")
    columns = max(len(row.pictures) for row in rows)
    figure, grid = plt.subplots(
        len(rows), columns + 2, squeeze=False, layout="constrained",
        figsize=((columns + 2) * picture_width, len(rows) * picture_width * 2.3),
        width_ratios=[1.9, 0.1] + [1.0] * columns,
    )  # fmt: skip
    for axes_row, row in zip(grid, rows, strict=True):
        for axes in axes_row[:2]:
            axes.axis("off")
        axes_row[0].text(0, 0.5, row.label(), transform=axes_row[0].transAxes, va="center", fontsize=7.5)
        for axes in axes_row[2 + len(row.pictures) :]:
            axes.axis("off")
        for axes, path, activation in zip(axes_row[2:], row.pictures, row.activations, strict=False):
            show_picture(axes, path, title=f"{activation:.2f}", colour="0.7")
    return figure


def rarity_figure(persons: pd.DataFrame) -> Figure:
    """How rare a person's attributes are against how well the person is found, one dot a person.

    Args:
        persons: columns bits (mean information of the attributes) and ap (mean average precision, a fraction).
    """
    figure, axes = plt.subplots(figsize=(5.6, 3.6), layout="constrained")
    axes.scatter(persons["bits"], 100 * persons["ap"], s=18, alpha=0.7)
    axes.set(
        xlabel="mean information of the person's attributes (bits; right: rarer)", ylabel="average precision (%)",
        ylim=(-2, 102),
    )  # fmt: skip
    return figure


def reliability_figure(curve: pd.DataFrame) -> Figure:
    """Predicted probability against the share that has the attribute; the diagonal is an honest classifier.

    Args:
        curve: of `reliability_curve`.
    """
    filled = curve[curve["n"] > 0]
    figure, axes = plt.subplots(figsize=(4.2, 3.8), layout="constrained")
    axes.plot([0, 100], [0, 100], color="0.6", linestyle="dotted", label="as sure as right")
    axes.plot(
        100 * filled["mean_probability"], 100 * filled["positive_share"], marker="o", markersize=4, label="classifier"
    )
    axes.set(xlabel="predicted probability (%)", ylabel="pictures with the attribute (%)", xlim=(0, 100), ylim=(0, 100))
    axes.legend(loc="upper left")
    return figure
