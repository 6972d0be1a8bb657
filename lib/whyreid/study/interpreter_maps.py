"""Where an interpreter looks in the pictures of people who have an attribute, and where the attribute is."""

from __future__ import annotations

import torch
from torch import Tensor

from whyreid.data import ReIDTable
from whyreid.study.interpreter_report import known_labels
from whyreid.study.interpreter_steps import TrainedInterpreter
from whyreid.training import attention_means
from whyreid.truth import attribute_region_shares


def maps_of_present(interpreter: TrainedInterpreter, table: ReIDTable, *, device: str = "auto") -> Tensor:
    """Mean attention map of each attribute over the pictures of people who have it, relative to its own mean.

    Args:
        interpreter: from `trained_interpreter`.
        table: any table that has the attributes; people with an unknown label are left out.
        device: "auto", "cpu" or "cuda".

    Returns:
        [A, h, w] float32, > 0, each map with mean 1; NaN for an attribute that nobody has.

    Cost: one pass over the pictures.
    """
    labels, known = known_labels(table, interpreter.attributes)
    present = attention_means(interpreter.model, table.take(known), labels, device=device).present
    return (present / present.mean(dim=(1, 2), keepdim=True)).float()


def regions_of_present(table: ReIDTable, names: tuple[str, ...], size: tuple[int, int]) -> Tensor | None:
    """In how much of these pictures each place carries the attribute; the truth beside `maps_of_present`.

    Args:
        table: Promenade; of other data sets no masks are known.
        names: of A of its attributes.
        size: (h, w) of the maps.

    Returns:
        [A, h, w] float32 in 0..1, NaN for an attribute that nobody has; None without masks.
    """
    if "mask" not in table.images.columns:
        return None
    labels, known = known_labels(table, names)
    regions = attribute_region_shares(table.take(known), names, size)
    return torch.stack([regions[has, k].mean(dim=0) for k, has in enumerate(labels.T)])
