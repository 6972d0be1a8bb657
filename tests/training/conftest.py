"""A few striped pictures that a tiny network learns in a second."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from whyreid.data.table import ReIDTable
from whyreid.models import TargetModel, thin_network
from whyreid.training import Augmentation, TrainingRecipe

SIZE = (32, 16)
RECIPE = TrainingRecipe(
    epochs=3,
    images_per_epoch=32,
    identities_per_batch=4,
    images_per_identity=2,
    precision="32-true",
    augmentation=Augmentation(padding=2),
)


def write_striped_people(folder: Path, *, identities: int = 6, images: int = 5) -> ReIDTable:
    """Each identity wears its own two colours; noise differs from picture to picture. The last two are held out."""
    noise, rows = np.random.default_rng(0), []
    for pid in range(1, identities + 1):
        colours = np.random.default_rng(pid).integers(40, 215, (2, 3))
        for number in range(images):
            pixels = np.repeat(colours, 16, axis=0)[:, None, :] + noise.integers(-40, 41, (32, 16, 3))
            path = f"{pid:04d}_{number}.png"
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / path)
            split = "train" if pid <= identities - 2 else ("query" if number == 0 else "gallery")
            rows.append({"path": path, "pid": pid, "camid": number % 2, "time": None, "split": split})
    return ReIDTable("stripes", folder, pd.DataFrame(rows))


def tiny_target(seed: int = 0) -> TargetModel:
    return thin_network(widths=(4, 8, 8, 8), depths=(1, 1, 1), image_size=SIZE, seed=seed)


@pytest.fixture(scope="session")
def stripes(tmp_path_factory: pytest.TempPathFactory) -> ReIDTable:
    return write_striped_people(tmp_path_factory.mktemp("stripes"))


@pytest.fixture
def recipe() -> TrainingRecipe:
    return RECIPE


@pytest.fixture
def make_target() -> Callable[[int], TargetModel]:
    return tiny_target


@pytest.fixture
def target() -> TargetModel:
    return tiny_target()
