"""Validation identities: everything that is chosen is chosen on people who are neither trained nor tested on."""

from __future__ import annotations

import dataclasses

import torch

from whyreid.data.table import ReIDTable


def hold_out_validation(table: ReIDTable, *, fraction: float = 0.2, seed: int = 0) -> ReIDTable:
    """Move a fraction of the training identities, with all their pictures, from split train to split val.

    A table that comes with validation identities is returned as it is. On val, every picture can be a query against
    all others: under protocol cross_camera a picture is never its own match, because it has its own camera.

    Args:
        table: has at least two training identities.
        fraction: of the training identities, above 0 and below 1; rounded, at least one, never all.
        seed: chooses the identities; the same identities for the same seed and set of training identities.

    Returns:
        The same pictures in a new table; no picture file is touched.

    Raises:
        ValueError: ``fraction`` is out of range or fewer than two identities are in train.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"fraction must be above 0 and below 1, got {fraction}; 0.2 is usual.")
    training = table.images["split"] == "train"
    if (table.images["split"] == "val").any():
        return table
    people = sorted(set(table.images.loc[training, "pid"]))
    if len(people) < 2:
        raise ValueError(f"train must have at least 2 identities to hold some out, got {len(people)}; add people.")
    count = min(max(round(fraction * len(people)), 1), len(people) - 1)
    order = torch.randperm(len(people), generator=torch.Generator().manual_seed(seed)).tolist()
    held_out = {people[place] for place in order[:count]}
    split = table.images["split"].mask(training & table.images["pid"].isin(held_out), "val")
    return dataclasses.replace(table, images=table.images.assign(split=split))
