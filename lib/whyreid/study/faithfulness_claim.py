"""The claim *which map is faithful*: insertion, deletion and sanity of every explainer with maps, with three seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import pandas as pd

from whyreid.study.claims import Row, Unit
from whyreid.study.datasets import load_dataset
from whyreid.study.faithfulness_table import faithfulness_table, unlearned_similarity
from whyreid.study.interpreter_steps import interpreter_recipe_for, trained_interpreter
from whyreid.study.presets import size_of
from whyreid.study.steps import trained_target
from whyreid.training import recipe_for

CLAIM = "faithfulness"
SEEDS = (0, 1, 2)
_DATASET = "promenade-a"
_CODE = ("whyreid.study.faithfulness_claim", "whyreid.study.steps", "whyreid.pedestrians.render_promenade")


def faithfulness_units(*, preset: str = "full", device: str = "auto") -> tuple[Unit, ...]:
    """One unit a training seed of the thin target, some minutes each on one core when target and interpreter exist."""
    return tuple(
        Unit(
            CLAIM,
            f"{_DATASET}-seed{seed}",
            {"dataset": _DATASET, "preset": size_of(preset), "seed": seed},
            partial(measure_faithfulness, _DATASET, preset, seed, device),
            _CODE,
        )
        for seed in SEEDS
    )


def measure_faithfulness(dataset: str, preset: str, seed: int, device: str = "auto") -> Sequence[Row]:
    """Rows of `faithfulness_table` (measure "faithfulness") and of `unlearned_similarity` (measure "sanity")."""
    table = load_dataset(dataset, preset=preset)
    size = size_of(preset)
    target = trained_target(table, recipe_for(size), seed=seed, device=device)
    interpreter = trained_interpreter(target, table, interpreter_recipe_for(size), seed=seed, device=device)
    found = faithfulness_table(target.model, table, preset=preset, seed=seed, interpreter=interpreter, device=device)
    sanity = unlearned_similarity(target.model, table, preset=preset, seed=seed, device=device)
    return [*_rows(found, "faithfulness", seed), *_rows(sanity, "sanity", seed)]


def _rows(frame: pd.DataFrame, measure: str, seed: int) -> list[Row]:
    about: dict[str, str | int | float] = {"measure": measure, "seed": seed}
    return [
        about | {str(key): _plain(value) for key, value in row.items() if not _missing(value)}
        for row in frame.to_dict("records")
    ]


def _missing(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _plain(value: object) -> str | int | float:
    if isinstance(value, str | int):
        return value
    return round(float(value), 5)  # type: ignore[arg-type]
