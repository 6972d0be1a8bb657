"""The claim *people with rare attributes are found less well* (Specker, section 4.2), with several seeds.

Two Promenades: one with Market-1501's attribute frequencies, and one in which every value of a group is as frequent as
the others. If rarity in training is the reason, the correlation is there in the first and gone in the second.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pandas as pd
import torch
from torch import Tensor

from whyreid.data import attribute_frequencies
from whyreid.explain import rank_correlation
from whyreid.retrieval import evaluate_embeddings
from whyreid.study.attribute_steps import comparable_embeddings
from whyreid.study.balanced_promenade import balanced_promenade
from whyreid.study.claims import Row, Unit
from whyreid.study.datasets import load_dataset
from whyreid.study.presets import size_of
from whyreid.study.steps import trained_target
from whyreid.training import recipe_for

CLAIM = "rarity"
SEEDS = (0, 1, 2)
FREQUENCIES = ("market", "balanced")
_CODE = ("whyreid.study.rarity_claim", "whyreid.study.steps", "whyreid.pedestrians.render_promenade")


def rarity_units(*, preset: str = "full", device: str = "auto") -> tuple[Unit, ...]:
    """One target a seed on each of the two Promenades; those on Market-1501's frequencies are shared with others."""
    return tuple(
        Unit(
            CLAIM,
            f"{frequencies}-seed{seed}",
            {"frequencies": frequencies, "preset": size_of(preset), "seed": seed},
            partial(_measure, frequencies, preset, seed, device),
            _CODE,
        )
        for frequencies in FREQUENCIES
        for seed in SEEDS
    )


def rarity_bits(attributes: Tensor, positive_ratio: Tensor) -> Tensor:
    """Mean information of attribute values: [N, A] bool, [A] shares of training identities -> [N] float64, in bits.

    The mean over attributes of -log2 of the share of training identities that have the same value; a value that no
    training identity has counts as one in a thousand.

    Example:
        >>> rarity_bits(torch.tensor([[True, True], [False, True]]), torch.tensor([0.25, 0.5]))
        tensor([1.5000, 0.7075], dtype=torch.float64)
    """
    ratio = positive_ratio.double()
    share = torch.where(attributes, ratio, 1 - ratio)
    return -share.clamp_min(1e-3).log2().mean(dim=1)


def _measure(frequencies: str, preset: str, seed: int, device: str) -> Sequence[Row]:
    table = load_dataset("promenade-a", preset=preset) if frequencies == "market" else balanced_promenade(preset=preset)
    target = trained_target(table, recipe_for(size_of(preset)), seed=seed, device=device)
    query, gallery = table.select("query"), table.select("gallery")
    asked, found_in = (comparable_embeddings(target, part, device=device) for part in (query, gallery))
    report = evaluate_embeddings(asked, found_in, query.pids, gallery.pids, query.camids, gallery.camids)
    ratio = attribute_frequencies(table.select("train", "val"))["ratio"].to_numpy(copy=True)
    bits = rarity_bits(query.attribute_tensor(), torch.from_numpy(ratio))[report.valid_queries]
    columns = {"pid": query.pids[report.valid_queries], "bits": bits, "ap": report.average_precision}
    persons = pd.DataFrame(columns).groupby("pid").mean()
    found = rank_correlation(*(torch.tensor(persons[name].to_list()) for name in ("bits", "ap")))
    numbers = {"rho": found.rho, "low": found.low, "high": found.high, "mAP": report.mean_ap}
    rounded = {name: round(value, 5) for name, value in numbers.items()}
    return [{"frequencies": frequencies, "seed": seed, "persons": found.n, **rounded}]
