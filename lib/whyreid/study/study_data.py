"""Whether a data set can carry the study at all, asked before the first page is begun."""

from __future__ import annotations

from pathlib import Path

from whyreid.study.datasets import PROMENADE_DOMAINS, load_dataset
from whyreid.study.needs import is_embedded, load_table


def require_study_data(dataset: str) -> None:
    """Refuse a data set on which every page would fail: there must be people to train on, queries and a gallery.

    What only some pages need is said by `whyreid.study.needs`.

    Args:
        dataset: "promenade-a", "promenade-b", or the path of a table folder.

    Raises:
        ValueError: no such name or folder, a table that does not hold together, fewer than two training identities, or
            no queries.
    """
    if is_embedded(dataset):
        if dataset not in PROMENADE_DOMAINS:
            raise ValueError(f"dataset must be one of {', '.join(PROMENADE_DOMAINS)} or a folder, got {dataset!r}.")
        return
    load_table(Path(dataset))
    load_dataset(dataset, preset="default").select("query")  # a table with queries has a gallery
