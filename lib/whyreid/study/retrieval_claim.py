"""The claim *the target finds people again*: in its own town and in the other one, re-ranked, beside its controls."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from whyreid.data import ReIDTable
from whyreid.models import thin_network
from whyreid.study.claims import Row, Unit
from whyreid.study.datasets import PROMENADE_DOMAINS, load_dataset
from whyreid.study.presets import size_of
from whyreid.study.ranking_row import ranking_row
from whyreid.study.steps import colour_embeddings, embeddings, trained_target
from whyreid.study.target_ranking import evaluate_target_ranking
from whyreid.training import embed_images, recipe_for

CLAIM = "retrieval"
SEEDS = (0, 1, 2)
TARGETS = {"thin": "thin target", "thin-ibn": "thin-ibn target"}
"""Networks that are trained, and what a row calls them."""
_Names = dict[str, str | int | float]
_CODE = (
    "whyreid.study.retrieval_claim",
    "whyreid.study.steps",
    "whyreid.pedestrians.render_promenade",
)


def retrieval_units(*, preset: str = "full", device: str = "auto") -> tuple[Unit, ...]:
    """Two targets trained on each domain of Promenade with three seeds, and controls, all scored on both domains."""
    thin = [_unit("thin", dataset, seed, preset, device) for dataset in PROMENADE_DOMAINS for seed in SEEDS]
    others = [_unit("thin-ibn", dataset, seed, preset, device) for seed in SEEDS for dataset in PROMENADE_DOMAINS]
    inputs = {"trained_on": None, "preset": size_of(preset), "seeds": SEEDS}
    controls = Unit(CLAIM, "controls", inputs, partial(_controls, preset, device), _CODE)
    return (*thin, controls, *others)


def _unit(network: str, dataset: str, seed: int, preset: str, device: str) -> Unit:
    name = f"{dataset}-seed{seed}" if network == "thin" else f"{network}-{dataset}-seed{seed}"
    inputs = {"network": network, "trained_on": dataset, "preset": size_of(preset), "seed": seed}
    return Unit(CLAIM, name, inputs, partial(_trained, network, dataset, preset, seed, device), _CODE)


def _trained(network: str, dataset: str, preset: str, seed: int, device: str) -> Sequence[Row]:
    table = load_dataset(dataset, preset=preset)
    target = trained_target(table, recipe_for(size_of(preset)), network=network, seed=seed, device=device)
    rows: list[Row] = []
    for tested_on in PROMENADE_DOMAINS:
        tables = _test_tables(tested_on, preset)
        features = [embeddings(target, part, device=device) for part in tables]
        names: _Names = {"method": TARGETS[network], "trained on": dataset, "tested on": tested_on, "seed": seed}
        rows += _rows(names, features, tables, target.model.distance)
    return rows


def _controls(preset: str, device: str) -> Sequence[Row]:
    rows: list[Row] = []
    for tested_on in PROMENADE_DOMAINS:
        tables = _test_tables(tested_on, preset)
        names: _Names = {"method": "stripe colours", "trained on": "nothing", "tested on": tested_on, "seed": 0}
        rows += _rows(names, [colour_embeddings(part) for part in tables], tables, "cosine")
        for seed in SEEDS:
            network = thin_network(seed=seed)
            untrained = [embed_images(network, part, device=device, flip=False) for part in tables]
            rows += _rows(names | {"method": "untrained", "seed": seed}, untrained, tables, network.distance)
            generator = torch.Generator().manual_seed(seed)
            drawn = [torch.randn(len(part), 8, generator=generator) for part in tables]
            rows += _rows(names | {"method": "random order", "seed": seed}, drawn, tables, "cosine")
    return rows


def _test_tables(dataset: str, preset: str) -> tuple[ReIDTable, ReIDTable]:
    table = load_dataset(dataset, preset=preset)
    return table.select("query"), table.select("gallery")


def _rows(names: _Names, features: Sequence[Tensor], tables: tuple[ReIDTable, ReIDTable], metric: str) -> list[Row]:
    """Two rows: as the embeddings rank, and re-ranked."""
    asked, found = features
    rows: list[Row] = []
    for reranked in (False, True):
        report = evaluate_target_ranking(asked, found, *tables, metric=metric, reranked=reranked)
        rows.append(names | {"re-ranked": reranked} | ranking_row(report))
    return rows
