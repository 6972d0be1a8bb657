"""The stored variants of the interpreter as tables: mean and deviation over seeds, one test set at a time."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from whyreid.study.claims import Claim, mean_and_deviation, read_claim
from whyreid.study.interpreter_claim import CLAIM, CONTROL

_KEYS = ["variant", "target", "trained on", "tested on", "seed", "unit", "epochs"]


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
