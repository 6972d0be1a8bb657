"""What the readers of downloaded data sets share: finding the folders, parsing names, holding counts against print."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pandas as pd

from whyreid.data.attribute_mat import load_attribute_mat
from whyreid.data.image_rows import count_of, name_offenders

logger = logging.getLogger(__name__)


class NameStyle(NamedTuple):
    """How the pictures of a data set are called."""

    pattern: re.Pattern[str]
    example: str


NAME_STYLES: dict[str, NameStyle] = {
    "market1501": NameStyle(
        re.compile(r"(-1|\d+)_c(\d)s(\d)_(\d+)_(\d+)(?:\.jpg)+", re.IGNORECASE), "0002_c1s1_000451_03.jpg"
    ),
    "dukemtmcreid": NameStyle(re.compile(r"(\d+)_c(\d)_f(\d+)(?:\.jpg)+", re.IGNORECASE), "0005_c2_f0046985.jpg"),
    "msmt17": NameStyle(
        re.compile(r"(\d+)_(\d+)_(\d+)_\d{4}(morning|noon|afternoon)_.+\.jpg", re.IGNORECASE),
        "0000_045_12_0303morning_0006_2.jpg",
    ),
    "cuhk03np": NameStyle(re.compile(r"(\d+)_c(\d)_?(\w+)\.png", re.IGNORECASE), "0001_c1_1.png"),
}


class Count(NamedTuple):
    """Pictures and the identities on them; ``identities`` is None where it says nothing (junk, distractors)."""

    images: int
    identities: int | None


def require_folders(root: Path, folders: Sequence[str], dataset: str) -> None:
    """Raise FileNotFoundError that says which folders of the data set are missing, and where they seem to be."""
    if not root.is_dir():
        raise FileNotFoundError(f"root must be the folder of {dataset}, got {root}, which is no folder; correct it.")
    missing = [folder for folder in folders if not (root / folder).exists()]
    if not missing:
        return
    below = [child.name for child in sorted(root.iterdir()) if all((child / name).exists() for name in folders)]
    hint = f"did you mean {root / below[0]}?" if below else f"the folder holds {sorted(_listing(root))[:8]}."
    raise FileNotFoundError(
        f"{root} is not {dataset}: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing "
        f"(expected {', '.join(folders)}); {hint}"
    )


def _listing(root: Path) -> list[str]:
    """The visible entries of a folder."""
    return [child.name for child in root.iterdir() if not child.name.startswith(".")]


def parse_names(paths: Sequence[str], dataset: str) -> list[tuple[str, ...]]:
    """The parts of every picture's name by the pattern of the data set, in order.

    Raises:
        ValueError: names do not parse; the first few are given, with the data set that they look like.
    """
    style = NAME_STYLES[dataset]
    matches = [style.pattern.fullmatch(PurePosixPath(path).name) for path in paths]
    wrong = [path for path, match in zip(paths, matches, strict=True) if match is None]
    if wrong:
        others = [other for other in NAME_STYLES if NAME_STYLES[other].pattern.fullmatch(PurePosixPath(wrong[0]).name)]
        hint = f"they look like {others[0]}: use its reader" if others else "remove files that are not of the data set"
        raise ValueError(
            f"names of {dataset} must be like {style.example}, got {len(wrong)} of {len(paths)} that are not: "
            f"{name_offenders(wrong)}; {hint}."
        )
    return [match.groups() for match in matches if match is not None]


def refuse_pictures(wrong: pd.Series, paths: pd.Series, dataset: str, why: str) -> None:
    """Raise ValueError that names the first few pictures that cannot belong to the data set."""
    offenders = paths[wrong.to_numpy(dtype=bool)].tolist()
    if offenders:
        pictures = count_of(len(offenders), "picture", "pictures")
        raise ValueError(
            f"{pictures} cannot be of {dataset}: {why}: {name_offenders(offenders)}; "
            "restore the folder from the original download."
        )


def count_rows(rows: pd.DataFrame) -> Count:
    """Pictures and identities of some rows."""
    return Count(len(rows), int(rows["pid"].nunique()))


def check_counts(found: Mapping[str, Count], published: Mapping[str, Count], dataset: str, *, partial: bool) -> bool:
    """Hold the counts against the published ones.

    Args:
        found: part of the data set -> what is there.
        published: the same parts -> what belongs there.
        dataset: for messages.
        partial: too few is allowed; too many never is.

    Returns:
        True when complete, False when it is a subset.

    Raises:
        ValueError: counts are off; every wrong part is named with both numbers and the difference.
    """
    faults = {part: _fault(found[part], published[part]) for part in published if found[part] != published[part]}
    too_many = [part for part in faults if any(_excess(found[part], published[part]))]
    if too_many or (faults and not partial):
        lines = "\n".join(f"  {part}: {fault}" for part, fault in faults.items())
        remedy = (
            "the folder holds pictures that are not of the data set: restore it from the original download"
            if too_many
            else "complete the download, or say that a subset is meant (partial=True, --partial)"
        )
        raise ValueError(f"{dataset} does not have the published counts:\n{lines}\n{remedy}.")
    if faults:
        logger.info("%s is partial: %s", dataset, "; ".join(f"{part} {fault}" for part, fault in faults.items()))
    return not faults


def _excess(found: Count, published: Count) -> tuple[bool, bool]:
    """Too many pictures, too many identities."""
    identities = published.identities is not None and (found.identities or 0) > published.identities
    return found.images > published.images, identities


def _fault(found: Count, published: Count) -> str:
    """`6970 images of 400 identities, published 12936 of 751 (5966 images and 351 identities missing)`."""
    images = _difference(found.images, published.images, "image", "images")
    if published.identities is None:
        return f"{count_of(found.images, 'image', 'images')}, published {published.images} ({images})"
    parts = [images, _difference(found.identities or 0, published.identities, "identity", "identities")]
    return (
        f"{count_of(found.images, 'image', 'images')} of {count_of(found.identities or 0, 'identity', 'identities')}, "
        f"published {published.images} of "
        f"{published.identities} ({' and '.join(part for part in parts if part)})"
    )


def _difference(found: int, published: int, singular: str, plural: str) -> str:
    """`12 images missing`, `3 images too many`, or nothing."""
    if found == published:
        return ""
    return f"{count_of(abs(found - published), singular, plural)} {'missing' if found < published else 'too many'}"


def read_attributes(attributes: Path | str | pd.DataFrame | None, dataset: str) -> pd.DataFrame | None:
    """The annotation that a reader was given: a .mat file of this data set, or rows as they are.

    Raises:
        ValueError: the file annotates another data set.
    """
    if attributes is None or isinstance(attributes, pd.DataFrame):
        return attributes
    frame = load_attribute_mat(Path(attributes))
    if frame.attrs["dataset"] != dataset:
        raise ValueError(
            f"attributes must annotate {dataset}, got {attributes}, which annotates {frame.attrs['dataset']}; "
            "give the attribute file of the data set."
        )
    return frame


def describe_source(
    attributes: Path | str | pd.DataFrame | None, annotation: pd.DataFrame | None, counts: Mapping[str, Count]
) -> dict[str, object]:
    """The provenance that a reader writes: the counts found, and what the attributes come from.

    Of an attribute file: its name and digest, and how often each attribute is 1 among all its training identities,
    because a subset has its own ratios and published ones are those of the whole (`annotated_ratios`).
    """
    found = {part: " / ".join(str(number) for number in count if number is not None) for part, count in counts.items()}
    source: dict[str, object] = {"images / identities found": found}
    if isinstance(attributes, str | Path) and annotation is not None:
        training = annotation[annotation["split"] == "train"].drop(columns="split")
        source["attributes"] = {
            "file": Path(attributes).name,
            "blake2b": hashlib.blake2b(Path(attributes).read_bytes(), digest_size=16).hexdigest(),
            "train_identities": len(training),
            "train_ratio": {name: round(float(ratio), 6) for name, ratio in training.mean().items()},
        }
    elif annotation is not None:
        source["attributes"] = {"given as": "a data frame"}
    return source
