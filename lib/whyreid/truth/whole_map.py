"""One map for the whole score, from explanations that have one for each attribute."""

from __future__ import annotations

import torch
from torch import Tensor

from whyreid.explain.pair import PairExplanation


def whole_maps(explanation: PairExplanation) -> tuple[Tensor | None, Tensor | None]:
    """What each place of the query and of the gallery picture stands for in the score as a whole.

    A map for the whole score is taken as it is. With a map for each attribute, half of each contribution is spread
    over either picture in proportion to the attribute's map: so the two maps add up to the contributions. A map that
    is zero everywhere spreads nothing.

    Args:
        explanation: with maps on one or both pictures. Maps for each attribute must be >= 0 (an attention).

    Returns:
        [P, 1, h, w] each, in units of the score; None where the explanation has no map.

    Raises:
        ValueError: maps for each attribute that are negative somewhere.

    Example:
        >>> attention = torch.tensor([[[[3.0, 1.0]], [[0.0, 1.0]]]])  # two attributes, two places
        >>> given = PairExplanation.from_contributions(
        ...     torch.ones(1), torch.tensor([[8.0, -2.0]]), kind="distance", attributes=("hat", "bag"),
        ...     query_maps=attention)
        >>> whole_maps(given)
        (tensor([[[[3., 0.]]]]), None)
    """
    return _whole(explanation.query_maps, explanation), _whole(explanation.gallery_maps, explanation)


def _whole(maps: Tensor | None, explanation: PairExplanation) -> Tensor | None:
    if maps is None or maps.shape[1] == 1 or explanation.contributions is None:
        return maps
    if bool((maps < 0).any()):
        raise ValueError("maps for each attribute must be >= 0 to spread contributions over, got negative values.")
    total = maps.sum(dim=(2, 3), keepdim=True)
    shares = maps / total.where(total > 0, 1)
    return torch.einsum("pa,pahw->phw", explanation.contributions / 2, shares)[:, None]
