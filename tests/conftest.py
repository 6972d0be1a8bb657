"""What every test shares: where real data may lie, and one CPU thread so that results do not depend on the machine."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

VECTORS = Path(__file__).parent / "data" / "vectors"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder that $WHYREID_DATA names (market1501-mini, attribute files, name lists); skips when it is absent."""
    folder = os.environ.get("WHYREID_DATA")
    if not folder:
        pytest.skip("real data: set WHYREID_DATA to the folder that holds market1501-mini, market_attribute.mat and names")
    path = Path(folder)
    if not path.is_dir():
        pytest.skip(f"real data: WHYREID_DATA={folder} is not a folder")
    return path


@pytest.fixture
def vectors():
    """Load one file of inputs and outputs of an original implementation: vectors("rerank_30x80") -> dict of arrays."""

    def load(name: str) -> dict[str, np.ndarray]:
        with np.load(VECTORS / f"{name}.npz", allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}

    return load


@pytest.fixture
def generator() -> torch.Generator:
    """A seeded generator, fresh for every test."""
    return torch.Generator().manual_seed(0)


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request: pytest.FixtureRequest) -> torch.device:
    """Every device at hand; the CUDA case skips where there is none."""
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    return torch.device(request.param)
