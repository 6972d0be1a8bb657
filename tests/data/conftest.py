"""Small tables and raw folders, made of plain coloured pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from whyreid.data import ReIDTable


def _write_pictures(root: Path, paths: Iterable[str]) -> None:
    for number, path in enumerate(paths):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 8), (number % 256, 7 * number % 256, 60)).save(root / path)


@pytest.fixture
def write_pictures() -> Callable[[Path, Iterable[str]], None]:
    """write_pictures(root, paths): a tiny picture at every path, no two alike for the first 256."""
    return _write_pictures


@pytest.fixture
def images() -> pd.DataFrame:
    """Four training identities and two test identities, each once in cameras 0 and 1, and one distractor."""
    rows = [
        (f"pictures/{pid}_{camid}.png", pid, camid, 10.5 * pid + camid, split)
        for pid, splits in {1: "tt", 2: "tt", 3: "tt", 4: "tt", 5: "qg", 6: "qg", 0: "gg"}.items()
        for camid, split in enumerate({"t": "train", "q": "query", "g": "gallery"}[letter] for letter in splits)
    ]
    return pd.DataFrame(rows[:-1], columns=["path", "pid", "camid", "time", "split"])


@pytest.fixture
def attributes() -> pd.DataFrame:
    """For the six identities of `images`: hat is unknown for 3; upper colours are unknown or mixed for 2 and 6."""
    return pd.DataFrame(
        {
            "hat": pd.array([1, 0, None, 0, 1, 0], dtype="Int8"),
            "upred": [1, 0, 0, 1, 0, 0],
            "upblue": [0, 0, 1, 0, 1, 0],
        },
        index=pd.Index([1, 2, 3, 4, 5, 6], name="pid"),
    )


@pytest.fixture
def table(tmp_path: Path, images: pd.DataFrame, attributes: pd.DataFrame) -> ReIDTable:
    """The pictures of `images` in tmp_path/street, with `attributes`; not saved."""
    _write_pictures(tmp_path / "street", images["path"])
    return ReIDTable("street", tmp_path / "street", images, attributes, fps=25)


@pytest.fixture
def saved(table: ReIDTable) -> Path:
    """The folder of `table`, saved beside its pictures."""
    return table.save(table.root)
