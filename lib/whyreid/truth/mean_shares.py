"""What an explanation says of each attribute on average: to be compared with how large and how frequent it is."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from whyreid.models.attribute_distances import distance_tiles
from whyreid.tensor_checks import require_booleans


@dataclass(frozen=True, eq=False)
class MeanShares:
    """Mean share of the distance that each of A attributes makes, float64 in 0..1.

    Attributes:
        overall: [A] over all pairs; adds up to one.
        exclusive: [A] over the pairs that differ in the attribute; NaN where none does.
        common: [A] over the pairs that share it; NaN where none does.
        differing: [A] share of the pairs that differ in it.
    """

    overall: Tensor
    exclusive: Tensor
    common: Tensor
    differing: Tensor


def mean_shares(
    query_embeddings: Tensor,
    gallery_embeddings: Tensor,
    query_attributes: Tensor,
    gallery_attributes: Tensor,
    *,
    query_chunk: int = 64,
) -> MeanShares:
    """Average the shares ``d^k / sum_l d^l`` over all pairs of a query and a gallery picture, tile by tile.

    An explanation that puts down much to an attribute which a pair shares, because it covers much of the picture or
    because most people have it, shows here: its mean share in common pairs goes with area or frequency. That is the
    bias which the prior of AMD (Chen et al., arXiv 2103.01451) is meant to take away.

    Args:
        query_embeddings: [Q, A, D] floating point, of one interpreter.
        gallery_embeddings: [G, A, D].
        query_attributes: [Q, A] bool.
        gallery_attributes: [G, A] bool.
        query_chunk: queries at a time; it does not change the result.

    Returns:
        See `MeanShares`.

    Raises:
        TypeError: embeddings not floating point, attributes not bool.
        ValueError: shapes disagree.

    Cost: Q G A D multiply-adds; one tile is in memory at a time.

    Example:
        >>> query, gallery = torch.tensor([[[0.0], [0.0]]]), torch.tensor([[[3.0], [1.0]]])
        >>> found = mean_shares(query, gallery, torch.tensor([[True, True]]), torch.tensor([[False, True]]))
        >>> found.overall.tolist(), found.exclusive.tolist(), found.common.tolist()
        ([0.75, 0.25], [0.75, nan], [nan, 0.25])
    """
    tiles = distance_tiles(query_embeddings, gallery_embeddings, query_chunk=query_chunk)
    _check_labels(query_embeddings, gallery_embeddings, query_attributes, gallery_attributes)
    sums = torch.zeros(3, query_embeddings.shape[1], dtype=torch.float64, device=query_embeddings.device)
    for rows, columns, distances in tiles:
        shares = distances / distances.sum(dim=2, keepdim=True)  # distances are at least 1e-6
        differs = query_attributes[rows, None] != gallery_attributes[None, columns]
        parts = shares, shares * differs, differs
        sums += torch.stack([part.sum(dim=(0, 1), dtype=torch.float64) for part in parts])
    pairs = len(query_embeddings) * len(gallery_embeddings)
    everywhere, where_differing, differing = sums.cpu()
    common = (everywhere - where_differing) / (pairs - differing)
    common = common.where(differing < pairs, torch.nan)
    return MeanShares(everywhere / pairs, where_differing / differing, common, differing / pairs)


def _check_labels(query: Tensor, gallery: Tensor, query_attributes: Tensor, gallery_attributes: Tensor) -> None:
    for name, labels, embeddings in (("query", query_attributes, query), ("gallery", gallery_attributes, gallery)):
        require_booleans(f"{name}_attributes", labels, "[N, A]")
        if labels.shape != embeddings.shape[:2]:
            raise ValueError(
                f"{name}_attributes must be {list(embeddings.shape[:2])}, one row a picture, got {list(labels.shape)}; "
                "choose the same attributes for labels and explanation."
            )
