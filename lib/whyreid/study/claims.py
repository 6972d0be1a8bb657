"""Claims need several seeds: measured unit by unit, and kept as small files in git with where they come from.

A claim is a folder `book/results/<claim>/` with one JSON file a unit. A unit is short enough to be repeated when it is
killed; what it trains and embeds is stored as artifacts, so that it goes on from there.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from whyreid.study.artifacts import versions, write_whole
from whyreid.study.canonical import canonical_json, digest_text
from whyreid.study.code_digest import code_digest
from whyreid.study.project import find_project

Row = Mapping[str, str | int | float]


@dataclass(frozen=True)
class Unit:
    """One measurement of a claim.

    Attributes:
        claim: name of the claim, of the folder.
        name: name of the unit, of the file.
        inputs: what decides the numbers beside the code: data, preset, seed, ...
        measure: does the work and returns rows of numbers and names.
        code: dotted names of the functions that decide the numbers.
    """

    claim: str
    name: str
    inputs: Mapping[str, Any]
    measure: Callable[[], Sequence[Row]]
    code: tuple[str, ...]

    def digest(self) -> str:
        """Of inputs and code; another one than that of the stored file means that the file is out of date."""
        parts = [self.claim, self.name, canonical_json(self.inputs), code_digest(self.code).digest]
        return digest_text("\n".join(parts))[:32]


@dataclass(frozen=True)
class Claim:
    """What is stored of a claim.

    Attributes:
        rows: one row a measured number or set of numbers, with the columns that the units gave.
        units: one row a unit: name, made, device, wall_seconds, torch, digest.
    """

    rows: pd.DataFrame
    units: pd.DataFrame


def results_folder() -> Path:
    """`book/results` in the project."""
    return find_project() / "book" / "results"


def measure_units(units: Sequence[Unit], folder: Path | None = None) -> Iterator[tuple[Unit, bool]]:
    """Measure what is missing or out of date; a finished unit is never measured twice.

    Args:
        units: in order.
        folder: of all claims; `results_folder()` unless given.

    Yields:
        Each unit after its turn, and whether it was measured now.
    """
    root = folder or results_folder()
    for unit in units:
        path = root / unit.claim / f"{unit.name}.json"
        fresh = path.is_file() and json.loads(path.read_text(encoding="utf-8"))["digest"] == unit.digest()
        if not fresh:
            _measure(unit, path)
        yield unit, not fresh


def read_claim(claim: str, folder: Path | None = None) -> Claim:
    """The stored rows of a claim.

    Args:
        claim: its name.
        folder: of all claims; `results_folder()` unless given.

    Raises:
        FileNotFoundError: nothing is stored under that name; says how to measure it.
    """
    root = (folder or results_folder()) / claim
    files = sorted(root.glob("*.json"))
    if not files:
        raise FileNotFoundError(f"no result of the claim {claim!r} is stored; run `whyreid claims --only {claim}`.")
    stored = [json.loads(path.read_text(encoding="utf-8")) for path in files]
    rows = pd.DataFrame([{"unit": unit["unit"], **row} for unit in stored for row in unit["rows"]])
    units = pd.DataFrame([{"unit": unit["unit"], "digest": unit["digest"], **unit["provenance"]} for unit in stored])
    return Claim(rows, units.set_index("unit"))


def mean_and_deviation(rows: pd.DataFrame, by: Sequence[str], values: Sequence[str]) -> pd.DataFrame:
    """Mean, sample standard deviation over seeds, and the number of seeds.

    Args:
        rows: of a claim, with a column "seed".
        by: columns that name a line of the table.
        values: columns of numbers.

    Returns:
        Index as `by`; columns (value, "mean"), (value, "sd") and ("seeds", "n"). The deviation of one seed is NaN.
    """
    grouped = rows.groupby(list(by), sort=False)
    table = grouped[list(values)].agg(["mean", "std"]).rename(columns={"std": "sd"}, level=1)
    table["seeds", "n"] = grouped["seed"].nunique()
    return table


def _measure(unit: Unit, path: Path) -> None:
    started = time.perf_counter()
    rows = [dict(row) for row in unit.measure()]
    cuda = torch.cuda.is_available()
    record = {
        "claim": unit.claim,
        "unit": unit.name,
        "digest": unit.digest(),
        "inputs": json.loads(canonical_json(unit.inputs)),
        "rows": rows,
        "provenance": {
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "device": torch.cuda.get_device_name() if cuda else f"{platform.machine()} CPU",
            "threads": torch.get_num_threads(),
            "wall_seconds": round(time.perf_counter() - started, 1),
            "python": platform.python_version(),
            **versions(),
        },
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
