"""The claim *which explanation is true*: every explainer against re-rendered truth, with several training seeds."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from whyreid.study.claims import Row, Unit
from whyreid.study.datasets import load_dataset
from whyreid.study.presets import size_of
from whyreid.study.steps import trained_target
from whyreid.study.truth_explainers import explain_pairs
from whyreid.study.truth_steps import true_effects
from whyreid.study.truth_table import table_rows, truth_table
from whyreid.training import recipe_for

CLAIM = "truth"
SEEDS = (0, 1, 2)
SETTINGS = (
    ("thin", "promenade-a", "promenade-a"),
    ("thin-ibn", "promenade-a", "promenade-a"),
    ("thin", "promenade-a", "promenade-b"),
    ("thin-ibn", "promenade-a", "promenade-b"),
)
"""Network, trained on, tested on; the most important first."""

_CODE = ("whyreid.study.truth_claim", "whyreid.study.steps", "whyreid.pedestrians.render_promenade")


def truth_units(*, preset: str = "full", device: str = "auto") -> tuple[Unit, ...]:
    """Every setting with every seed, about five minutes each on one core when target and interpreter are there."""
    return tuple(
        Unit(
            CLAIM,
            f"{network}-{trained_on}-on-{tested_on}-seed{seed}",
            {
                "network": network,
                "trained_on": trained_on,
                "tested_on": tested_on,
                "preset": size_of(preset),
                "seed": seed,
            },
            partial(measure_truth, network, trained_on, tested_on, preset, seed, device),
            _CODE,
        )
        for network, trained_on, tested_on in SETTINGS
        for seed in SEEDS
    )


def measure_truth(
    network: str, trained_on: str, tested_on: str, preset: str, seed: int, device: str = "auto"
) -> Sequence[Row]:
    """Train (or find) a target, measure the truth, and score everything that explains it; see `truth_table`."""
    learned = load_dataset(trained_on, preset=preset)
    table = learned if tested_on == trained_on else load_dataset(tested_on, preset=preset)
    target = trained_target(learned, recipe_for(size_of(preset)), seed=seed, network=network, device=device)
    effects = true_effects(target, table, trained_on=learned, preset=preset, device=device)
    explanations = explain_pairs(
        target, effects.pairs, effects.usual, trained_on=learned, preset=preset, seed=seed, device=device
    )
    about: Row = {
        "target": network, "trained on": trained_on, "tested on": tested_on, "seed": seed, "pairs": len(effects)
    }  # fmt: skip
    return table_rows(truth_table(list(explanations), effects), about)
