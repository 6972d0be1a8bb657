"""The claim *matched locations show the same body part*: at home, in the other town, and across changes of view."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pandas as pd

from whyreid.data import ReIDTable
from whyreid.study.claims import Row, Unit
from whyreid.study.correspondence_pairs import correspondence_pairs
from whyreid.study.correspondence_ranking import matching_rows
from whyreid.study.correspondence_scores import PER_VIEW, measure_correspondences
from whyreid.study.datasets import PROMENADE_DOMAINS, load_dataset
from whyreid.study.networks import new_network
from whyreid.study.presets import size_of
from whyreid.study.qaconv_steps import trained_qaconv
from whyreid.study.steps import trained_target
from whyreid.study.target_trained_on import target_trained_on
from whyreid.training import recipe_for

CLAIM = "correspondences"
SEEDS = (0, 1, 2)
TRAINED_ON = "promenade-a"
_DRAW = 0  # the pairs are the same in every run: seeds vary the training, not the question
_CODE = ("whyreid.study.correspondences_claim", "whyreid.study.steps", "whyreid.pedestrians.render_promenade")


def correspondences_units(*, preset: str = "full", device: str = "auto") -> tuple[Unit, ...]:
    """QAConv 2.1 trained on Promenade's town A, its matches looked at in both towns, three seeds.

    A unit takes about a minute on one core when QAConv and the targets of the claim *cross-domain* are stored.
    """
    return tuple(
        Unit(
            CLAIM,
            f"{TRAINED_ON}-on-{tested_on}-seed{seed}",
            {"trained_on": TRAINED_ON, "tested_on": tested_on, "preset": size_of(preset), "seed": seed},
            partial(_measure, tested_on, preset, seed, device),
            _CODE,
        )
        for seed in SEEDS
        for tested_on in PROMENADE_DOMAINS
    )


def correspondence_rows(
    learned: ReIDTable, tested: ReIDTable, *, preset: str, seed: int, device: str = "auto"
) -> pd.DataFrame:
    """The rows of `measure_correspondences` and, of kind "ranking", of `matching_rows`, for one training.

    Args:
        learned: what QAConv 2.1 and the targets beside it were trained on.
        tested: a table with masks; its queries and gallery are matched.
        preset: network and schedule, and how many pairs.
        seed: of the trainings; the pairs are always the same.
        device: "auto", "cpu" or "cuda".
    """
    trained = trained_qaconv(learned, version="2.1", preset=preset, seed=seed, device=device)
    target = trained_target(learned, recipe_for(size_of(preset)), seed=seed, device=device)
    further = target_trained_on(learned, preset=preset, seed=seed, device=device)
    query, gallery = tested.select("query"), tested.select("gallery")
    pairs = correspondence_pairs(query, gallery, per_view=PER_VIEW[size_of(preset)], seed=_DRAW)
    untrained = new_network("thin", seed=seed)
    baselines = {"thin target": target.model, "thin target, trained on": further.model, "untrained network": untrained}
    agreement = measure_correspondences(trained, baselines, query, gallery, pairs, device=device)
    ranked = matching_rows(trained, further, query, gallery, device=device)
    return pd.concat([agreement, ranked], ignore_index=True)


def _measure(tested_on: str, preset: str, seed: int, device: str) -> Sequence[Row]:
    learned, tested = (load_dataset(name, preset=preset) for name in (TRAINED_ON, tested_on))
    rows = correspondence_rows(learned, tested, preset=preset, seed=seed, device=device)
    about: dict[str, str | int | float] = {"trained on": TRAINED_ON, "tested on": tested_on, "seed": seed}
    return [about | {str(k): _plain(v) for k, v in row.items() if v == v} for row in rows.to_dict("records")]


def _plain(value: object) -> str | int | float:
    if isinstance(value, str | int):
        return value
    return round(float(value), 5)  # type: ignore[arg-type]
