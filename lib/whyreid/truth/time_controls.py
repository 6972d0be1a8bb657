"""Times that are wrong in one way each: controls for every method that uses when a picture was taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor

TimeControl = Callable[[Tensor, Tensor, Tensor, torch.Generator], Tensor]
"""(time [N], camid [N], person [N], generator) -> time [N]."""


def scrambled_times(time: Tensor, camid: Tensor, person: Tensor, generator: torch.Generator) -> Tensor:
    """The times of each camera, dealt out to its pictures anew: when is noise, how often is kept.

    Args:
        time: [N], queries and gallery together.
        camid: [N] int64.
        person: not used.
        generator: of the draw.
    """
    shuffled = time.clone()
    for rows in _rows_by(camid):
        shuffled[rows] = time[rows[torch.randperm(len(rows), generator=generator)]]
    return shuffled


def swapped_visits(time: Tensor, camid: Tensor, person: Tensor, generator: torch.Generator) -> Tensor:
    """At each camera everybody passes at the moment of somebody else's visit.

    The pictures of one person at one camera stay together, so what time says within a camera is kept; what it says
    between cameras is gone, and so is everybody's company.

    Args:
        time: [N], queries and gallery together.
        camid: [N] int64.
        person: [N] int64; strangers need numbers of their own.
        generator: of the draw.
    """
    moved = time.clone()
    for rows in _rows_by(camid):
        visits = [rows[part] for part in _rows_by(person[rows])]
        moments = torch.stack([time[visit].mean() for visit in visits])
        others = moments[torch.randperm(len(visits), generator=generator)]
        for visit, before, after in zip(visits, moments, others, strict=True):
            moved[visit] = time[visit] - before + after
    return moved


def walks_apart(time: Tensor, camid: Tensor, person: Tensor, generator: torch.Generator) -> Tensor:
    """Everybody walks the same way as long, but sets out at a moment drawn at random: nobody walks in company.

    Args:
        time: [N], queries and gallery together.
        camid: not used.
        person: [N] int64; strangers need numbers of their own.
        generator: of the draw; the moments are uniform, so that every walk lies within the given times.
    """
    moved, first, last = time.clone(), time.min(), time.max()
    for rows in _rows_by(person):
        start, end = time[rows].min(), time[rows].max()
        room = last - first - (end - start)
        draw = torch.rand((), generator=generator, dtype=torch.float64).to(time)
        moved[rows] = time[rows] - start + first + draw * room
    return moved


def clocks_apart(time: Tensor, camid: Tensor, person: Tensor, generator: torch.Generator) -> Tensor:
    """Each camera's clock is off by a constant drawn at random: nobody has set them.

    Args:
        time: [N], queries and gallery together.
        camid: [N] int64.
        person: not used.
        generator: of the draw; constants are uniform over the length of the given times.
    """
    moved = time.clone()
    for rows in _rows_by(camid):
        draw = torch.rand((), generator=generator, dtype=torch.float64).to(time)
        moved[rows] = time[rows] + draw * (time.max() - time.min())
    return moved


TIME_CONTROLS: Mapping[str, TimeControl] = MappingProxyType(
    {
        "nobody in company": walks_apart,
        "visits swapped": swapped_visits,
        "times scrambled": scrambled_times,
        "clocks not set": clocks_apart,
    }
)
"""What is wrong with the times -> how to make them so."""


def _rows_by(label: Tensor) -> list[Tensor]:
    """The positions of each value, values rising."""
    order = label.argsort(stable=True)
    return list(order.split(label.unique(return_counts=True)[1].tolist()))
