"""What every benchmark shares: time against a plain reference, peak memory of a child process, results on disk."""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

RESULTS = Path(__file__).parent / "results"
THREADS = 2


def use_threads(threads: int = THREADS) -> None:
    """Let torch use this many threads; numpy's sorts use one."""
    torch.set_num_threads(threads)


def best_seconds(functions: Mapping[str, Callable[[], object]], *, repeats: int = 5) -> dict[str, float]:
    """Fastest of ``repeats`` runs of each function, taken in turns so that a busy machine disturbs all alike."""
    seconds = {name: float("inf") for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            seconds[name] = min(seconds[name], time.perf_counter() - start)
    return seconds


def compare(
    case: str, ours: Callable[[], object], plain: Callable[[], object], *, wanted: str, repeats: int = 5
) -> dict[str, Any]:
    """One row of the table: seconds of both and how many times ours is faster."""
    seconds = best_seconds({"ours": ours, "plain": plain}, repeats=repeats)
    return {
        "case": case,
        "ours_s": round(seconds["ours"], 4),
        "plain_s": round(seconds["plain"], 4),
        "times_faster": round(seconds["plain"] / seconds["ours"], 2),
        "wanted": wanted,
    }


def run_in_child(script: str, task: str) -> dict[str, Any]:
    """Run ``script --task task`` in a process of its own and return the row that it prints by :func:`print_row`."""
    command = [sys.executable, script, "--task", task]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def asked_task(*tasks: str) -> str | None:
    """Which of a script's ``tasks`` :func:`run_in_child` asks this process for; None where a person started it."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--task", choices=tasks, help="run this one here, print its row")
    return parser.parse_args().task


def print_row(case: str, seconds: float, *, wanted: str, **more: object) -> None:
    """Print this process's row: seconds of the step and the peak resident memory since it started."""
    peak = round(_peak_bytes() / 1e9, 2)
    row = {"case": case, "seconds": round(seconds, 2), "peak_gb": peak, "wanted": wanted, **more}
    print(json.dumps(row))


def provenance() -> dict[str, Any]:
    """Where and with what the numbers were taken."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "system": f"{platform.system()} {platform.machine()}",
    }


def save(name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write results/``name``.json and print the rows."""
    RESULTS.mkdir(exist_ok=True)
    content = {"benchmark": name, "provenance": provenance(), "rows": list(rows)}
    (RESULTS / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n")
    for row in rows:
        print(" | ".join(f"{key}: {value}" for key, value in row.items()))


def _peak_bytes() -> int:
    """Of this program alone: on Linux ``ru_maxrss`` also counts what the process that started it held at that time."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _cpu_model() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"
