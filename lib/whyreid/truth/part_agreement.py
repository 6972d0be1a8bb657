"""Do locations that a matcher pairs show the same body part? Needs part masks, as Promenade renders them."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from whyreid.tensor_checks import require_tensor


@dataclass(frozen=True, eq=False)
class PartAgreement:
    """How often matched locations show the same part, for P pairs. NaN where a pair has no location that counts.

    Attributes:
        agreement: [P] float64, share of the counted locations whose match shows the same part, 0..1.
        chance: [P] float64, the same share expected if each location were matched with any of the other
            picture's locations alike. Background, large parts and small pictures raise it.
        counted: [P] int64, locations that count.
    """

    agreement: Tensor
    chance: Tensor
    counted: Tensor


def part_agreement(matches: Tensor, parts: Tensor, other_parts: Tensor) -> PartAgreement:
    """Compare the part at each location with the part at its match in the other picture.

    Args:
        matches: [P, h, w] int64, for each location its match in the other picture, row * w + column; for example
            ``Correspondences.query_matches``.
        parts: [P, h, w] int64, the part at each location; negative = does not count (usually background).
        other_parts: [P, h, w] int64, the parts of the other picture; a match on a negative one disagrees.

    Returns:
        See `PartAgreement`.

    Raises:
        TypeError: not tensors.
        ValueError: shapes disagree, or a match that is no location.

    Example:
        >>> import torch
        >>> part_agreement(torch.tensor([[[1, 0]]]), torch.tensor([[[7, 8]]]), torch.tensor([[[8, 7]]])).agreement
        tensor([1.], dtype=torch.float64)
    """
    for name, value in (("matches", matches), ("parts", parts), ("other_parts", other_parts)):
        if require_tensor(name, value).ndim != 3 or value.shape != matches.shape:
            raise ValueError(f"{name} must be [P, h, w] as matches {list(matches.shape)}, got {list(value.shape)}.")
    own, other, match = parts.flatten(1), other_parts.flatten(1), matches.flatten(1)
    if match.numel() and not 0 <= int(match.min()) <= int(match.max()) < match.shape[1]:
        raise ValueError(f"matches must be locations 0..{match.shape[1] - 1}, got {match.min()}..{match.max()}.")
    counts = own >= 0
    same = (own == other.gather(1, match)) & counts
    likely = (own[:, :, None] == other[:, None, :]).double().mean(dim=2) * counts
    counted = counts.sum(dim=1)
    return PartAgreement(same.sum(dim=1) / counted.double(), likely.sum(dim=1) / counted.double(), counted)


def location_parts(masks: Tensor, size: tuple[int, int]) -> Tensor:
    """The part that covers most of each location of a feature map.

    Args:
        masks: [P, H, W] int64, the part of each pixel; negative = none.
        size: (h, w) of the feature map.

    Returns:
        [P, h, w] int64; of equally large parts the lowest number, none (-1) before any part.

    Raises:
        TypeError: not a tensor.
        ValueError: not [P, H, W].
    """
    if require_tensor("masks", masks).ndim != 3:
        raise ValueError(f"masks must be [P, H, W], got {list(masks.shape)}; one part number a pixel.")
    shares = F.one_hot(masks.long().clamp(min=-1) + 1).movedim(3, 1).double()
    return F.adaptive_avg_pool2d(shares, size).argmax(dim=1) - 1
