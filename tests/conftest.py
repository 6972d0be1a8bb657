"""What every test shares: where real data may lie, and one CPU thread so that results do not depend on the machine."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

VECTORS = Path(__file__).parent / "data" / "vectors"


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Equal numbers of threads for equal numbers; and tiny networks are slower on several threads than on one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder that $WHYREID_DATA names (market1501-mini, attribute files, name lists); skips when it is absent."""
    folder = os.environ.get("WHYREID_DATA")
    if not folder:
        pytest.skip(
            "real data: set WHYREID_DATA to the folder that holds market1501-mini, market_attribute.mat and names"
        )
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


@pytest.fixture(scope="session")
def smoke_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a process that runs the study with the smoke preset, all of them with the same stored results.

    They are made anew in every session, unless $WHYREID_ARTIFACTS names a folder to keep them.
    """
    left_out = {"PYTHONPATH", "VIRTUAL_ENV", "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "PYTEST_CURRENT_TEST"}
    inherited = {key: value for key, value in os.environ.items() if key not in left_out}
    store = os.environ.get("WHYREID_ARTIFACTS") or str(tmp_path_factory.mktemp("artifacts"))
    return inherited | {"WHYREID_ARTIFACTS": store, "WHYREID_PRESET": "smoke"}


@pytest.fixture
def smoke_results(monkeypatch: pytest.MonkeyPatch, smoke_environment: dict[str, str]) -> None:
    """This process finds the stored results of `smoke_environment`, too."""
    monkeypatch.setenv("WHYREID_ARTIFACTS", smoke_environment["WHYREID_ARTIFACTS"])


@pytest.fixture(scope="session")
def scratch_clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh clone of the last commit: what somebody gets who clones the repository now."""
    root = Path(__file__).parents[1]
    if not (root / ".git").exists():
        pytest.skip("not a git checkout: nothing to clone")
    clone = tmp_path_factory.mktemp("fresh") / "whyreid"
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", root, clone], check=True)
    return clone
