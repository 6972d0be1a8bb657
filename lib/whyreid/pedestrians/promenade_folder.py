"""Promenade on disk: the table folder, with people and shots beside the pictures, so that every row can be made again.

```
images.csv        path, pid, camid, time, split, person, mask, then every field of the shot
attributes.csv    pid, 30 attributes          identities.csv   every field of every `Identity`, family, party
visible.csv       path, visible pixels of each attribute
images/  masks/   PNG, the masks with `Part` numbers          dataset.yaml     written last: marks a whole folder
```
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor

from whyreid.data.table import ReIDTable
from whyreid.data.table_folder import infer_column, read_csv_rows
from whyreid.pedestrians.identity import SCHEMA, Identity
from whyreid.pedestrians.shot import Shot
from whyreid.pedestrians.world import World

IDENTITIES_FILE, VISIBLE_FILE, IMAGES_FILE = "identities.csv", "visible.csv", "images.csv"
_SHOT_COLUMNS = {"camera": "camid"}  # fields that images.csv has under the table's own name


def identity_frame(world: World) -> pd.DataFrame:
    """identities.csv: one row per person, strangers included; family and party are -1 for whoever has none."""
    rows = [
        identity.to_row() | {"family": world.family.get(number, -1), "party": world.party.get(number, -1)}
        for number, identity in world.people.items()
    ]
    return pd.DataFrame(rows)


def image_frame(world: World) -> pd.DataFrame:
    """images.csv: one row per picture."""
    rows = []
    for number, sighting in enumerate(world.sightings):
        shot = sighting.shot.to_row()
        name = f"{sighting.pid:05d}_c{shot['camera']}_f{shot['time']:06d}_{number:06d}.png"
        place = f"{sighting.split}/{name}"
        row = {"path": f"images/{place}", "pid": sighting.pid, "camid": shot.pop("camera"), "time": shot.pop("time")}
        row |= {"split": sighting.split, "person": sighting.person, "mask": f"masks/{place}"}
        rows.append(row | shot)
    return pd.DataFrame(rows)


def attribute_frame(world: World) -> pd.DataFrame:
    """attributes.csv: the 30 attributes of everybody who has a pid."""
    pids = sorted({sighting.pid for sighting in world.sightings} - {0})
    rows = [world.people[pid].attributes() for pid in pids]
    return pd.DataFrame(rows, index=pd.Index(pids, name="pid"), columns=list(SCHEMA.names)).astype("Int8")


def read_identities(folder: Path) -> dict[int, Identity]:
    """Everybody who walks in a rendered folder, person number -> looks."""
    frame, _ = read_csv_rows(folder / IDENTITIES_FILE)
    rows = ({str(name): value for name, value in row.items()} for row in frame.to_dict("records"))
    return {int(row["person"]): Identity.from_row(row) for row in rows}


def read_families(folder: Path) -> pd.DataFrame:
    """Index person, columns family and party: the first person of each, or -1."""
    frame, _ = read_csv_rows(folder / IDENTITIES_FILE)
    return frame[["person", "family", "party"]].astype("int64").set_index("person")


def read_shots(rows: pd.DataFrame, people: dict[int, Identity]) -> list[Shot]:
    """The shots of rows of images.csv, exactly as they were planned."""
    renamed = rows.rename(columns={column: field for field, column in _SHOT_COLUMNS.items()})
    return [
        Shot.from_row({str(name): value for name, value in row.items()}, people) for row in renamed.to_dict("records")
    ]


def read_image_rows(folder: Path) -> pd.DataFrame:
    """images.csv of a folder that need not be whole yet."""
    frame, _ = read_csv_rows(folder / IMAGES_FILE)
    return frame.apply(infer_column)


def read_masks(table: ReIDTable, rows: Sequence[int] | None = None) -> Tensor:
    """Part-label maps of pictures of a rendered table.

    Args:
        table: as `render_promenade` returned it, or a selection of it.
        rows: row numbers in ``table.images``; all by default.

    Returns:
        uint8 [N, H, W] of `Part` numbers, before the camera's blur and noise.

    Raises:
        ValueError: the table has no masks.
    """
    if "mask" not in table.images.columns:
        raise ValueError(f"table {table.name!r} must have the column mask, got none; only Promenade knows its parts.")
    chosen = table.images["mask"] if rows is None else table.images["mask"].iloc[list(rows)]
    return torch.stack([_read_map(table.root / path) for path in chosen])


def _read_map(path: Path) -> Tensor:
    with Image.open(path) as file:
        return torch.from_numpy(np.array(file))


def read_visible(table: ReIDTable) -> pd.DataFrame:
    """Visible pixels of every attribute, rows as in ``table.images``, columns as in ``table.schema.names``, int64.

    What counts for an attribute is said in `attribute_regions`; an absent bag or hat has 0.
    """
    path = table.root / VISIBLE_FILE
    if not path.is_file():
        raise ValueError(f"table {table.name!r} must have {VISIBLE_FILE}, got none; only Promenade counts its pixels.")
    frame, _ = read_csv_rows(path)
    counts = frame.set_index("path").astype("int64").loc[table.images["path"], list(SCHEMA.names)]
    return counts.set_index(table.images.index)
