"""What localisation comes to over training seeds: the page's own run beside the stored ones, and who beats what."""

from __future__ import annotations

import math

import pandas as pd
import torch

from whyreid.explain import RankCorrelation, rank_correlation
from whyreid.study.claims import mean_and_deviation
from whyreid.study.in_words import mean_in_words, means_in_words
from whyreid.study.truth_localisation import FLAT, GROWN, LOCALISATION, MEASURES
from whyreid.study.truth_summary import SETTING
from whyreid.truth.truth_scores import PRIMARY

THIS_RUN, STORED = "this run", "stored"
FLAT_ROW = "flat map"
REFERENCES = ("centre", "silhouette")
"""Controls that give a map: the middle of the picture, and the person's outline."""

_FLAT_VALUES: dict[str, float | str] = {"energy over area": 1.0, "pointing": FLAT, "auc": 0.5}
"""What a flat map has, or the column that says it."""

_DIGITS = 2


def has_localisation(rows: pd.DataFrame) -> bool:
    """Whether rows of a claim say where maps lie; those measured by earlier versions do not."""
    return set(LOCALISATION) <= set(rows.columns) and bool(rows[LOCALISATION[0]].notna().any())


def localisation_beside(own: pd.DataFrame, stored: pd.DataFrame, *, grown: bool = False) -> pd.DataFrame:
    """Where the maps of each explainer and control lie: in one run, and over the stored seeds of one setting.

    Args:
        own: of `whyreid.study.truth_table.truth_table`.
        stored: rows of the claim, one setting; may be empty or without localisation.
        grown: for regions with a margin instead of the exact ones.

    Returns:
        Index explainer, those with maps only, and a flat map (for regions of groups) last; columns (measure, "this
        run") and, where stored, (measure, "stored"): text "mean ± sd".
    """
    columns = {name: name + (GROWN if grown else "") for name in MEASURES}
    found = _located(own)
    spread = mean_and_deviation(stored, ["explainer"], list(columns.values())) if has_localisation(stored) else None
    cells = {}
    for name, column in columns.items():
        flat = mean_in_words(_flat(found, name, grown), math.nan, digits=_DIGITS)
        cells[name, THIS_RUN] = [*(mean_in_words(value, math.nan, digits=_DIGITS) for value in found[column]), flat]
        if spread is not None:
            stored_column = spread[column].reindex(found.index)
            cells[name, STORED] = [*means_in_words(stored_column["mean"], stored_column["sd"], digits=_DIGITS), flat]
    return pd.DataFrame(cells, index=pd.Index([*found.index, FLAT_ROW], name="explainer"))


def who_beats_what(rows: pd.DataFrame) -> dict[str, dict[str, list[str]]]:
    """Measure -> reference -> the explainers that are above it in every seed, highest mean first.

    The references are a flat map, held against the regions of the same explainer, and the controls `REFERENCES`.

    Args:
        rows: of one setting, with localisation and a column "seed"; seeds without localisation do not count.
    """
    rows = _located(rows)
    return {name: {who: _above(rows, name, who) for who in (FLAT_ROW, *REFERENCES)} for name in MEASURES}


def localisation_sentence(rows: pd.DataFrame) -> str:
    """Which explainers beat a flat map, the middle of the picture and the silhouette, by which measure.

    Args:
        rows: stored rows of one setting, with localisation.
    """
    rows = _located(rows)
    told = rows.loc[rows["source"] == "explainer", "explainer"].nunique()
    clauses = [
        f"by *{name}* {_who(over[FLAT_ROW], told)} {'beat' if len(over[FLAT_ROW]) > 1 else 'beats'} a flat map, "
        f"{_who(over['centre'], told)} the middle of the picture, {_who(over['silhouette'], told)} the silhouette"
        for name, over in who_beats_what(rows).items()
    ]
    seeds = rows["seed"].nunique()
    start = "In the one stored seed" if seeds == 1 else f"In each of the {seeds} stored seeds"
    return f"{start}, {'; '.join(clauses)}."


def settings_agree(rows: pd.DataFrame) -> str:
    """Do the methods keep their order from one setting to another? The least rank correlation of any two settings.

    Args:
        rows: stored rows of the claim, with localisation.
    """
    by_setting = _located(rows).groupby(["explainer", *SETTING])[list(MEASURES)].mean().unstack(SETTING)
    settings, methods = len(by_setting[MEASURES[0]].columns), len(by_setting)
    if settings < 2:
        return "One setting is stored."
    least = {name: float(pd.DataFrame(by_setting[name]).corr("spearman").to_numpy().min()) for name in MEASURES}
    words = ", ".join(f"{value:.{_DIGITS}f} by {name}" for name, value in least.items())
    return (
        f"Between any two of the {settings} settings the orders of the {methods} methods correlate by at least {words}."
    )


def localisation_tells(rows: pd.DataFrame) -> RankCorrelation:
    """Over the explainers with maps: does lying right (energy over area) go with being true (the primary endpoint)?

    Args:
        rows: stored rows of the claim, with localisation; means over all of them are compared.
    """
    told = _located(rows[rows["source"] == "explainer"])
    means = told.groupby("explainer")[[MEASURES[0], PRIMARY]].mean()
    right, true = (torch.tensor(means[name].to_list(), dtype=torch.float64) for name in means.columns)
    return rank_correlation(right, true)


def _located(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.dropna(subset=[LOCALISATION[0]])


def _above(rows: pd.DataFrame, measure: str, reference: str) -> list[str]:
    values = _by_seed(rows[rows["source"] == "explainer"], measure)
    if reference == FLAT_ROW:
        flat = _FLAT_VALUES[measure]
        bar = _by_seed(rows, flat).reindex(values.index) if isinstance(flat, str) else 0 * values + flat
        above = values.gt(bar).all(axis=1)
    else:
        bars = rows[rows["explainer"] == reference].set_index("seed")[measure]
        above = values.gt(bars, axis="columns").all(axis=1)
    return [str(name) for name in values.mean(axis=1)[above].sort_values(ascending=False).index]


def _by_seed(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    return rows.pivot(index="explainer", columns="seed", values=column)


def _who(names: list[str], of: int) -> str:
    if len(names) <= 2:
        return " and ".join(f"“{name}”" for name in names) or "none"
    return f"all {of}" if len(names) == of else f"{len(names)} of {of}"


def _flat(found: pd.DataFrame, measure: str, grown: bool) -> float:
    """The value of a flat map on the regions of groups; without a control's map, on those of the first explainer."""
    value = _FLAT_VALUES[measure]
    if not isinstance(value, str):
        return value
    of_groups = found[found["source"] == "control"]
    values = (of_groups if len(of_groups) else found)[value + (GROWN if grown else "")]
    return float(values.iloc[0]) if len(values) else float("nan")
