"""Where a page's numbers come from: versions, device, data, commit, time."""

from __future__ import annotations

import platform
import subprocess
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import torch

from whyreid.data import ReIDTable

_PACKAGES = ("whyreid", "torch", "torchvision", "numpy", "pandas")


@dataclass(frozen=True)
class Provenance:
    """The record that closes every notebook; make it in the first cell, so that it knows when the page began.

    Attributes:
        preset: size of the study, "smoke" to "paper".
        seed: of everything random on the page but the data set.
        device: as the notebook was asked, "auto", "cpu" or "cuda".

    Example:
        >>> Provenance(preset="smoke", seed=0, device="cpu").device_name() != ""
        True
    """

    preset: str
    seed: int
    device: str
    _started: float = field(default_factory=time.perf_counter, repr=False)

    def device_name(self) -> str:
        """The accelerator or processor that does the work, with the number of threads on a CPU."""
        if self.device != "cpu" and torch.cuda.is_available():
            return torch.cuda.get_device_name()
        return f"{platform.machine()} CPU, {torch.get_num_threads()} threads"

    def table(self, data: ReIDTable) -> pd.DataFrame:
        """One row a fact, no path of the machine among them.

        Args:
            data: the table that the page is about; its digest covers rows and pictures.
        """
        facts = {
            "data set": f"{data.name}, {data.protocol}" + (" (partial)" if data.partial else ""),
            "digest of the data": data.digest()[:16],
            "preset, seed": f"{self.preset}, {self.seed}",
            "commit": git_commit(),
            "versions": ", ".join(f"{name} {version(name)}" for name in _PACKAGES),
            "Python, system": f"{platform.python_version()}, {platform.system()}",
            "device": self.device_name(),
            "executed": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            "wall time of this run": f"{time.perf_counter() - self._started:.0f} s (stored results were not made anew)",
        }
        return pd.DataFrame({"": facts})


def git_commit() -> str:
    """The short hash of the checked-out commit, with "+ changes" where files differ; "unknown" outside a checkout."""
    here = Path(__file__).parent
    try:
        head = _git(here, "rev-parse", "--short=12", "HEAD")
        changed = _git(here, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head + (" + changes" if changed else "")


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()
