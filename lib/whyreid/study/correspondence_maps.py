"""Feature maps of the pictures that are matched place by place."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F

from whyreid.data import ReIDTable
from whyreid.data.loading import ImageStore
from whyreid.models import TargetModel
from whyreid.training.device import resolve_device

_BATCH = 128


def target_maps(target: TargetModel, table: ReIDTable, *, device: str = "auto") -> Tensor:
    """A target's feature map of every picture of a table, [N, C, h, w] float32 on the CPU, of length one over C."""
    store, place = ImageStore(table, target.image_input.size, memory_limit=0), resolve_device(device)
    parts, training = [], target.training
    try:
        target.to(place).eval()
        with torch.inference_mode():
            for images in store.batches(torch.arange(len(store)).split(_BATCH)):
                maps = target.feature_map(target.image_input.prepare(images.to(place))).float()
                parts.append(F.normalize(maps, dim=1).cpu())
    finally:
        target.to("cpu").train(training)
    return torch.cat(parts).clone()


def pair_maps(
    embed: Callable[[ReIDTable], Tensor], query: ReIDTable, gallery: ReIDTable, pairs: pd.DataFrame
) -> tuple[Tensor, Tensor]:
    """The maps of both pictures of each pair; every picture is embedded once.

    Args:
        embed: table of N pictures -> [N, ...].
        query: the queries.
        gallery: the gallery.
        pairs: columns query and gallery, row numbers of the P pairs.

    Returns:
        Two of [P, ...].
    """
    sides = []
    for table, column in ((query, "query"), (gallery, "gallery")):
        rows, place = torch.tensor(pairs[column].to_list()).unique(return_inverse=True)
        sides.append(embed(table.take(rows))[place])
    return sides[0], sides[1]
