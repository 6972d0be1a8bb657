"""What a notebook needs of a data set, and what to say when the data set does not have it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from whyreid.data import ReIDTable

NEEDS: Mapping[str, str] = {
    "attributes": "attribute labels for every identity",
    "times": "time stamps",
    "cameras": "camera numbers",
    "counterfactuals": "the same picture with one attribute changed",
}
EMBEDDED = "promenade"


def unmet_needs(needs: Sequence[str], dataset: str | None) -> dict[str, str]:
    """Which of a notebook's needs a data set cannot meet, and why.

    Args:
        needs: keys of `NEEDS`.
        dataset: the notebook's parameter: the name of an embedded data set (``promenade-...``), which meets every need,
            or the folder of a table. None when the notebook takes no data set.

    Returns:
        For each unmet need a sentence that says what is missing; empty when all is there.

    Raises:
        ValueError: a need that nobody knows, or a folder that is no table.
    """
    check_needs(needs)
    if not needs or dataset is None or is_embedded(dataset):
        return {}
    table = load_table(Path(dataset))
    return {need: reason for need in needs if (reason := _why_unmet(need, table))}


def check_needs(needs: Sequence[str]) -> None:
    """Refuse a need that nobody knows.

    Raises:
        ValueError: with the needs that exist.
    """
    unknown = sorted(set(needs) - set(NEEDS))
    if unknown:
        raise ValueError(f"a notebook may need {', '.join(NEEDS)}; got {', '.join(unknown)}.")


def is_embedded(dataset: str) -> bool:
    """Whether a data set's name stands for one that the project makes itself."""
    return dataset.startswith(EMBEDDED) and not Path(dataset).exists()


def load_table(folder: Path) -> ReIDTable:
    """The table of a folder; imported late, so that only runs on own data wait for the data package.

    Raises:
        ValueError: no such table.
    """
    from whyreid.data import ReIDTable

    if not (folder / "dataset.yaml").is_file():
        raise ValueError(
            f"dataset must be the name of an embedded data set ({EMBEDDED}-a, {EMBEDDED}-b) or the folder of a table, "
            f"got {folder}: no dataset.yaml lies there."
        )
    return ReIDTable.load(folder)


def explain_unmet(title: str, dataset: str, unmet: Mapping[str, str]) -> str:
    """The Markdown of the page that stands where the notebook cannot run.

    Args:
        title: the page's title.
        dataset: the name of the data set.
        unmet: as `unmet_needs` returns it, not empty.

    Returns:
        A heading, one sentence, and one list item for each need.
    """
    items = [f"* **{need}** ({NEEDS[need]}): {reason}" for need, reason in unmet.items()]
    return "\n".join([
        f"# {title}", "",
        f"This chapter was not run on `{dataset}`, because the data set lacks something that it needs:", "",
        *items, "",
        "The other chapters are not affected.",
    ])  # fmt: skip


def _why_unmet(need: str, table: Any) -> str | None:
    name = table.name
    if need == "attributes" and table.attributes is None:
        return f"the table {name} has no `attributes.csv`."
    if need == "times" and table.images["time"].isna().all():
        return f"no picture of {name} has a time in `images.csv`."
    if need == "cameras" and table.protocol == "no_camera":
        return f"{name} says `protocol: no_camera`, so nobody knows which camera took a picture."
    if need == "counterfactuals" and table.provenance.get("generator") != EMBEDDED:
        return f"the pictures of {name} were taken, not rendered, so none can be rendered again with one change."
    return None
