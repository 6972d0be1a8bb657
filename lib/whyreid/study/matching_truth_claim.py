"""The claim *is the explanation of matching true*: QAConv's own parts against re-rendered truth of its logit."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from whyreid.study.claims import Row, Unit
from whyreid.study.datasets import load_dataset
from whyreid.study.matching_truth import explain_matches, matching_effects, matching_table
from whyreid.study.presets import size_of
from whyreid.study.qaconv_steps import trained_qaconv
from whyreid.study.truth_table import table_rows

CLAIM = "truth-of-matching"
MODEL = "QAConv 2.1"
SEEDS = (0, 1, 2)
SETTINGS = (("promenade-a", "promenade-a"), ("promenade-a", "promenade-b"))
"""Trained on, tested on."""

_CODE = ("whyreid.study.matching_truth_claim", "whyreid.study.steps", "whyreid.pedestrians.render_promenade")


def matching_truth_units(*, preset: str = "full", device: str = "auto") -> tuple[Unit, ...]:
    """Both settings with every seed, about seven minutes each on one core when QAConv is there."""
    return tuple(
        Unit(
            CLAIM,
            f"qaconv-{trained_on}-on-{tested_on}-seed{seed}",
            {"trained_on": trained_on, "tested_on": tested_on, "preset": size_of(preset), "seed": seed},
            partial(measure_matching_truth, trained_on, tested_on, preset, seed, device),
            _CODE,
        )
        for trained_on, tested_on in SETTINGS
        for seed in SEEDS
    )


def measure_matching_truth(
    trained_on: str, tested_on: str, preset: str, seed: int, device: str = "auto"
) -> Sequence[Row]:
    """Train (or find) QAConv 2.1, measure the truth about its logit, and score everything that explains it.

    Rows are those of `whyreid.study.matching_truth.matching_table`, with the columns of the claim "truth" before them.
    """
    learned = load_dataset(trained_on, preset=preset)
    table = learned if tested_on == trained_on else load_dataset(tested_on, preset=preset)
    trained = trained_qaconv(learned, version="2.1", preset=preset, seed=seed, device=device)
    effects = matching_effects(trained, table, trained_on=learned, preset=preset, device=device)
    scores = matching_table(list(explain_matches(trained, effects, trained_on=learned, seed=seed)), effects)
    about: Row = {
        "target": MODEL, "trained on": trained_on, "tested on": tested_on, "seed": seed, "pairs": len(effects)
    }  # fmt: skip
    return table_rows(scores, about)
