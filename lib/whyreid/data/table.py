"""The one table of pictures that everything here works on: who is on which picture, when, and seen by which camera.

On disk a table is a folder: dataset.yaml (name, protocol, licence, attributes, provenance), images.csv (one row per
picture) and, when there are attributes, attributes.csv (one row per identity). `table_folder` reads and writes it.
"""

from __future__ import annotations

import dataclasses
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from whyreid.data.attribute_rows import match_attributes, tidy_attributes
from whyreid.data.attributes import AttributeSchema
from whyreid.data.image_files import check_image_files, verify_image_files
from whyreid.data.image_rows import SPLITS, check_images, tidy_images
from whyreid.data.table_digest import table_digest
from whyreid.data.table_folder import read_table_folder, write_table_folder

PROTOCOLS = ("cross_camera", "no_camera")
logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False, repr=False)
class ReIDTable:
    """Pictures of persons with identity, camera, time and split, and what is known about each identity.

    Attributes:
        name: short name of the data set, usable as a file name.
        root: the folder that the paths of ``images`` are relative to.
        images: one row per picture, columns path (text, POSIX, relative to ``root``), pid (int64; 0 = distractor, in
            the gallery only, nobody's match), camid (Int64, 0-based; NA only under ``no_camera``), time (Float64,
            frames; NA = unknown), split ("train", "val", "query", "gallery"), then any further columns.
        attributes: one row per identity (index pid, no distractors), one Int8 column per attribute: 0, 1 or NA.
        schema: names, groups and meanings of the attributes; made from the columns when left out.
        protocol: "cross_camera" (the same person in the same camera is no match) or "no_camera".
        fps: frames per second of ``time``; needed as soon as any time is known.
        licence: terms under which the pictures may be used.
        provenance: where the table comes from; plain values that YAML can hold.
        partial: True for a subset of a published data set. Attributes are then cut down to the identities that are
            there, and identities without annotation get unknown (NA) attributes; otherwise both are errors.

    Raises:
        ValueError: rows, attributes and settings contradict the format or each other.
    """

    name: str
    root: Path
    images: pd.DataFrame
    attributes: pd.DataFrame | None = None
    schema: AttributeSchema | None = None
    protocol: str = "cross_camera"
    fps: float | None = None
    licence: str = ""
    provenance: dict[str, Any] = field(default_factory=dict)
    partial: bool = False

    def __post_init__(self) -> None:
        """Bring every field to its type and refuse contradictions."""
        _check_settings(self.name, self.protocol, self.fps)
        images = tidy_images(self.images)
        check_images(images, self.protocol)
        if self.fps is None and images["time"].notna().any():
            raise ValueError("fps must be given when times are known, got None; give the frames per second of `time`.")
        object.__setattr__(self, "root", Path(self.root))
        object.__setattr__(self, "images", images)
        object.__setattr__(self, "fps", None if self.fps is None else float(self.fps))
        if self.attributes is None and self.schema is not None:
            raise ValueError("attributes must come with a schema, got None; give both or none.")
        if self.attributes is not None:
            attributes, schema = tidy_attributes(self.attributes, self.schema)
            attributes = match_attributes(attributes, images, partial=self.partial)
            object.__setattr__(self, "attributes", attributes)
            object.__setattr__(self, "schema", schema)

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self.images)

    def __repr__(self) -> str:
        """One line: the name, the counts, the protocol."""
        people = self.images.loc[self.images["pid"] > 0, "pid"].nunique()
        attributes = "no attributes" if self.schema is None else f"{len(self.schema.names)} attributes"
        part = ", partial" if self.partial else ""
        return f"ReIDTable({self.name}: {len(self)} images of {people} identities, {attributes}, {self.protocol}{part})"

    @property
    def pids(self) -> torch.Tensor:
        """[N] int64, in row order."""
        return torch.from_numpy(self.images["pid"].to_numpy(dtype="int64", copy=True))

    @property
    def camids(self) -> torch.Tensor | None:
        """[N] int64, in row order; None under protocol no_camera."""
        if self.protocol == "no_camera":
            return None
        return torch.from_numpy(self.images["camid"].to_numpy(dtype="int64", copy=True))

    @property
    def times(self) -> torch.Tensor | None:
        """[N] float64 in frames (`fps` of them a second), NaN where unknown; None when no time is known at all."""
        if self.images["time"].isna().all():
            return None
        return torch.from_numpy(self.images["time"].to_numpy(dtype="float64", na_value=float("nan"), copy=True))

    def attribute_tensor(self, *, missing: bool | None = None) -> torch.Tensor:
        """The attributes of the person on each picture.

        Args:
            missing: value for what is unknown (NA, and everything of a distractor); by default unknown is an error.

        Returns:
            [N, A] bool, rows as in ``images``, columns as in ``schema.names``.

        Raises:
            ValueError: the table has no attributes, or some are unknown and ``missing`` is None.
        """
        rows = self._attribute_rows()
        unknown = rows.isna()
        if missing is None and unknown.any(axis=None):
            people = sorted(set(self.images.loc[unknown.any(axis=1).to_numpy(), "pid"]))
            raise ValueError(
                f"attributes of every picture must be known, got unknown ones for pids {people[:5]} ({len(people)} in "
                "all, 0 = distractors); drop these rows, or pass missing=False and mask with attribute_known()."
            )
        filled = rows.fillna(int(bool(missing))).to_numpy(dtype=bool)
        return torch.from_numpy(filled.copy())

    def attribute_known(self) -> torch.Tensor:
        """[N, A] bool: where `attribute_tensor` holds an annotated value."""
        return torch.from_numpy(self._attribute_rows().notna().to_numpy(dtype=bool).copy())

    def _attribute_rows(self) -> pd.DataFrame:
        """One row of attributes per picture, NA for distractors."""
        if self.attributes is None:
            raise ValueError(f"table {self.name!r} must have attributes, got none; read it with attributes=...")
        return self.attributes.reindex(self.images["pid"])

    def image_paths(self) -> list[Path]:
        """Where the pictures lie, in row order."""
        return [self.root / path for path in self.images["path"]]

    def select(self, *splits: str) -> ReIDTable:
        """The rows of these splits, in their order in the table, with the attributes of the identities in them.

        Raises:
            ValueError: a name is no split, or nothing is left.
        """
        wrong = [split for split in splits if split not in SPLITS]
        if wrong or not splits:
            raise ValueError(f"splits must be some of {list(SPLITS)}, got {list(splits)}; name at least one of these.")
        chosen = self.images["split"].isin(splits)
        if not chosen.any():
            have = sorted(set(self.images["split"]))
            raise ValueError(f"splits {list(splits)} must have pictures, got none in {self.name!r}; it has {have}.")
        return self._with_rows(self.images[chosen])

    def take(self, rows: torch.Tensor | Sequence[int]) -> ReIDTable:
        """Some rows, in the order asked for, with the attributes of the identities in them.

        Args:
            rows: row numbers, or a bool tensor [N] that is True for the rows to keep (table order then).

        Raises:
            ValueError: no rows, a row number out of range or twice, or a mask of another length.
        """
        numbers = torch.as_tensor(rows)
        if numbers.dtype == torch.bool:
            if numbers.shape != (len(self),):
                raise ValueError(
                    f"a mask of rows must be [{len(self)}], got {list(numbers.shape)}; one bool per picture."
                )
            numbers = numbers.nonzero().flatten()
        if not len(numbers) or numbers.min() < 0 or numbers.max() >= len(self):
            raise ValueError(
                f"rows must be some of 0 to {len(self) - 1}, got {numbers.tolist()[:5]}; name rows there are."
            )
        return self._with_rows(self.images.iloc[numbers.tolist()])

    def select_attributes(self, names: Sequence[str]) -> ReIDTable:
        """The same pictures with some of the attributes, in the order asked for.

        Raises:
            ValueError: the table has no attributes, or a name that it does not have.

        Example:
            AMD leaves out the ages of Market-1501 and keeps 26::

                table.select_attributes([name for name in table.schema.names if not name.startswith("age")])
        """
        if self.attributes is None or self.schema is None:
            raise ValueError(f"table {self.name!r} must have attributes, got none; read it with attributes=...")
        schema = self.schema.subset(names)
        return dataclasses.replace(self, attributes=self.attributes[list(schema.names)], schema=schema)

    def _with_rows(self, images: pd.DataFrame) -> ReIDTable:
        """The same table with fewer pictures, and with the attributes of who is on them."""
        attributes = self.attributes
        if attributes is not None:
            attributes = attributes[attributes.index.isin(images["pid"])]
        return dataclasses.replace(self, images=images, attributes=attributes)

    def digest(self) -> str:
        """What the table says and shows, as 32 hexadecimal digits: rows, schema and the bytes of every picture.

        The same wherever the pictures lie. Kept for the process as long as the pictures' sizes and times of change
        stay the same. Cost: reads every picture once (9,600 of 64x128 pixels: under a second).
        """
        settings = {"name": self.name, "protocol": self.protocol, "fps": self.fps, "partial": self.partial}
        schema = None if self.schema is None else self.schema.to_dict()
        return table_digest(self.root, self.images, self.attributes, settings | {"schema": schema})

    def verify_images(self, *, progress: bool = False) -> None:
        """Decode every picture.

        Raises:
            ValueError: pictures are missing, unreadable or truncated; the first few are named.
        """
        verify_image_files(self.root, self.images["path"], progress=progress)

    def save(self, folder: Path, *, overwrite: bool = False) -> Path:
        """Write dataset.yaml, images.csv and attributes.csv; pictures are referred to, never copied.

        Pictures inside ``folder`` make a table that can be moved with them. For pictures elsewhere dataset.yaml gets
        ``image_root``, the absolute folder they lie in. A kill in the middle leaves no readable table, or the old one.

        Args:
            folder: made when absent. Refused when it holds anything but a table of the same name or this table's
                pictures, unless ``overwrite``; even then only the three files are replaced.
            overwrite: replace the three files whatever lies beside them.

        Returns:
            ``folder``.
        """
        settings = {
            "name": self.name,
            "protocol": self.protocol,
            "partial": self.partial,
            "fps": self.fps,
            "licence": self.licence,
            "provenance": dict(self.provenance),
            "attributes": None if self.schema is None else self.schema.to_dict(),
        }
        return write_table_folder(Path(folder), settings, self.root, self.images, self.attributes, overwrite=overwrite)

    @classmethod
    def load(cls, folder: Path) -> ReIDTable:
        """Read a table folder and check everything but the pictures' content (`verify_images` decodes them).

        Raises:
            FileNotFoundError: the folder, one of its files or some pictures are missing.
            ValueError: settings or rows are wrong; file and line are named.
        """
        try:
            table = cls(**read_table_folder(Path(folder)))
        except ValueError as error:
            raise ValueError(f"table {folder}: {error}") from error
        check_image_files(table.root, table.images["path"])
        logger.info("loaded %r", table)
        return table


def _check_settings(name: str, protocol: str, fps: float | None) -> None:
    """Refuse a name that is no file name, an unknown protocol, a frame rate that is none."""
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise ValueError(f"name must be letters, digits, '.', '_' and '-', got {name!r}; rename the data set.")
    if protocol not in PROTOCOLS:
        raise ValueError(f"protocol must be one of {list(PROTOCOLS)}, got {protocol!r}; choose one of these.")
    if fps is not None and not 0 < fps < float("inf"):
        raise ValueError(f"fps must be frames per second above 0, got {fps!r}; correct it or leave it out.")
