"""Training data that teach a target to overlook the colour of upper garments: it changes with every picture."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import torch
from PIL import Image

from whyreid.data import ReIDTable
from whyreid.data.loading import read_image
from whyreid.pedestrians import blend, read_identities, read_shots, render
from whyreid.pedestrians.promenade import LICENCE
from whyreid.study.artifacts import artifact
from whyreid.study.datasets import load_dataset

_DATA_SEED = 0
_CHUNK = 64


def colour_blind_table(preset: str) -> ReIDTable:
    """Training pictures of Promenade A in which the colour of the upper garment tells nothing about the person.

    Shots, persons and number of pictures are the ordinary ones. In every picture the upper colour, with shade and
    pattern, is that of a training person drawn for this picture alone; colours are as frequent as they were.

    Args:
        preset: decides the size, as for `load_dataset`.

    Returns:
        One split, "train", without attributes: what is true of a person's colour is no longer true of the pictures.
    """
    source = load_dataset("promenade-a", preset=preset).select("train")

    def make(folder: Path) -> None:
        write_colour_blind_table(source, folder, generator=torch.Generator().manual_seed(_DATA_SEED))

    code = ["whyreid.study.colour_blind_table.write_colour_blind_table", "whyreid.pedestrians.render_promenade"]
    return ReIDTable.load(artifact("colour-blind-table", {"table": source, "seed": _DATA_SEED}, make, code=code))


def write_colour_blind_table(source: ReIDTable, folder: Path, *, generator: torch.Generator) -> ReIDTable:
    """Write the pictures and the table of `colour_blind_table`.

    Args:
        source: rendered pictures with their shots.
        folder: where the table is written.
        generator: decides who lends the colour of each picture.

    Cost: about 15 ms a picture of 128×64 and CPU thread.
    """
    people = read_identities(source.root)
    persons = source.images["person"].tolist()
    lenders = [persons[place] for place in torch.randperm(len(persons), generator=generator).tolist()]
    dressed = [
        blend(people[person], people[lender], ["upper colour"]) for person, lender in zip(persons, lenders, strict=True)
    ]
    shots = read_shots(source.images, people)
    width, height = read_image(source.image_paths()[0]).size
    (folder / "images").mkdir(parents=True, exist_ok=True)
    names = [f"images/{row:06d}.png" for row in range(len(persons))]
    for start in range(0, len(persons), _CHUNK):
        part = slice(start, start + _CHUNK)
        images = render(dressed[part], shots[part], height=height, width=width).images
        for name, image in zip(names[part], images, strict=True):
            Image.fromarray(image.permute(1, 2, 0).numpy()).save(folder / name)
    return _save(source, folder, names)


def _save(source: ReIDTable, folder: Path, names: list[str]) -> ReIDTable:
    columns = {name: source.images[name] for name in ("pid", "camid", "time", "split")}
    settings = {"kind": "persons of Promenade, in every picture with another upper colour"}
    table = ReIDTable(
        "promenade-colour-blind", folder, pd.DataFrame({"path": names, **columns}), fps=source.fps, licence=LICENCE,
        provenance=settings,
    )  # fmt: skip
    table.save(folder, overwrite=True)
    return table
