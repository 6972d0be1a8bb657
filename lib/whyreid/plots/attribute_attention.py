"""What a metric interpreter says: contributions of a pair as bars, attention as maps, agreement by attribute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from torch import Tensor

from whyreid.data.loading import read_image
from whyreid.plots.pictures import show_picture
from whyreid.plots.style import MATCH_COLOUR, NON_MATCH_COLOUR, QUERY_COLOUR, SEQUENTIAL_MAP

_COMMON = "0.72"


def contribution_figure(
    contributions: Sequence[Tensor],
    differs: Sequence[Tensor],
    names: Sequence[str],
    titles: Sequence[str],
    *,
    total: Sequence[float] | None = None,
) -> Figure:
    """Contributions of some pairs as bars, one panel a pair, the largest of the first pair on top.

    Attributes in which the two persons differ are dark and hatched, shared ones grey; the dashed line is what each
    attribute would get if all got the same. All panels share one axis.

    Args:
        contributions: one tensor [A] a pair, in units of the distance.
        differs: one [A] bool a pair: whether the persons' labels differ.
        names: of the A attributes.
        titles: one a pair.
        total: the distance of each pair; the sum of its contributions unless given.

    Raises:
        ValueError: no pair, or shapes and names disagree.
    """
    values = [part.detach().cpu().double().numpy() for part in contributions]
    if not values or any(tuple(part.shape) != (len(names),) for part in [*contributions, *differs]):
        raise ValueError(f"contributions and differs must be [{len(names)}] for at least one pair, one value a name.")
    if not len(values) == len(differs) == len(titles):
        raise ValueError(f"titles must be one a pair, got {len(titles)} for {len(values)} pairs.")
    order = np.argsort(-values[0], kind="stable")
    figure, grid = plt.subplots(
        1, len(values), figsize=(1.2 + 3.6 * len(values), 0.6 + 0.21 * len(names)), squeeze=False, sharey=True,
        sharex=True, layout="constrained",
    )  # fmt: skip
    whole = [float(part.sum()) for part in values] if total is None else list(total)
    for axes, value, exclusive, title, sum_ in zip(grid[0], values, differs, titles, whole, strict=True):
        _bars(axes, value[order], exclusive.cpu().numpy()[order], sum_ / len(names))
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("contribution to the distance", fontsize=9)
    grid[0, 0].set_yticks(range(len(names)), [names[k] for k in order], fontsize=8)
    handles = [
        Patch(facecolor=NON_MATCH_COLOUR, hatch="///", edgecolor="white", label="differs"),
        Patch(facecolor=_COMMON, label="shared"),
        Line2D([], [], color="0.2", linewidth=1, linestyle="--", label="even share"),
    ]
    grid[0, -1].legend(handles=handles, loc="lower right", fontsize=8)
    return figure


def _bars(axes: Axes, values: np.ndarray, exclusive: np.ndarray, even: float) -> None:
    places = np.arange(len(values))
    axes.barh(places[~exclusive], values[~exclusive], color=_COMMON, height=0.75)
    axes.barh(
        places[exclusive], values[exclusive], color=NON_MATCH_COLOUR, height=0.75, hatch="///", edgecolor="white",
        linewidth=0,
    )  # fmt: skip
    axes.axvline(even, color="0.2", linewidth=1, linestyle="--")
    axes.set_ylim(len(values) - 0.4, -0.6)
    axes.tick_params(axis="x", labelsize=8)
    axes.grid(axis="y", visible=False)


def picture_attention_figure(
    query: Path,
    gallery: Sequence[Path],
    maps: Sequence[Tensor],
    names: Sequence[str],
    *,
    matches: Sequence[bool],
    picture_width: float = 0.95,
) -> Figure:
    """The query, then gallery pictures, one a row; beside each its attention maps of some attributes over it in grey.

    Attention 1 leaves the target's features as they are, more strengthens, less weakens them. All maps share one scale.

    Args:
        query: path of the query.
        gallery: paths of the pictures that it is compared with.
        maps: attention [n, h, w] of the query, then of each gallery picture, for the n named attributes.
        names: what the n maps are.
        matches: whether each gallery picture shows the query's person; decides its frame.
        picture_width: inches.

    Raises:
        ValueError: no name, or the numbers of pictures, maps and names disagree.
    """
    attention = [part.detach().cpu().float().numpy() for part in maps]
    if not names or any(len(part) != len(names) for part in attention):
        raise ValueError(
            f"maps must be one a name, at least one, got {[len(part) for part in attention]} for {len(names)} names; "
            "a pair without differing attributes has none to show."
        )
    if not len(maps) - 1 == len(gallery) == len(matches):
        raise ValueError(
            f"maps must be one a picture, got {len(maps)} for a query and {len(gallery)} gallery pictures."
        )
    figure, grid = plt.subplots(
        len(maps), len(names) + 1, squeeze=False, layout="constrained",
        figsize=((len(names) + 1) * picture_width + 1.0, 2.35 * picture_width * len(maps)),
    )  # fmt: skip
    scale = _shared_scale(attention)
    for row, (path, part) in enumerate(zip([query, *gallery], attention, strict=True)):
        match = row == 0 or matches[row - 1]
        colour = QUERY_COLOUR if row == 0 else MATCH_COLOUR if match else NON_MATCH_COLOUR
        title = "query" if row == 0 else "same person" if match else "another person"
        show_picture(grid[row, 0], path, title=title, colour=colour, dashed=not match)
        for axes, values, name in zip(grid[row, 1:], part, names, strict=True):
            _overlay(axes, path, values, scale, f"{name}\nmean {values.mean():.2f}")
    _colour_bar(figure, grid, scale)
    return figure


def mean_attention_figure(
    present: Tensor, absent: Tensor, names: Sequence[str], counts: Sequence[int], *, columns: int = 7
) -> Figure:
    """The mean attention map of every attribute over pictures of people with it (left) and without it (right).

    All maps share one scale. Where nobody has the attribute (or everybody), the place stays empty.

    Args:
        present: [A, h, w], NaN where nobody has the attribute.
        absent: [A, h, w], NaN where everybody has it.
        names: of the A attributes.
        counts: how many pictures show people with it.
        columns: attributes in a row.

    Raises:
        ValueError: shapes and names disagree.
    """
    pairs = [part.detach().cpu().float().numpy() for part in (present, absent)]
    if any(len(part) != len(names) for part in pairs) or len(counts) != len(names) or not names:
        raise ValueError(f"present, absent and counts must have one entry for each of {len(names)} names, at least one")
    rows = -(-len(names) // columns)
    figure = plt.figure(figsize=(1.28 * columns + 0.7, 1.62 * rows), layout="constrained")
    outer = figure.subplots(rows, 2 * columns, squeeze=False)
    scale = _shared_scale(pairs)
    for axes in outer.flat:
        axes.axis("off")
    for k, name in enumerate(names):
        row, column = divmod(k, columns)
        for side, part in enumerate(pairs):
            axes = outer[row, 2 * column + side]
            if np.isfinite(part[k]).all():
                axes.imshow(part[k], cmap=SEQUENTIAL_MAP, norm=scale, interpolation="nearest")
            axes.set_title(f"{name}\n{counts[k]}" if side == 0 else "\nwithout", fontsize=8, pad=2)
    _colour_bar(figure, outer, scale)
    return figure


def agreement_by_attribute_figure(values: Mapping[str, Tensor], names: Sequence[str]) -> Figure:
    """How often a differing attribute is among the most contributing ones, for several explanations; one dot each.

    Args:
        values: label -> [A] fractions (`AttributeAgreement.exclusive_by_attribute`); NaN is left out.
        names: of the A attributes; sorted by the first label's values.

    Raises:
        ValueError: nothing to draw, or other lengths.
    """
    if not values or any(part.shape != (len(names),) for part in values.values()):
        raise ValueError(f"values must be [{len(names)}] for each label, with at least one label.")
    first = next(iter(values.values())).double().numpy()
    order = np.argsort(-np.nan_to_num(first, nan=-1.0), kind="stable")
    figure, axes = plt.subplots(figsize=(7.5, 0.7 + 0.22 * len(names)), layout="constrained")
    for (label, part), marker in zip(values.items(), "oDs^v", strict=False):
        axes.plot(100 * part.double().numpy()[order], range(len(names)), marker, markersize=6, label=label, alpha=0.85)
    axes.set_yticks(range(len(names)), [names[k] for k in order], fontsize=8)
    axes.set(xlim=(-3, 103), ylim=(len(names) - 0.4, -0.6), xlabel="pairs that differ in it and have it on top (%)")
    axes.legend(fontsize=9, loc="upper center", bbox_to_anchor=(0.45, 1.1), ncols=len(values), frameon=False)
    return figure


def _shared_scale(parts: Sequence[np.ndarray]) -> Normalize:
    """From 0 to the 99th percentile of all maps, so that one bright place does not darken the rest."""
    values = np.concatenate([part.ravel() for part in parts])
    values = values[np.isfinite(values)]
    return Normalize(0.0, max(float(np.percentile(values, 99)), 1.0) if len(values) else 1.0, clip=True)


def _overlay(axes: Axes, path: Path, values: np.ndarray, scale: Normalize, title: str) -> AxesImage:
    picture = read_image(path).convert("L")
    width, height = picture.size
    axes.imshow(picture, cmap="gray", extent=(0, width, height, 0))
    shown = axes.imshow(
        values, cmap=SEQUENTIAL_MAP, norm=scale, alpha=0.6, extent=(0, width, height, 0), interpolation="bilinear"
    )
    axes.set(xticks=[], yticks=[], xlim=(0, width), ylim=(height, 0))
    axes.set_title(title, fontsize=8, pad=3)
    axes.grid(False)
    sns.despine(ax=axes, left=True, bottom=True)
    return shown


def _colour_bar(figure: Figure, grid: np.ndarray, scale: Normalize) -> None:
    bar = figure.colorbar(ScalarMappable(scale, SEQUENTIAL_MAP), ax=grid.ravel().tolist(), shrink=0.8, pad=0.02)
    bar.set_label("attention (1 = as in the target)", fontsize=9)
    bar.ax.tick_params(labelsize=8)
