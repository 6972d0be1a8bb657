"""The stored variants of the interpreter as tables: mean and deviation over seeds, one test set at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from whyreid.study.claims import Claim, mean_and_deviation, read_claim
from whyreid.study.datasets import PROMENADE_DOMAINS
from whyreid.study.in_words import means_in_words
from whyreid.study.interpreter_ablations import FULL
from whyreid.study.interpreter_claim import CLAIM, CONTROL
from whyreid.study.published_interpreters import published_interpreters

LABEL_PRIOR = CONTROL + "query's labels"
"""The control that looks at no picture and no model."""

_AGREEMENT = "X-mAP exclusive"
_KEYS = ["variant", "target", "trained on", "tested on", "seed", "unit", "epochs", "target epochs"]


def stored_variants() -> Claim:
    """The stored claim, shares and errors in per cent; without any row when nothing has been measured yet."""
    try:
        found = read_claim(CLAIM)
    except FileNotFoundError:
        return Claim(pd.DataFrame(columns=_KEYS), pd.DataFrame())
    percent = [name for name in found.rows.columns.difference(_KEYS) if is_share(name)]
    return Claim(found.rows.assign(**{name: 100 * found.rows[name] for name in percent}), found.units)


def is_share(measure: str) -> bool:
    """Whether a measure is a fraction to be shown in per cent; correlations, ratios and counts are not."""
    return (
        " with " not in measure and not measure.startswith("over ") and measure not in ("queries", "gallery", "pairs")
    )


def interpreter_summary(
    rows: pd.DataFrame, measures: Sequence[str], *, tested_on: str, trained_on: str | None = None
) -> pd.DataFrame:
    """Mean and standard deviation over seeds of the variants and controls on one test set.

    Args:
        rows: of `stored_variants`.
        measures: columns of numbers.
        tested_on: the test set.
        trained_on: what target and interpreter learned; the test set's own training identities unless given.

    Returns:
        Index variant; columns (measure, "mean"), (measure, "sd") and ("seeds", "n"), no rows when there is nothing.
        The controls are those of the thin target.
    """
    chosen = rows[(rows["tested on"] == tested_on) & (rows["trained on"] == (trained_on or tested_on))]
    control = chosen["variant"].astype(str).str.startswith(CONTROL)
    chosen = chosen[~control | (chosen["target"] == "thin")]
    if not len(chosen):
        columns = [*((name, part) for name in measures for part in ("mean", "sd")), ("seeds", "n")]
        return pd.DataFrame(
            columns=pd.MultiIndex.from_tuples(columns), index=pd.Index([], name="variant", dtype=object)
        )
    table = mean_and_deviation(chosen.reindex(columns=[*_KEYS, *measures]), ["variant"], measures)
    return table.rename_axis("variant")


def own_domain_summary(rows: pd.DataFrame, measures: Sequence[str], variants: Sequence[str]) -> pd.DataFrame:
    """Mean and standard deviation over seeds of variants that learned different data, each tested where it learned.

    Args:
        rows: of `stored_variants`.
        measures: columns of numbers.
        variants: names, in the order of the result; those that are not stored are passed over.

    Returns:
        As `interpreter_summary`.
    """
    chosen = rows[(rows["tested on"] == rows["trained on"]) & rows["variant"].isin(list(variants))]
    table = mean_and_deviation(chosen.reindex(columns=[*_KEYS, *measures]), ["variant"], measures)
    return table.loc[[name for name in variants if name in table.index]].rename_axis("variant")


def above_label_prior(rows: pd.DataFrame, measure: str = _AGREEMENT) -> pd.Series:
    """By how much each row is above the query's labels on the same people, to be compared across data sets.

    That control looks at labels alone, so it is the same for every target and seed.

    Args:
        rows: of `stored_variants`.
        measure: column of numbers.

    Returns:
        Indexed as ``rows``, in the unit of the measure; NaN where the control was not measured on these people.
    """
    found = rows[rows["variant"] == LABEL_PRIOR]
    people = ["trained on", "tested on"]
    if not len(found):
        return pd.Series(float("nan"), index=rows.index)
    level = rows[people].merge(found.groupby(people)[measure].mean().reset_index(), on=people, how="left")[measure]
    return rows[measure] - level.to_numpy()


def label_prior_table(rows: pd.DataFrame, page: Mapping[str, tuple[float, float]]) -> pd.DataFrame:
    """Exclusive X-mAP of the full loss beside that of the query's labels: measured here, and published.

    Args:
        rows: of `stored_variants`.
        page: label -> X-mAP of an interpreter and of the query's labels on the same people, in per cent.

    Returns:
        Index where; columns interpreter (%), query's labels (%), difference (points), seeds ("–" where unknown).
    """
    lines: dict[str, tuple[float, float, int | str]] = {name: (*pair, 1) for name, pair in page.items()}
    home = next(iter(PROMENADE_DOMAINS))
    for town in PROMENADE_DOMAINS:
        found = interpreter_summary(rows, [_AGREEMENT], tested_on=town, trained_on=home)
        if {FULL, LABEL_PRIOR} <= set(found.index):
            mean = found[_AGREEMENT, "mean"]
            name = f"stored, {home}" + ("" if town == home else f" → {town}")
            lines[name] = (mean[FULL], mean[LABEL_PRIOR], int(found["seeds", "n"][FULL]))
    printed = published_interpreters()[_AGREEMENT]
    for data, method in printed.index:
        if method.startswith("AMD"):
            lines[f"{data}, {method}"] = (printed[data, method], printed[data, "query's labels"], "–")
    table = pd.DataFrame.from_dict(lines, orient="index", columns=["interpreter (%)", "query's labels (%)", "seeds"])
    table.insert(2, "difference (points)", table["interpreter (%)"] - table["query's labels (%)"])
    return table


def summary_in_words(summary: pd.DataFrame, measures: Mapping[str, str], *, digits: int = 1) -> pd.DataFrame:
    """A summary as text, "71.9 ± 0.2", with the number of seeds; no deviation of one seed, a dash for nothing.

    Args:
        summary: of `interpreter_summary` or `own_domain_summary`.
        measures: measure -> heading of its column.
        digits: after the point.
    """
    columns: dict[str, list[str] | list[int]] = {
        heading: means_in_words(summary[measure, "mean"], summary[measure, "sd"], digits=digits)
        for measure, heading in measures.items()
    }
    columns["seeds"] = [int(number) for number in summary["seeds", "n"]]
    return pd.DataFrame(columns, index=summary.index)
