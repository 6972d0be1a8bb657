"""Push pairs apart whose distance an interpreter puts down to attributes in which they are predicted to differ."""

from __future__ import annotations

import torch
from torch import Tensor

from whyreid.models.attribute_distances import distance_tiles
from whyreid.tensor_checks import require_booleans, require_floats


def reweighted_distances(
    distmat: Tensor,
    attribute_distmat: Tensor,
    query_attributes: Tensor,
    gallery_attributes: Tensor,
    *,
    strength: float,
) -> Tensor:
    """``d (1 + strength * w)``, w = the share of a pair's attribute distances that differing attributes make.

    The by-product of AMD (Chen et al., arXiv 2103.01451). Deviations from the official code: both sides'
    attributes are predicted (there the query's true labels are used); an attribute counts when the predictions differ
    (there the gallery's 0/1 code meets a -1/+1 code, so a gallery picture without the attribute always counts half);
    ``strength`` is to be chosen on validation identities (there: on the test set).

    Args:
        distmat: [Q, G], the target's distances, >= 0.
        attribute_distmat: [Q, G, A], >= 0. One chunk.
        query_attributes: [Q, A] bool, predicted.
        gallery_attributes: [G, A] bool, predicted.
        strength: >= 0; 0 leaves the distances as they are, 1 at most doubles them.

    Returns:
        [Q, G], >= ``distmat``.

    Raises:
        TypeError: not tensors, attributes not bool.
        ValueError: shapes disagree, a negative strength.

    Example:
        >>> import torch
        >>> distances, parts = torch.tensor([[2.0]]), torch.tensor([[[1.0, 3.0]]])
        >>> query, gallery = torch.tensor([[True, False]]), torch.tensor([[True, True]])
        >>> reweighted_distances(distances, parts, query, gallery, strength=1.0)  # 2 * (1 + 3/4)
        tensor([[3.5000]])
    """
    require_floats("distmat", distmat, "[Q, G]")
    require_floats("attribute_distmat", attribute_distmat, "[Q, G, A]")
    require_booleans("query_attributes", query_attributes, "[Q, A]")
    require_booleans("gallery_attributes", gallery_attributes, "[G, A]")
    expected = (*distmat.shape, query_attributes.shape[1])
    found = (len(query_attributes), *gallery_attributes.shape)
    if attribute_distmat.shape != expected or found != expected:
        raise ValueError(
            "distmat [Q, G], attribute_distmat [Q, G, A], query_attributes [Q, A] and gallery_attributes [G, A] must "
            f"agree, got {list(distmat.shape)}, {list(attribute_distmat.shape)}, {list(query_attributes.shape)} and "
            f"{list(gallery_attributes.shape)}."
        )
    if not strength >= 0:
        raise ValueError(f"strength must be >= 0, got {strength}; a negative one would reward differences.")
    return distmat * (1 + strength * _share(attribute_distmat, query_attributes, gallery_attributes))


def exclusive_shares(
    query_embeddings: Tensor,
    gallery_embeddings: Tensor,
    query_attributes: Tensor,
    gallery_attributes: Tensor,
    *,
    query_chunk: int = 64,
) -> Tensor:
    """The share w of `reweighted_distances` for whole test sets; no [Q, G, A] is ever in memory.

    Args:
        query_embeddings: [Q, A, D] attribute embeddings.
        gallery_embeddings: [G, A, D].
        query_attributes: [Q, A] bool, predicted.
        gallery_attributes: [G, A] bool, predicted.
        query_chunk: queries at a time; it does not change the result.

    Returns:
        [Q, G] in 0..1: the share of each pair's attribute distances that differing attributes make. The re-weighted
        distance is ``d * (1 + strength * w)``.

    Raises:
        TypeError: not tensors, attributes not bool.
        ValueError: shapes disagree, a chunk below 1.
    """
    tiles = distance_tiles(query_embeddings, gallery_embeddings, query_chunk=query_chunk)
    for name, value, rows in (
        ("query_attributes", query_attributes, query_embeddings),
        ("gallery_attributes", gallery_attributes, gallery_embeddings),
    ):
        require_booleans(name, value, "[N, A]")
        if value.shape != rows.shape[:2]:
            raise ValueError(f"{name} must be {list(rows.shape[:2])}, got {list(value.shape)}; one row a picture.")
    shares = torch.empty(len(query_embeddings), len(gallery_embeddings), device=query_embeddings.device)
    for queries, gallery, parts in tiles:
        shares[queries, gallery] = _share(parts, query_attributes[queries], gallery_attributes[gallery])
    return shares


def _share(attribute_distmat: Tensor, query_attributes: Tensor, gallery_attributes: Tensor) -> Tensor:
    """[Q, G] share of the differing attributes; 0 where a pair has no attribute distance."""
    differs = query_attributes[:, None] != gallery_attributes[None]
    total = attribute_distmat.sum(dim=2)
    return (attribute_distmat * differs).sum(dim=2) / total.where(total > 0, 1)
