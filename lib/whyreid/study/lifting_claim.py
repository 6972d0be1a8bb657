"""The claim *time lifts a ranking*: how much, against times that are wrong, and with which settings.

Each unit tests one target in its own town and in the other one. Rows are of four kinds (column "kind"): "setting" (a
way of ranking), "sensitivity" (one published setting changed), "company" (searches by what the pivots found) and
"validation" (which similarity to lift, on the validation identities of the town trained on).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import pandas as pd
import torch

from whyreid.data import ReIDTable
from whyreid.retrieval import RankingReport
from whyreid.retrieval.time_gap_lifting import time_gap_lift
from whyreid.study.claims import Row, Unit, mean_and_deviation
from whyreid.study.datasets import PROMENADE_DOMAINS, load_dataset
from whyreid.study.lifting_gain import gain_by_company, lifting_gain
from whyreid.study.lifting_steps import AUTHORS_ORDER, SIMILARITIES, LiftingCase, lifting_case
from whyreid.study.presets import size_of
from whyreid.study.steps import TrainedTarget, trained_target
from whyreid.training import recipe_for
from whyreid.truth.time_controls import TIME_CONTROLS

CLAIM = "lifting"
SEEDS = (0, 1, 2)
DRAWS = 5
PUBLISHED = {"tau": 100.0, "sigma": 200.0, "k": 10, "alpha": 0.2}
SENSITIVITY: dict[str, tuple[float, ...]] = {
    "tau": (3, 10, 30, 100, 300, 1000),
    "sigma": (10, 20, 50, 100, 200, 500, 1000),
    "k": (1, 2, 5, 10, 20, 50),
    "alpha": (0, 0.05, 0.1, 0.2, 0.5, 1, 2),
}
_MOMENT = 1e-6  # seconds: nobody but the query itself is its companion
_MEASURES = ("rank-1", "mAP", "mINP")
_CODE = ("whyreid.study.lifting_claim", "whyreid.study.steps", "whyreid.pedestrians.render_promenade")


def lifting_units(*, preset: str = "full", device: str = "auto") -> tuple[Unit, ...]:
    """Targets trained on each domain of Promenade with three seeds, each lifted on both domains."""
    return tuple(
        Unit(
            CLAIM,
            f"{dataset}-seed{seed}",
            {"trained_on": dataset, "preset": size_of(preset), "seed": seed, "draws": DRAWS},
            partial(_measure, dataset, preset, seed, device),
            _CODE,
        )
        for seed in SEEDS
        for dataset in PROMENADE_DOMAINS
    )


def lifting_settings(case: LiftingCase, *, draws: int = DRAWS, seed: int = 0) -> pd.DataFrame:
    """Rankings without and with lifting, with the true times and with wrong ones.

    Args:
        case: queries, gallery, cameras and times.
        draws: random draws of each kind of wrong times, over which the numbers are averaged.
        seed: of the draws.

    Returns:
        One row a way of ranking: similarity, method, times, draws, rank-1, mAP, mINP (fractions), queries.
    """
    rows: list[dict[str, object]] = [
        {"similarity": name, "method": method, "times": "true", "draws": 1, **_numbers([case.report(matrix)])}
        for name, simmat in case.similarities.items()
        for method, matrix in (("not lifted", simmat), ("lifted", case.lifted(simmat)))
    ]
    simmat = case.similarities[AUTHORS_ORDER]
    alone = case.report(case.lifted(simmat, tau=_MOMENT))
    gap = case.report(time_gap_lift(simmat, case.query_time, case.gallery_time))
    for method, report in (("lifted without companions", alone), ("lifted by the time gap", gap)):
        rows.append({"similarity": AUTHORS_ORDER, "method": method, "times": "true", "draws": 1, **_numbers([report])})
    for control in TIME_CONTROLS:
        drawn = list(_drawn(case, control, draws, seed))
        for method, reports in zip(("lifted", "lifted by the time gap"), zip(*drawn, strict=True), strict=True):
            named = {"similarity": AUTHORS_ORDER, "method": method, "times": control, "draws": draws}
            rows.append({**named, **_numbers(reports)})
    return pd.DataFrame(rows)


def lifting_sensitivity(case: LiftingCase) -> pd.DataFrame:
    """MAP and rank-1 with one setting changed at a time, the others as published.

    Returns:
        One row a value: setting, value, published (bool), rank-1, mAP, mINP (fractions), queries.
    """
    simmat = case.similarities[AUTHORS_ORDER]
    rows = [
        {"setting": name, "value": value, "published": value == PUBLISHED[name]}
        | _numbers([case.report(case.lifted(simmat, **{name: value}))])
        for name, values in SENSITIVITY.items()
        for value in values
    ]
    return pd.DataFrame(rows)


def lifting_summary(rows: pd.DataFrame, measure: str = "mAP") -> pd.DataFrame:
    """The ways of ranking as a table over towns, mean ± standard deviation over seeds, in per cent.

    Args:
        rows: of kind "setting".
        measure: "rank-1", "mAP" or "mINP".

    Returns:
        Index similarity, method, times; a text column for each pair of towns.
    """
    line, towns = ["similarity", "method", "times"], ["trained on", "tested on"]
    found = mean_and_deviation(rows, [*line, *towns], [measure])[measure].reset_index()
    town = found["trained on"].str[-1].str.upper() + " → " + found["tested on"].str[-1].str.upper()
    words = [f"{100 * mean:.1f} ± {100 * sd:.1f}" for mean, sd in zip(found["mean"], found["sd"], strict=True)]
    table = found.assign(town=town, words=words).pivot(index=line, columns="town", values="words")
    order = pd.MultiIndex.from_frame(found[line].drop_duplicates())
    return table.loc[order].rename_axis(columns=None)


def _measure(dataset: str, preset: str, seed: int, device: str) -> Sequence[Row]:
    table = load_dataset(dataset, preset=preset)
    target = trained_target(table, recipe_for(size_of(preset)), seed=seed, device=device)
    rows: list[dict[str, Any]] = [
        {"kind": "validation", **row} for row in lifting_on_validation(target, table, device=device)
    ]
    frames = []
    for tested_on in PROMENADE_DOMAINS:
        tested = load_dataset(tested_on, preset=preset)
        case = lifting_case(target, tested.select("query"), tested.select("gallery"), device=device)
        gain = gain_by_company(lifting_gain(case, case.similarities[AUTHORS_ORDER])).reset_index()
        for kind, frame in (
            ("setting", lifting_settings(case, seed=seed)),
            ("sensitivity", lifting_sensitivity(case)),
            ("company", gain.round(5)),
        ):
            frames.append(frame.assign(kind=kind, **{"tested on": tested_on}))
    for frame in frames:
        rows += [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]
    return [{"trained on": dataset, "seed": seed, **row} for row in rows]


def lifting_on_validation(
    target: TrainedTarget, table: ReIDTable, *, device: str = "auto"
) -> list[dict[str, str | int | float]]:
    """Every similarity with and without lifting, the validation pictures ranked against each other, a row each."""
    held_out = table.select("val")
    case = lifting_case(target, held_out, held_out, device=device)
    return [
        {"similarity": name, "method": method, **_numbers([case.report(matrix)])}
        for name in SIMILARITIES
        for method, matrix in (
            ("not lifted", case.similarities[name]),
            ("lifted", case.lifted(case.similarities[name])),
        )
    ]


def _drawn(case: LiftingCase, control: str, draws: int, seed: int) -> Iterator[tuple[RankingReport, RankingReport]]:
    """Lifted, and lifted by the time gap, with wrong times drawn anew each time."""
    generator = torch.Generator().manual_seed(seed)
    simmat = case.similarities[AUTHORS_ORDER]
    for _ in range(draws):
        wrong = case.with_wrong_times(control, generator)
        gap = time_gap_lift(simmat, wrong.query_time, wrong.gallery_time)
        yield wrong.report(wrong.lifted(simmat)), wrong.report(gap)


def _numbers(reports: Sequence[RankingReport]) -> dict[str, int | float]:
    """Means over reports, as a row."""
    found = [(report.rank1, report.mean_ap, report.mean_inp) for report in reports]
    means = torch.tensor(found, dtype=torch.float64).mean(dim=0).tolist()
    rounded = {name: round(value, 5) for name, value in zip(_MEASURES, means, strict=True)}
    return {**rounded, "queries": reports[0].num_valid_queries}
