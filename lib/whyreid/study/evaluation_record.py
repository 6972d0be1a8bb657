"""What `whyreid evaluate` measured, as a small file: the numbers, and of what, on what and how they were measured."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from whyreid.data import ReIDTable
from whyreid.models import TargetModel
from whyreid.retrieval import RankingReport
from whyreid.study.artifacts import versions
from whyreid.study.project import find_project
from whyreid.study.provenance import Provenance, git_commit
from whyreid.study.target_networks import network_name
from whyreid.training import TrainingHistory
from whyreid.training.atomic import write_text

FORMAT = "whyreid evaluation 1"
COLUMNS = ("data set", "network", "trained on", "seed", "ranking", "rank-1", "rank-5", "rank-10", "mAP", "mINP")


def describe_target(
    target: TargetModel, training: Path | None = None, *, network: str | None = None, trained_on: str | None = None
) -> dict[str, Any]:
    """Which target was measured, in plain values without a path.

    Args:
        target: what was measured.
        training: the folder of a training that it was read from, or the target.pt in it.
        network: the name of a checkpoint's model; None = as the target's architecture says.
        trained_on: name of the data set that a checkpoint learned from.

    Returns:
        network, weights (see `weights_digest`), parameters, distance, image_size, and "training": data set, seed and
        recipe, or None where nothing is known of it.
    """
    settings = None if training is None else _settings(training if training.is_dir() else training.parent)
    if settings is None and trained_on is not None:
        settings = {"table": {"name": trained_on}, "seed": None, "recipe": None}
    return {
        "network": network or network_name(target),
        "weights": weights_digest(target),
        "parameters": sum(parameter.numel() for parameter in target.parameters()),
        "distance": target.distance,
        "image_size": list(target.image_input.size),
        "training": None if settings is None else {name: settings[name] for name in ("table", "seed", "recipe")},
    }


def weights_digest(target: TargetModel) -> str:
    """64 hexadecimal digits (SHA-256) of all weights and their names: the same whichever file they come from."""
    said = hashlib.sha256()
    for name, value in sorted(target.state_dict().items()):
        said.update(f"{name} {value.dtype} {list(value.shape)}\n".encode())
        said.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return said.hexdigest()


def describe_table(table: ReIDTable) -> dict[str, Any]:
    """On which data set: name, protocol, whether it is a part, pictures, and a digest of what is scored."""
    query, gallery = table.select("query"), table.select("gallery")
    return {
        "name": table.name,
        "protocol": table.protocol,
        "partial": table.partial,
        "queries": len(query),
        "gallery": len(gallery),
        "digest": table.select("query", "gallery").digest(),
    }


def save_evaluation(
    path: Path,
    reports: Mapping[str, RankingReport],
    *,
    target: Mapping[str, Any],
    table: Mapping[str, Any],
    options: Mapping[str, Any],
    seconds: float,
) -> None:
    """Write the record; a reader finds the old file or the whole new one.

    Args:
        path: the file, usually ``*.json``; its folder exists.
        reports: ranking -> report, from `evaluate_target`.
        target: from `describe_target`.
        table: from `describe_table`.
        options: what was asked for; "device" is "auto", "cpu" or "cuda".
        seconds: how long measuring took.
    """
    made_by = Provenance(preset="", seed=0, device=str(options.get("device", "auto")))
    record = {
        "format": FORMAT,
        "target": target,
        "table": table,
        "options": options,
        "rows": [{"ranking": name, **_numbers(report)} for name, report in reports.items()],
        "provenance": {
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "device": made_by.device_name(),
            "wall_seconds": round(seconds, 1),
            "whyreid": version("whyreid"),
            "commit": git_commit(),
            "python": platform.python_version(),
            **versions(),
        },
    }
    write_text(path, json.dumps(record, indent=1, ensure_ascii=False) + "\n")


def evaluations_folder() -> Path:
    """`book/results/evaluations` in the project: what lies there is shown in the book's table of targets."""
    return find_project() / "book" / "results" / "evaluations"


def read_evaluations(folder: Path | None = None) -> pd.DataFrame:
    """All records of a folder in one table.

    Args:
        folder: holds files of `save_evaluation`; `evaluations_folder()` unless given. It need not exist.

    Returns:
        One row a target, data set and ranking, with `COLUMNS`: the measures are fractions, "data set" says ", partial"
        where it is one, "trained on" and "seed" are missing where they are not known. Empty without a record.

    Raises:
        ValueError: a file that is no such record.
    """
    rows: list[dict[str, Any]] = []
    for path in sorted((folder or evaluations_folder()).glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(record, dict) or record.get("format") != FORMAT:
            raise ValueError(f"{path.name} is no record of whyreid evaluate ({FORMAT}); move it elsewhere.")
        training = record["target"]["training"] or {"table": {"name": None}, "seed": None}
        names = {
            "data set": _data_set(record["table"]["name"], record["table"]["partial"]),
            "network": record["target"]["network"],
            "trained on": training["table"]["name"],
            "seed": training["seed"],
        }
        rows += [names | row for row in record["rows"]]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def evaluation_rows(
    reports: Mapping[str, RankingReport], table: ReIDTable, *, network: str, trained_on: str, seed: int
) -> pd.DataFrame:
    """What was measured just now, in the columns of `read_evaluations`.

    Args:
        reports: ranking -> report, from `evaluate_target`.
        table: what was scored.
        network: name of the target.
        trained_on: name of the table that it learned from.
        seed: of its training.
    """
    names = {
        "data set": _data_set(table.name, table.partial), "network": network, "trained on": trained_on, "seed": seed,
    }  # fmt: skip
    rows = [names | {"ranking": name} | _numbers(report) for name, report in reports.items()]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _data_set(name: str, partial: bool) -> str:
    return f"{name}, partial" if partial else name


def _settings(training: Path) -> dict[str, Any] | None:
    """What a training says of itself; None where its history does not lie beside the target."""
    return TrainingHistory.load(training).settings if (training / "history.json").is_file() else None


def _numbers(report: RankingReport) -> dict[str, float | int]:
    """Fractions, to five digits; a CMC that is shorter than ten keeps its last value."""
    cmc = [float(report.cmc[min(rank, len(report.cmc)) - 1]) for rank in (1, 5, 10)]
    measures = dict(zip(("rank-1", "rank-5", "rank-10"), cmc, strict=True))
    measures |= {"mAP": report.mean_ap, "mINP": report.mean_inp}
    counts = {"queries": report.num_valid_queries, "all queries": report.num_queries, "ties": report.num_ties}
    return {name: round(value, 5) for name, value in measures.items()} | counts
