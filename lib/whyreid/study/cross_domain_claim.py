"""The claim *local matching crosses domains*: QAConv and the global embedding, at home and in the other town."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from whyreid.study.claims import Row, Unit
from whyreid.study.cross_domain_methods import METHODS, method_rows
from whyreid.study.datasets import PROMENADE_DOMAINS, load_dataset
from whyreid.study.presets import size_of

CLAIM = "cross-domain"
SEEDS = (0, 1, 2)
_CODE = ("whyreid.study.cross_domain_claim", "whyreid.pedestrians.render_promenade")


def cross_domain_units(*, preset: str = "full", device: str = "auto") -> tuple[Unit, ...]:
    """Each method trained on each domain of Promenade with three seeds, scored on both; methods in order."""
    units = []
    for method in METHODS:
        for seed in SEEDS:
            for dataset in PROMENADE_DOMAINS:
                inputs = {"method": method, "trained_on": dataset, "preset": size_of(preset), "seed": seed}
                name = f"{method.lower().replace(', ', '-').replace(' ', '-')}-{dataset}-seed{seed}"
                units.append(Unit(CLAIM, name, inputs, partial(_measure, method, dataset, preset, seed, device), _CODE))
    return tuple(units)


def _measure(method: str, dataset: str, preset: str, seed: int, device: str) -> Sequence[Row]:
    towns = {name: load_dataset(name, preset=preset) for name in PROMENADE_DOMAINS}
    return method_rows(method, towns[dataset], list(towns.values()), preset=preset, seed=seed, device=device)
