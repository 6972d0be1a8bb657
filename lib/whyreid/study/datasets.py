"""From the word in a notebook's parameters to a table: Promenade by name, anything else by its folder."""

from __future__ import annotations

from pathlib import Path

from whyreid.data import ReIDTable, hold_out_validation
from whyreid.pedestrians import render_promenade
from whyreid.study.artifacts import artifact
from whyreid.study.presets import size_of

PROMENADE_DOMAINS = {"promenade-a": "A", "promenade-b": "B"}
_DATA_SEED = 0
"""Training seeds vary between runs, the data set does not."""


def load_dataset(dataset: str, *, preset: str, progress: bool = False) -> ReIDTable:
    """The table that a notebook's `dataset` parameter names, with a validation split.

    Promenade is rendered at the first call and found again afterwards.
    A table without a "val" split gets one from a fifth of its training identities, always the same.

    Args:
        dataset: "promenade-a", "promenade-b", or the path of a table folder (`dataset.yaml`, `images.csv`).
        preset: size of Promenade; a folder is taken whole, whatever the preset.
        progress: show a bar while rendering.

    Raises:
        ValueError: no such name or folder, or a table that does not hold together.
    """
    size = size_of(preset)
    if dataset in PROMENADE_DOMAINS:
        return ReIDTable.load(_rendered(PROMENADE_DOMAINS[dataset], size, progress))
    folder = Path(dataset).expanduser()
    if not (folder / "dataset.yaml").is_file():
        raise ValueError(
            f"dataset must be one of {', '.join(PROMENADE_DOMAINS)} or a folder with a dataset.yaml, got {dataset!r}; "
            "write such a folder with one of data_scripts/, or by hand as the README says."
        )
    table = ReIDTable.load(folder)
    return table if (table.images["split"] == "val").any() else hold_out_validation(table)


def _rendered(domain: str, size: str, progress: bool) -> Path:
    """The folder of a rendered domain; rendering takes up after a kill."""

    def make(folder: Path) -> None:
        render_promenade(folder, domain=domain, preset=size, seed=_DATA_SEED, progress=progress)

    inputs = {"domain": domain, "preset": size, "seed": _DATA_SEED}
    return artifact("promenade", inputs, make, code=["whyreid.pedestrians.render_promenade"])
