"""k-reciprocal neighbours: pictures that have each other among their k nearest."""

from __future__ import annotations

import torch
from torch import Tensor

CHUNK = 2**22  # neighbour comparisons that are held at a time


def reciprocal_members(neighbours: Tensor, *, k1: int) -> Tensor:
    """Each picture's k1-reciprocal neighbours, widened by those of its neighbours that agree.

    Args:
        neighbours: [N, >= k1 + 1] nearest first, the picture itself among them.
        k1: neighbours that make a reciprocal set; candidates bring half as many.

    Returns:
        [E, 2] int64 (picture, member), ascending, each once.
    """
    wide, narrow = neighbours[:, : k1 + 1], neighbours[:, : round(k1 / 2) + 1]
    wide, narrow = _reciprocal_only(wide), _reciprocal_only(narrow)
    step = max(1, CHUNK // (wide.shape[1] ** 2 * narrow.shape[1]))
    members = []
    for start in range(0, len(wide), step):
        here = wide[start : start + step]
        candidates = narrow[here.clamp_min(0)]
        candidates = torch.where(here[:, :, None] >= 0, candidates, -1)
        shared = (candidates[..., None] == here[:, None, None, :]).any(dim=-1) & (candidates >= 0)
        agrees = 3 * shared.sum(dim=-1) > 2 * (candidates >= 0).sum(dim=-1)
        added = torch.where(agrees[..., None], candidates, -1).flatten(1)
        column = torch.cat([here, added], dim=1).sort(dim=1).values
        is_new = column.diff(dim=1, prepend=column.new_full((len(column), 1), -1)) > 0
        row, place = torch.nonzero(is_new, as_tuple=True)
        members.append(torch.stack([row + start, column[row, place]], dim=1))
    return torch.cat(members)


def _reciprocal_only(neighbours: Tensor) -> Tensor:
    """The same [N, K], with -1 where the neighbour does not have the picture among its own K."""
    picture = torch.arange(len(neighbours), device=neighbours.device)
    kept = torch.empty_like(neighbours)
    step = max(1, CHUNK // neighbours.shape[1] ** 2)
    for start in range(0, len(neighbours), step):
        here = neighbours[start : start + step]
        is_mutual = (neighbours[here] == picture[start : start + step, None, None]).any(dim=-1)
        kept[start : start + step] = torch.where(is_mutual, here, -1)
    return kept
