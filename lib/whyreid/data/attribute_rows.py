"""The rows of attributes.csv: one per identity, 0, 1 or unknown, and how they meet the identities on the pictures."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd

from whyreid.data.attributes import AttributeSchema
from whyreid.data.image_rows import Where, count_of, name_offenders, parse_integers, refuse, row_number

logger = logging.getLogger(__name__)


def tidy_attributes(
    frame: pd.DataFrame, schema: AttributeSchema | None = None, where: Where = row_number
) -> tuple[pd.DataFrame, AttributeSchema]:
    """The rows with their types: index pid (int64, sorted), Int8 columns in the schema's order, NA where unknown.

    Args:
        frame: index pid (or a column pid), one column per attribute with 0, 1, booleans or NA; a column "split"
            (which `load_attribute_mat` adds) is ignored: splits come from the pictures.
        schema: by default made from the columns.
        where: names the place of a row in messages.

    Raises:
        ValueError: columns and schema differ, a value is not 0 or 1, an identity comes twice or is no person.
    """
    if "pid" in frame.columns:
        frame = frame.set_index("pid")
    frame = frame.drop(columns="split", errors="ignore")
    schema = schema or AttributeSchema.from_names(str(name) for name in frame.columns)
    missing, unexpected = sorted(set(schema.names) - set(frame.columns)), sorted(set(frame.columns) - set(schema.names))
    if missing or unexpected:
        raise ValueError(
            f"attributes must have the schema's columns, got none for {missing} and unexpected {unexpected}; "
            "make the columns and the schema (`attributes:` in dataset.yaml) agree."
        )
    pid = _checked_pids(pd.Series(frame.index, name="pid"), where)
    columns = {name: _binary(frame[name].reset_index(drop=True), where) for name in schema.names}
    tidy = pd.DataFrame(columns).set_index(pd.Index(pid.to_numpy(dtype="int64"), name="pid"))
    return tidy.sort_index(), schema


def _checked_pids(pid: pd.Series, where: Where) -> pd.Series:
    """Every identity once, and each a person."""
    refuse(pid.isna(), pid, where, "given in every row", "fill it in or drop the row")
    pid = parse_integers(pid, where, remedy="write the number of the person").rename("pid of an attribute row")
    refuse(pid < 1, pid, where, "1 or more", "drop the row: 0 are distractors, many persons without attributes")
    refuse(pid.duplicated(), pid, where, "unique", "keep one row per person")
    return pid


def _binary(values: pd.Series, where: Where) -> pd.Series:
    """One attribute as Int8 with NA."""
    if values.dtype == bool:
        return values.astype("Int8")
    numbers = parse_integers(values, where, remedy="write 0, 1 or nothing (unknown)")
    refuse((~numbers.isin([0, 1]) & numbers.notna()), values, where, "0 or 1", "write 0, 1 or nothing (unknown)")
    return numbers.astype("Int8")


def match_attributes(attributes: pd.DataFrame, images: pd.DataFrame, *, partial: bool) -> pd.DataFrame:
    """Hold the annotated identities against those on the pictures (distractors need no attributes).

    Args:
        attributes: from `tidy_attributes`.
        images: from `tidy_images`.
        partial: cut the annotation down to the identities that are there and give the others unknown attributes.

    Raises:
        ValueError: identities differ and ``partial`` is False.
    """
    people = np.unique(images.loc[images["pid"] > 0, "pid"].to_numpy())
    without_attributes = np.setdiff1d(people, attributes.index).tolist()
    without_picture = np.setdiff1d(attributes.index, people).tolist()
    if not partial and (without_attributes or without_picture):
        unannotated = count_of(len(without_attributes), "identity", "identities")
        superfluous = count_of(len(without_picture), "attribute row", "attribute rows")
        raise ValueError(
            f"attributes must be given for the identities on the pictures and no others, got {unannotated} without "
            f"attributes ({_some(without_attributes)}) and {superfluous} without a picture ({_some(without_picture)}); "
            "add rows with empty cells for unknown attributes and drop the rows of absent persons, or say that the "
            "table is partial."
        )
    if len(people) and len(without_attributes) == len(people):
        raise ValueError(
            f"attributes must be given for some of the {len(people)} identities on the pictures, got {len(attributes)} "
            "rows of other identities; is it the annotation of this data set?"
        )
    if without_attributes or without_picture:
        logger.info(
            "partial table: %d identities have unknown attributes, %d annotated ones are not on the pictures",
            *(len(without_attributes), len(without_picture)),
        )
    return attributes.reindex(pd.Index(people, name="pid"))


def _some(pids: list[int]) -> str:
    """The first few identities, or "none"."""
    return name_offenders([f"pid {pid}" for pid in pids]) or "none"
