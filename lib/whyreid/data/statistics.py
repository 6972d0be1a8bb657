"""Who is in the pictures: counts by split and camera, and how often attributes occur and occur together.

Attributes are counted once per identity, however many pictures there are of it, and only where they are known.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from whyreid.data.attributes import AttributeSchema
from whyreid.data.image_rows import SPLITS
from whyreid.data.table import ReIDTable


def split_counts(table: ReIDTable) -> pd.DataFrame:
    """Pictures, identities, cameras and distractor pictures of each split that has pictures, and of all.

    Returns:
        int64, index split ("train", ..., "all"), columns images, identities, cameras, distractors. Distractors count
        as images, not as identities; cameras is 0 where they are unknown.
    """
    images = table.images
    parts = {split: images[images["split"] == split] for split in SPLITS} | {"all": images}
    rows = {
        split: {
            "images": len(part),
            "identities": part.loc[part["pid"] > 0, "pid"].nunique(),
            "cameras": part["camid"].nunique(),
            "distractors": int((part["pid"] == 0).sum()),
        }
        for split, part in parts.items()
        if len(part)
    }
    return pd.DataFrame.from_dict(rows, orient="index").astype("int64").rename_axis("split")


def images_per_camera(table: ReIDTable) -> pd.DataFrame:
    """How many pictures there are of each identity (rows, pid) in each camera (columns, camid); no distractors.

    Raises:
        ValueError: cameras are unknown.
    """
    people = table.images[table.images["pid"] > 0]
    if people["camid"].isna().any():
        raise ValueError(f"camid must be known, got unknown cameras in {table.name!r} (protocol {table.protocol}).")
    return pd.crosstab(people["pid"], people["camid"].astype("int64"))


def attribute_frequencies(table: ReIDTable) -> pd.DataFrame:
    """How many identities have each attribute. `table.select("train")` restricts it to a split.

    Returns:
        Index attribute; columns group, meaning (of 1), positive and known (identities, int64) and ratio (positive /
        known, float64, NaN where nobody's is known).
    """
    attributes, schema = _annotated(table)
    known = attributes.notna().sum().astype("int64")
    positive = attributes.sum().astype("int64")
    return pd.DataFrame(
        {
            "group": [schema.group_of(name) for name in schema.names],
            "meaning": [schema.meanings[name][1] for name in schema.names],
            "positive": positive,
            "known": known,
            "ratio": (positive / known.where(known > 0)).astype("float64"),
        }
    ).rename_axis("attribute")


def annotated_ratios(table: ReIDTable) -> pd.Series | None:
    """How often each attribute is 1 among all training identities of the annotation file that the table was read with.

    A subset of a published set has its own ratios (`attribute_frequencies`); these are the ones that the literature
    prints, e.g. of all 751 training identities of Market-1501.

    Returns:
        float64 in [0, 1] by attribute, named after the number of identities; None when the table does not know.
    """
    source = table.provenance.get("attributes")
    if not isinstance(source, dict) or "train_ratio" not in source:
        return None
    name = f"{source['train_identities']} annotated training identities"
    return pd.Series(source["train_ratio"], name=name, dtype="float64").rename_axis("attribute")


def attribute_correlation(table: ReIDTable) -> pd.DataFrame:
    """The phi coefficient of every two attributes over identities: Pearson's correlation of two 0/1 variables.

    Returns:
        float64 [A, A] in [-1, 1], symmetric; each entry over the identities that know both. NaN where one of the two is
        the same for all of them: a constant is correlated with nothing.
    """
    attributes, schema = _annotated(table)
    values = attributes.to_numpy(dtype="float64", na_value=np.nan)
    known = ~np.isnan(values)
    filled = np.where(known, values, 0.0)
    both, first = known.T.astype("float64") @ known, filled.T @ known  # identities knowing both; of them, first is 1
    joint = filled.T @ filled
    covariance = both * joint - first * first.T
    variance = first * (both - first)
    with np.errstate(divide="ignore", invalid="ignore"):
        phi = covariance / np.sqrt(variance * variance.T)
    phi[(variance * variance.T) == 0] = np.nan
    return pd.DataFrame(phi, index=list(schema.names), columns=list(schema.names))


def _annotated(table: ReIDTable) -> tuple[pd.DataFrame, AttributeSchema]:
    """Attributes and schema, or an error that says that there are none."""
    if table.attributes is None or table.schema is None:
        raise ValueError(f"table {table.name!r} must have attributes, got none; read it with attributes=...")
    return table.attributes, table.schema
