"""The claim *explanations reveal a planted fault*, or do not: three faults and none, with several seeds.

What re-rendering shows decides how a change of an explained share is read.

* The true share changed (its interval excludes zero): the explainer *reveals* the fault when its own change goes the
  same way and its interval excludes zero, *misleads* when it goes the other way as surely, and else *misses* it.
* The true share did not change: any sure change is a *false alarm*, and no sure change is *quiet*, as it should be.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pandas as pd

from whyreid.study.claims import Unit
from whyreid.study.planted_fault import ENDPOINTS, FAULTS, measure_fault
from whyreid.study.presets import size_of

CLAIM = "planted-fault"
SEEDS = (0, 1, 2)
_CODE = ("whyreid.study.planted_fault", "whyreid.study.steps", "whyreid.pedestrians.render_promenade")


def planted_fault_units(*, preset: str = "full", device: str = "auto") -> tuple[Unit, ...]:
    """All faults and the comparison of two sound targets, seed by seed."""
    return tuple(
        Unit(
            CLAIM,
            f"{fault}-seed{seed}",
            {"fault": fault, "preset": size_of(preset), "seed": seed},
            partial(measure_fault, fault, preset, seed=seed, device=device),
            _CODE,
        )
        for seed in SEEDS
        for fault in FAULTS
    )


def confirmation_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Did the fault in the data become one of the model? True effects in the sound and the faulty target, over seeds.

    Args:
        rows: of `read_claim("planted-fault")`.

    Returns:
        Index fault, quantity; columns effect (sound), effect (faulty): mean absolute effects in units of the distance;
        share (sound), share (faulty); confirmed: in how many seeds the interval of the share's change excludes zero;
        seeds.
    """
    truth = rows[(rows["explainer"] == "truth") & (rows["fault"] != "none")]
    truth = truth.assign(confirmed=_sure(truth))
    columns = {
        "sound size": "effect (sound)",
        "faulty size": "effect (faulty)",
        "sound": "share (sound)",
        "faulty": "share (faulty)",
    }
    grouped = truth.groupby(["fault", "quantity"], sort=False)
    table = grouped[list(columns)].mean().rename(columns=columns)
    table["confirmed"] = grouped["confirmed"].sum().astype("int64")
    table["seeds"] = grouped["seed"].nunique()
    return table


def revelations(rows: pd.DataFrame) -> pd.DataFrame:
    """The endpoint, unit by unit: does the explained share of the planted quantity change as the true one does?

    Args:
        rows: of `read_claim("planted-fault")`.

    Returns:
        One row an explainer, evidence, fault and seed; for "none" one for each endpoint. Columns change, low, high,
        risen, true change, confirmed (the truth changed for sure), verdict ("revealed", "missed", "misled"; without a
        true change "quiet" or "false alarm") and revealed (the first of these).
    """
    endpoint = rows["fault"].map(ENDPOINTS)
    judged = (rows["quantity"] == endpoint) | (endpoint.isna() & rows["quantity"].isin(ENDPOINTS.values()))
    keys = ["fault", "seed", "quantity"]
    truth = rows[(rows["explainer"] == "truth") & judged]
    truth = truth.assign(confirmed=_sure(truth)).set_index(keys)[["change", "confirmed"]]
    found = rows[(rows["explainer"] != "truth") & judged].join(truth.rename(columns={"change": "true change"}), on=keys)
    same_way = (found["change"] > 0) == (found["true change"] > 0)
    sure, true = _sure(found), found["confirmed"]
    found["verdict"] = "quiet"
    found.loc[~true & sure, "verdict"] = "false alarm"
    found.loc[true & ~sure, "verdict"] = "missed"
    found.loc[true & sure, "verdict"] = "misled"
    found.loc[true & sure & same_way, "verdict"] = "revealed"
    found["revealed"] = found["verdict"] == "revealed"
    columns = ["change", "low", "high", "risen", "true change", "confirmed", "verdict", "revealed"]
    return found[["explainer", "evidence", *keys, *columns]]


def revelation_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Which explainer reveals which fault: a line each, seeds put together.

    Args:
        rows: of `read_claim("planted-fault")`.

    Returns:
        Index explainer, evidence; a pair of columns for each fault that was measured: its change (mean ± standard
        deviation over seeds, in percentage points) and its verdict ("2 revealed, 1 missed", of so many seeds), and
        "sound against sound", the verdicts on two targets without fault. The first line is the truth.
    """
    found = revelations(rows)
    faults = [fault for fault in ENDPOINTS if (found["fault"] == fault).any()]
    truth: dict[str, str] = {}
    for fault in faults:
        own = found[found["fault"] == fault].drop_duplicates("seed")
        confirmed = f"{int(own['confirmed'].sum())} of {len(own)} confirmed"
        truth |= {f"{fault}: change": _points(own["true change"]), f"{fault}: verdict": confirmed}
    keys: list[tuple[str, str]] = [("truth", "re-rendering")]
    lines = [truth | {"sound against sound": ""}]
    for (explainer, evidence), part in found.groupby(["explainer", "evidence"], sort=False):
        keys.append((str(explainer), str(evidence)))
        lines.append(_line(part, faults))
    return pd.DataFrame(lines, index=pd.MultiIndex.from_tuples(keys, names=["explainer", "evidence"]))


def _line(part: pd.DataFrame, faults: Sequence[str]) -> dict[str, str]:
    """One explainer's line."""
    line: dict[str, str] = {}
    for fault in faults:
        own = part[part["fault"] == fault]
        line |= {f"{fault}: change": _points(own["change"]), f"{fault}: verdict": _counted(own["verdict"])}
    return line | {"sound against sound": _counted(part.loc[part["fault"] == "none", "verdict"])}


def _sure(rows: pd.DataFrame) -> pd.Series:
    """Whether the interval excludes zero."""
    return (rows["low"] > 0) | (rows["high"] < 0)


def _counted(verdicts: pd.Series) -> str:
    """As "2 revealed, 1 missed", the most frequent first."""
    counts = verdicts.value_counts(sort=True)
    return ", ".join(f"{number} {verdict}" for verdict, number in counts.items()) or "–"


def _points(shares: pd.Series) -> str:
    """Mean and deviation of shares, in percentage points with their sign."""
    if not len(shares):
        return "–"
    mean, deviation = 100 * shares.mean(), 100 * shares.std()
    return f"{mean:+.1f}" if pd.isna(deviation) else f"{mean:+.1f} ± {deviation:.1f}"
