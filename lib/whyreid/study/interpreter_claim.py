"""The claim *what the prior loss does*: variants of the interpreter on labels and on the truth, beside controls."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial

from whyreid.data import ReIDTable
from whyreid.study.balanced_promenade import balanced_promenade
from whyreid.study.claims import Row, Unit
from whyreid.study.datasets import PROMENADE_DOMAINS, load_dataset
from whyreid.study.interpreter_ablations import (
    FULL,
    MAIN,
    SIDE,
    TARGETS,
    Ablation,
    ablation_recipe,
    target_recipe,
    trained_ablation,
)
from whyreid.study.interpreter_report import agreement_controls, agreement_row, interpreter_report
from whyreid.study.interpreter_steps import TrainedInterpreter
from whyreid.study.interpreter_truth import interpreter_truth
from whyreid.study.presets import size_of
from whyreid.study.steps import TrainedTarget, trained_target

CLAIM = "interpreter"
SEEDS = (0, 1, 2)
CONTROL = "control: "
_CODE = ("whyreid.study.interpreter_claim", "whyreid.study.steps", "whyreid.pedestrians.render_promenade")


def interpreter_units(*, preset: str = "full", device: str = "auto") -> tuple[Unit, ...]:
    """One unit a variant and seed: the terms of the prior with all seeds first, then the side questions."""
    ordered = [(ablation, seed) for group in (MAIN, SIDE) for seed in SEEDS for ablation in group]
    return tuple(
        Unit(
            CLAIM,
            f"{_slug(ablation.name)}-seed{seed}",
            {"variant": ablation.name, "preset": size_of(preset), "seed": seed},
            partial(measure_ablation, ablation, preset=preset, seed=seed, device=device),
            _CODE,
        )
        for ablation, seed in ordered
    )


def measure_ablation(ablation: Ablation, *, preset: str, seed: int, device: str = "auto") -> Sequence[Row]:
    """Train a variant and measure it where it learned; those with the full loss in the other domain, too.

    Args:
        ablation: of `MAIN` or `SIDE`.
        preset: size of the study.
        seed: of target and interpreter.
        device: "auto", "cpu" or "cuda".

    Returns:
        For each test set a row of the variant and, where data or target are its own, a row of each control.
    """
    table = _learned_table(ablation.dataset, preset)
    recipe = target_recipe(ablation, preset=preset)
    target = trained_target(table, recipe, seed=seed, network=ablation.network, device=device)
    interpreter = trained_ablation(ablation, target, table, preset=preset, seed=seed, device=device)
    rows: list[Row] = []
    for tested_on in _test_sets(ablation):
        tested = table if tested_on == ablation.dataset else load_dataset(tested_on, preset=preset)
        described = _described(ablation, tested_on, seed, preset)
        rows.append(described | rounded(ablation_numbers(interpreter, table, tested, device=device)))
        if ablation.name in _WITH_CONTROLS:
            rows += [described | row for row in control_rows(interpreter, target, table, tested, device=device)]
    return rows


def ablation_numbers(
    interpreter: TrainedInterpreter, table: ReIDTable, tested: ReIDTable, *, device: str = "auto"
) -> dict[str, float]:
    """All that is measured of one interpreter: agreement with labels and ranking, maps and biases, number of pictures.

    Args:
        interpreter: trained on ``table``.
        table: for the attributes' frequencies.
        tested: the table whose queries and gallery are looked at.
        device: "auto", "cpu" or "cuda".
    """
    query, gallery = tested.select("query"), tested.select("gallery")
    report = interpreter_report(interpreter, query, gallery, device=device)
    truth = interpreter_truth(interpreter, table.select("train"), query, gallery, device=device)
    counts = {"queries": len(query), "gallery": len(gallery), "pairs": report.agreement.num_pairs}
    return {**report.row(), **truth.row(), **counts}


def control_rows(
    interpreter: TrainedInterpreter, target: TrainedTarget, table: ReIDTable, tested: ReIDTable, *, device: str = "auto"
) -> list[dict[str, str | float]]:
    """The agreement of each control with the same labels, one row a control, "variant" naming it.

    Args:
        interpreter: names the attributes.
        target: predicts them.
        table: what both learned from.
        tested: the table whose queries and gallery are looked at.
        device: "auto", "cpu" or "cuda".
    """
    parts = tested.select("query"), tested.select("gallery")
    found = agreement_controls(interpreter, target, table, *parts, device=device)
    return [{"variant": CONTROL + name, **rounded(agreement_row(value))} for name, value in found.items()]


def rounded(numbers: Mapping[str, float]) -> dict[str, float]:
    """To five places; what is undefined is left out."""
    return {name: round(value, 5) for name, value in numbers.items() if not math.isnan(value)}


_WITH_CONTROLS = (*TARGETS, "balanced data", "trained on B")


def _learned_table(dataset: str, preset: str) -> ReIDTable:
    return balanced_promenade(preset=preset) if dataset == "balanced" else load_dataset(dataset, preset=preset)


def _test_sets(ablation: Ablation) -> tuple[str, ...]:
    """Own domain first; the full loss is also asked about the domain that it never saw."""
    if ablation.name not in (FULL, "trained on B"):
        return (ablation.dataset,)
    return (ablation.dataset, *(name for name in PROMENADE_DOMAINS if name != ablation.dataset))


def _described(ablation: Ablation, tested_on: str, seed: int, preset: str) -> dict[str, str | int | float]:
    return {
        "variant": ablation.name,
        "target": ablation.network,
        "trained on": ablation.dataset,
        "tested on": tested_on,
        "seed": seed,
        "epochs": ablation_recipe(ablation, preset=preset).epochs,
        "target epochs": target_recipe(ablation, preset=preset).epochs,
    }


def _slug(name: str) -> str:
    kept = "".join(letter if letter.isalnum() else " " for letter in name.lower())
    return "-".join(kept.split())
