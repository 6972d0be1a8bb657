"""The claim *the target finds people again*: in its own town, in the other one, and beside its controls."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pandas as pd
import torch
from torch import Tensor

from whyreid.data import ReIDTable
from whyreid.models import thin_network
from whyreid.retrieval import RankingReport, evaluate_embeddings
from whyreid.study.claims import Row, Unit, mean_and_deviation
from whyreid.study.datasets import PROMENADE_DOMAINS, load_dataset
from whyreid.study.presets import size_of
from whyreid.study.steps import colour_embeddings, embeddings, trained_target
from whyreid.training import embed_images, recipe_for

CLAIM = "retrieval"
SEEDS = (0, 1, 2)
_MEASURES = ["rank-1", "mAP", "mINP"]
_CODE = (
    "whyreid.study.retrieval_claim",
    "whyreid.study.steps",
    "whyreid.pedestrians.render_promenade",
)


def retrieval_units(*, preset: str = "full", device: str = "auto") -> tuple[Unit, ...]:
    """Targets trained on each domain of Promenade with three seeds, and the controls, each scored on both domains."""
    units = []
    for dataset in PROMENADE_DOMAINS:
        for seed in SEEDS:
            inputs = {"trained_on": dataset, "preset": size_of(preset), "seed": seed}
            name = f"{dataset}-seed{seed}"
            units.append(Unit(CLAIM, name, inputs, partial(_trained, dataset, preset, seed, device), _CODE))
    inputs = {"trained_on": None, "preset": size_of(preset), "seeds": SEEDS}
    units.append(Unit(CLAIM, "controls", inputs, partial(_controls, preset, device), _CODE))
    return tuple(units)


def retrieval_summary(rows: pd.DataFrame) -> pd.DataFrame:
    """The claim as a table: mean ± standard deviation over seeds, in per cent.

    Args:
        rows: of `read_claim("retrieval")`.

    Returns:
        Index method, trained on, tested on; text columns rank-1, mAP, mINP ("71.2 ± 0.4"; no deviation where nothing is
        random), and the numbers of seeds and queries.
    """
    by = ["method", "trained on", "tested on"]
    statistics = mean_and_deviation(rows, by, _MEASURES)
    shown = pd.DataFrame(index=statistics.index)
    for measure in _MEASURES:
        mean, deviation = 100 * statistics[measure, "mean"], 100 * statistics[measure, "sd"]
        shown[measure] = [
            f"{m:.1f}" if pd.isna(d) else f"{m:.1f} ± {d:.1f}" for m, d in zip(mean, deviation, strict=True)
        ]
    shown["seeds"] = statistics["seeds", "n"]
    shown["queries"] = rows.groupby(by, sort=False)["queries"].first()
    return shown


def _trained(dataset: str, preset: str, seed: int, device: str) -> Sequence[Row]:
    table = load_dataset(dataset, preset=preset)
    target = trained_target(table, recipe_for(size_of(preset)), seed=seed, device=device)
    rows = []
    for tested_on in PROMENADE_DOMAINS:
        query, gallery = _test_tables(tested_on, preset)
        report = _evaluate(query, gallery, embeddings(target, query), embeddings(target, gallery))
        rows.append(_row("thin target", dataset, tested_on, seed, report))
    return rows


def _controls(preset: str, device: str) -> Sequence[Row]:
    rows = []
    for tested_on in PROMENADE_DOMAINS:
        tables = _test_tables(tested_on, preset)
        colours = _evaluate(*tables, *(colour_embeddings(table) for table in tables))
        rows.append(_row("stripe colours", "nothing", tested_on, 0, colours))
        for seed in SEEDS:
            network = thin_network(seed=seed)
            untrained = [embed_images(network, table, device=device, flip=False) for table in tables]
            rows.append(_row("untrained", "nothing", tested_on, seed, _evaluate(*tables, *untrained)))
            generator = torch.Generator().manual_seed(seed)
            drawn = [torch.randn(len(table), 8, generator=generator) for table in tables]
            rows.append(_row("random order", "nothing", tested_on, seed, _evaluate(*tables, *drawn)))
    return rows


def _test_tables(dataset: str, preset: str) -> tuple[ReIDTable, ReIDTable]:
    table = load_dataset(dataset, preset=preset)
    return table.select("query"), table.select("gallery")


def _evaluate(query: ReIDTable, gallery: ReIDTable, asked: Tensor, found: Tensor) -> RankingReport:
    people = query.pids, gallery.pids, query.camids, gallery.camids
    return evaluate_embeddings(asked, found, *people, metric="cosine")


def _row(method: str, trained_on: str, tested_on: str, seed: int, report: RankingReport) -> Row:
    return {
        "method": method,
        "trained on": trained_on,
        "tested on": tested_on,
        "seed": seed,
        "rank-1": round(report.rank1, 5),
        "rank-5": round(float(report.cmc[4]), 5),
        "mAP": round(report.mean_ap, 5),
        "mINP": round(report.mean_inp, 5),
        "queries": report.num_valid_queries,
    }
