"""Body parts at the locations of a feature map, and how often matched locations show the same one; with controls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from whyreid.data import ReIDTable
from whyreid.explain.correspondences import CorrespondenceLines
from whyreid.pedestrians import Part, read_masks
from whyreid.truth.part_agreement import location_parts, part_agreement

BODY_PARTS: Mapping[str, frozenset[Part]] = MappingProxyType(
    {
        "head": frozenset({Part.HAIR, Part.HAT, Part.HEAD}),
        "trunk": frozenset({Part.UPPER, Part.UPPER_ARM_SKIN}),
        "forearms": frozenset({Part.FOREARM_CLOTH, Part.FOREARM_SKIN, Part.HAND}),
        "thighs": frozenset({Part.LOWER, Part.THIGH_SKIN}),
        "shins": frozenset({Part.SHIN_CLOTH, Part.SHIN_SKIN}),
        "shoes": frozenset({Part.SHOE}),
        "luggage": frozenset({Part.BACKPACK, Part.BAG, Part.HANDBAG}),
    }
)
"""Name -> labels of the mask. A sleeve and a bare arm are one part: what is worn is not what is asked."""
CONTROLS = ("any place", "same height", "same place", "as far as possible")


@dataclass(frozen=True, eq=False)
class PairParts:
    """The body part at each location of both pictures of P pairs.

    Attributes:
        query: [P, h, w] int64, number in `BODY_PARTS`; -1 = background, obstacle or another person.
        gallery: [P, h, w] the same for the gallery picture.
    """

    query: Tensor
    gallery: Tensor


def has_parts(table: ReIDTable) -> bool:
    """Whether a table's pictures have masks of body parts, as Promenade's have."""
    return "mask" in table.images.columns


def body_parts(table: ReIDTable, size: tuple[int, int]) -> Tensor:
    """The body part that covers most of each location of a feature map, of every picture of a table.

    Args:
        table: with masks, see `has_parts`.
        size: (h, w) of the map.

    Returns:
        [N, h, w] int64, number in `BODY_PARTS`; -1 where most is background, an obstacle or somebody else.

    Raises:
        ValueError: no masks.
    """
    number = torch.full((len(Part),), -1)
    for place, labels in enumerate(BODY_PARTS.values()):
        number[[int(label) for label in labels]] = place
    chunks = torch.arange(len(table)).split(256)
    return torch.cat([location_parts(number[read_masks(table, rows.tolist()).long()], size) for rows in chunks])


def agreement_both_ways(
    query_matches: Tensor, gallery_matches: Tensor, parts: PairParts, *, kept: tuple[Tensor, Tensor] | None = None
) -> Tensor:
    """Share of the person's locations whose match shows the same body part, both directions taken together.

    Args:
        query_matches: [P, h, w] int64, the gallery location of each query location, row * w + column.
        gallery_matches: [P, h, w] the other way round.
        parts: of the same pairs.
        kept: [P, h, w] bool for query and gallery locations: only these count; None = all that show a body part.

    Returns:
        [P] float64, 0..1; NaN where no location counts.
    """
    sides = ((query_matches, parts.query, parts.gallery), (gallery_matches, parts.gallery, parts.query))
    right = counted = torch.zeros(len(query_matches), dtype=torch.float64)
    for number, (matches, own, other) in enumerate(sides):
        own = own if kept is None else own.masked_fill(~kept[number], -1)
        found = part_agreement(matches, own, other)
        right = right + found.agreement.nan_to_num(0.0) * found.counted
        counted = counted + found.counted
    return right / counted


def agreement_controls(parts: PairParts) -> dict[str, Tensor]:
    """What matching without looking at the pictures would reach, and what no matching can exceed.

    Args:
        parts: of P pairs.

    Returns:
        `CONTROLS` -> [P] float64: a location drawn from the whole other picture; one drawn from the same row; the same
        location; and the share of locations whose part is to be seen in the other picture at all.
    """
    sums = {name: torch.zeros(len(parts.query), dtype=torch.float64) for name in CONTROLS}
    counted = torch.zeros(len(parts.query), dtype=torch.float64)
    for own, other in ((parts.query, parts.gallery), (parts.gallery, parts.query)):
        counts = (own >= 0).flatten(1)
        anywhere = own.flatten(1)[:, :, None] == other.flatten(1)[:, None, :]
        in_row = (own[:, :, :, None] == other[:, :, None, :]).double().mean(dim=3)
        here = own == other
        for name, value in zip(
            CONTROLS, (anywhere.double().mean(dim=2), in_row, here, anywhere.any(dim=2)), strict=True
        ):
            sums[name] += (value.flatten(1).double() * counts).sum(dim=1)
        counted += counts.sum(dim=1)
    return {name: values / counted for name, values in sums.items()}


def lines_agree(lines: CorrespondenceLines, parts: PairParts) -> Tensor:
    """Whether both ends of each line show the same body part.

    Args:
        lines: k of each of P pairs.
        parts: of the same pairs, on the map that the lines come from.

    Returns:
        [P, k] bool; False where an end shows no body part.
    """
    sides = (parts.query, parts.gallery) if lines.side == "query" else (parts.gallery, parts.query)
    size = torch.tensor(parts.query.shape[1:])
    found = []
    for ends, shown in zip((lines.start, lines.end), sides, strict=True):
        rows, columns = (ends * size).long().unbind(dim=-1)
        found.append(shown.flatten(1).gather(1, rows * size[1] + columns))
    return (found[0] == found[1]) & (found[0] >= 0)
