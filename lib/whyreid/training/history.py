"""What a training did, epoch by epoch."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from whyreid.training.atomic import write_text


@dataclass(frozen=True)
class EpochRecord:
    """One epoch of a training.

    Attributes:
        epoch: 1-based.
        loss: mean of the total loss.
        classification_loss: mean cross-entropy over training identities.
        metric_loss: mean triplet loss before its weight.
        accuracy: share of training pictures whose identity was classified right, 0..1.
        learning_rate: of the last step.
        images: pictures seen.
        seconds: wall time.
    """

    epoch: int
    loss: float
    classification_loss: float
    metric_loss: float
    accuracy: float
    learning_rate: float
    images: int
    seconds: float


@dataclass(frozen=True)
class TrainingHistory:
    """Record of a training: one entry per epoch, and what it was done with.

    Attributes:
        epochs: in order.
        settings: recipe, seed, table, device, precision, threads, versions: plain values.
    """

    epochs: tuple[EpochRecord, ...]
    settings: dict[str, Any]

    @property
    def seconds(self) -> float:
        """Wall time of all epochs, without the time between an interruption and its continuation."""
        return sum(record.seconds for record in self.epochs)

    @property
    def images_per_second(self) -> float:
        """Training throughput over all epochs."""
        return sum(record.images for record in self.epochs) / max(self.seconds, 1e-9)

    def frame(self) -> pd.DataFrame:
        """One row per epoch, columns as in `EpochRecord` and images_per_second."""
        frame = pd.DataFrame([dataclasses.asdict(record) for record in self.epochs])
        return frame.assign(images_per_second=frame["images"] / frame["seconds"].clip(lower=1e-9))

    def save(self, folder: Path) -> None:
        """Write history.csv (one row per epoch) and history.json (with the settings)."""
        write_text(folder / "history.csv", self.frame().to_csv(index=False, lineterminator="\n"))
        content = {"settings": self.settings, "epochs": [dataclasses.asdict(record) for record in self.epochs]}
        write_text(folder / "history.json", json.dumps(content, indent=1) + "\n")

    @classmethod
    def load(cls, folder: Path) -> TrainingHistory:
        """Read history.json."""
        content = json.loads((Path(folder) / "history.json").read_text(encoding="utf-8"))
        return cls(tuple(EpochRecord(**record) for record in content["epochs"]), content["settings"])
