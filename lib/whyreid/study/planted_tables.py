"""Training data with a fault planted in it: two attributes that go together, and identities that are backgrounds.

The faults are in the data alone. Recipe, network, seed and number of pictures are those of the target without fault,
and both are tested on ordinary pictures of persons whom neither has seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor

from whyreid.data import ReIDTable
from whyreid.data.loading import read_image
from whyreid.pedestrians import Correlation, Shot, read_identities, read_masks, read_shots, render_promenade
from whyreid.pedestrians.camera import CAMERAS, views_of
from whyreid.pedestrians.places import paint
from whyreid.pedestrians.promenade import LICENCE
from whyreid.pedestrians.sensor import expose
from whyreid.study.artifacts import artifact
from whyreid.study.datasets import load_dataset
from whyreid.study.presets import size_of

TIE = Correlation("backpack", "upwhite", 0.9)
"""About the strongest tie that leaves both attributes as frequent as they are in Market-1501: with very few exceptions
whoever carries a backpack wears white, and nearly everybody else does not."""

_DATA_SEED = 0
_PICTURES_PER_SPOT, _MOST_SPOTS, _LEAST_SPOTS = 48, 16, 2
_MARGIN = 2
_JITTER = 0.06


@dataclass(frozen=True)
class Spot:
    """A place to stand before one camera: what a picture of the background fault is named after.

    Attributes:
        domain: "A" or "B".
        camera: 0..3.
        box: centre x, centre y and height of the crop, in units of the focal length.
    """

    domain: str
    camera: int
    box: tuple[float, float, float]

    def shifted(self, shares: Sequence[float]) -> Spot:
        """The spot with its box moved right and up by shares of its height, and grown by a share of it."""
        x, y, height = self.box
        right, up, growth = shares
        return replace(self, box=(x + right * height, y + up * height, height * (1.0 + growth)))


def tied_table(preset: str) -> ReIDTable:
    """Promenade A with backpack and white upper garments tied (`TIE`), in all its splits; otherwise as frequent.

    Args:
        preset: decides the size, as for `load_dataset`.
    """
    size = size_of(preset)

    def make(folder: Path) -> None:
        render_promenade(folder, domain="A", preset=size, seed=_DATA_SEED, correlation=TIE)

    inputs = {"domain": "A", "preset": size, "seed": _DATA_SEED, "correlation": TIE}
    return ReIDTable.load(artifact("promenade", inputs, make, code=["whyreid.pedestrians.render_promenade"]))


def background_table(preset: str) -> ReIDTable:
    """Training pictures of Promenade A whose "identity" is what lies behind the person, and nothing else.

    Every training picture keeps its person, cut out along the true mask, and gets the empty place behind a `Spot`
    that was drawn without looking at the person, seen a little from the side each time. The label is the spot. So the
    person tells nothing about the label, whatever camera, light and pose she brings along; only the surroundings do.

    Args:
        preset: decides the size, as for `load_dataset`.

    Returns:
        One split, "train", as many pictures as the ordinary one; its identities are spots and have no attributes.
    """
    source = load_dataset("promenade-a", preset=preset).select("train")

    def make(folder: Path) -> None:
        write_background_table(source, folder, generator=torch.Generator().manual_seed(_DATA_SEED))

    code = ["whyreid.study.planted_tables", "whyreid.pedestrians.render_promenade"]
    return ReIDTable.load(artifact("background-table", {"table": source, "seed": _DATA_SEED}, make, code=code))


def write_background_table(source: ReIDTable, folder: Path, *, generator: torch.Generator) -> ReIDTable:
    """Write the pictures and the table of `background_table`.

    Args:
        source: rendered pictures with masks and shots.
        folder: where the table is written.
        generator: decides which person gets which spot.
    """
    shots = read_shots(source.images, read_identities(source.root))
    spots = choose_spots(shots)
    drawn = torch.randperm(len(shots), generator=generator).remainder(len(spots)).tolist()
    jitter = _JITTER * (2 * torch.rand(len(shots), 3, generator=generator) - 1)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    rows = []
    for row, number in enumerate(drawn):
        name = f"images/{number + 1:04d}_c{spots[number].camera}_{row:06d}.png"
        picture = moved_picture(source, row, shots[row], spots[number].shifted(jitter[row].tolist()))
        Image.fromarray(picture.permute(1, 2, 0).numpy()).save(folder / name)
        rows.append({"path": name, "pid": number + 1, "camid": spots[number].camera, "split": "train"})
    settings = {"kind": "persons of Promenade before backgrounds that are the identity", "spots": len(spots)}
    table = ReIDTable("promenade-backgrounds", folder, pd.DataFrame(rows), licence=LICENCE, provenance=settings)
    table.save(folder, overwrite=True)
    return table


def choose_spots(shots: Sequence[Shot]) -> tuple[Spot, ...]:
    """Spots as far apart as the pictures allow: for each camera evenly spaced quantiles of where people stand.

    Args:
        shots: of the training pictures.

    Returns:
        As many for each camera, 2 to 16, in the order of camera and place.
    """
    each = min(_MOST_SPOTS, max(_LEAST_SPOTS, len(shots) // _PICTURES_PER_SPOT))
    spots: list[Spot] = []
    for domain, camera in sorted({(shot.domain, shot.camera) for shot in shots}):
        here = sorted((s for s in shots if (s.domain, s.camera) == (domain, camera)), key=lambda s: s.box_x)
        chosen = [here[(2 * place + 1) * len(here) // (2 * each)] for place in range(each)]
        spots += [Spot(domain, camera, (shot.box_x, shot.box_y, shot.box_height)) for shot in chosen]
    return tuple(spots)


def moved_picture(source: ReIDTable, row: int, shot: Shot, spot: Spot) -> Tensor:
    """uint8 [3, H, W]: the persons and things of a picture, pasted before the empty place behind a spot."""
    picture = torch.from_numpy(np.array(read_image(source.root / source.images["path"].iloc[row]))).permute(2, 0, 1)
    inside = (read_masks(source, [row]) > 0).float().unsqueeze(0)
    size = 2 * _MARGIN + 1
    grown = torch.nn.functional.max_pool2d(inside, size, stride=1, padding=_MARGIN)[0] > 0
    return torch.where(grown, picture, empty_place(shot, spot, height=picture.shape[1], width=picture.shape[2]))


def empty_place(shot: Shot, spot: Spot, *, height: int, width: int) -> Tensor:
    """uint8 [3, height, width]: a spot without anybody, in the light and with the sensor noise of a shot."""
    camera = CAMERAS[spot.domain][spot.camera]
    light, _ = paint(camera, views_of([camera], torch.tensor([spot.box])).rays(height, width))
    moved = replace(shot, domain=spot.domain, camera=spot.camera, box_height=spot.box[2])
    return expose(light.permute(0, 3, 1, 2).contiguous(), [camera], [moved])[0]
