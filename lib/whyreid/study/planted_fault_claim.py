"""The claim *explanations reveal a planted fault*, or do not: two faults and none, with several seeds."""

from __future__ import annotations

from functools import partial

import pandas as pd

from whyreid.study.claims import Unit
from whyreid.study.planted_fault import ENDPOINTS, FAULTS, measure_fault
from whyreid.study.presets import size_of

CLAIM = "planted-fault"
SEEDS = (0, 1, 2)
_CODE = ("whyreid.study.planted_fault", "whyreid.study.steps", "whyreid.pedestrians.render_promenade")


def planted_fault_units(*, preset: str = "full", device: str = "auto") -> tuple[Unit, ...]:
    """Both faults and the comparison of two sound targets, seed by seed."""
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
    """Was the fault planted? Mean absolute true effects and shares in the sound and the faulty target, over seeds.

    Args:
        rows: of `read_claim("planted-fault")`.

    Returns:
        Index fault, quantity; columns effect (sound), effect (faulty), share (sound), share (faulty), seeds.
    """
    truth = rows[(rows["explainer"] == "truth") & (rows["fault"] != "none")]
    columns = {
        "sound size": "effect (sound)",
        "faulty size": "effect (faulty)",
        "sound": "share (sound)",
        "faulty": "share (faulty)",
    }
    grouped = truth.groupby(["fault", "quantity"], sort=False)
    table = grouped[list(columns)].mean().rename(columns=columns)
    table["seeds"] = grouped["seed"].nunique()
    return table


def revelations(rows: pd.DataFrame) -> pd.DataFrame:
    """The endpoint, unit by unit: does the explained share of the planted quantity change as the true one does?

    Args:
        rows: of `read_claim("planted-fault")`.

    Returns:
        One row an explainer, evidence, fault and seed; for "none" one for each endpoint. Columns change, low, high,
        risen, true change, and revealed: the interval excludes zero on the side of the true change. For "none" it is a
        false alarm: the interval excludes zero although no fault was planted.
    """
    endpoint = rows["fault"].map(ENDPOINTS)
    judged = (rows["quantity"] == endpoint) | (endpoint.isna() & rows["quantity"].isin(ENDPOINTS.values()))
    keys = ["fault", "seed", "quantity"]
    truth = rows[(rows["explainer"] == "truth") & judged].set_index(keys)["change"].rename("true change")
    found = rows[(rows["explainer"] != "truth") & judged].join(truth, on=keys)
    up, down = found["low"] > 0, found["high"] < 0
    rises = found["true change"] > 0
    found["revealed"] = (up & rises) | (down & ~rises)
    found.loc[found["fault"] == "none", "revealed"] = (up | down)[found["fault"] == "none"]
    return found[["explainer", "evidence", *keys, "change", "low", "high", "risen", "true change", "revealed"]]


def revelation_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Which explainer reveals which fault: a line each, seeds put together.

    Args:
        rows: of `read_claim("planted-fault")`.

    Returns:
        Index explainer, evidence; for each fault "change" (mean ± standard deviation over seeds, in percentage points)
        and "revealed" ("2 of 3", of so many seeds), and "false alarms" of two sound targets, of both endpoints in
        each seed. The first line is the truth.
    """
    found = revelations(rows)
    truth: dict[str, str] = {}
    for fault in ENDPOINTS:
        own = found[found["fault"] == fault].drop_duplicates("seed")
        truth |= {f"{fault}: change": _points(own["true change"]), f"{fault}: revealed": ""}
    keys: list[tuple[str, str]] = [("truth", "re-rendering")]
    lines = [truth | {"false alarms": ""}]
    for (explainer, evidence), part in found.groupby(["explainer", "evidence"], sort=False):
        keys.append((str(explainer), str(evidence)))
        lines.append(_line(part))
    return pd.DataFrame(lines, index=pd.MultiIndex.from_tuples(keys, names=["explainer", "evidence"]))


def _line(part: pd.DataFrame) -> dict[str, str]:
    """One explainer's line."""
    line: dict[str, str] = {}
    for fault in ENDPOINTS:
        own = part[part["fault"] == fault]
        line |= {f"{fault}: change": _points(own["change"]), f"{fault}: revealed": _count(own["revealed"])}
    return line | {"false alarms": _count(part.loc[part["fault"] == "none", "revealed"])}


def _count(revealed: pd.Series) -> str:
    return f"{int(revealed.sum())} of {len(revealed)}" if len(revealed) else "–"


def _points(shares: pd.Series) -> str:
    """Mean and deviation of shares, in percentage points with their sign."""
    if not len(shares):
        return "–"
    mean, deviation = 100 * shares.mean(), 100 * shares.std()
    return f"{mean:+.1f}" if pd.isna(deviation) else f"{mean:+.1f} ± {deviation:.1f}"
