"""Do the attributes in which two persons differ make the distance? Agreement of an explanation with labels (X-mAP).

Agreement with labels says that an explanation is plausible, not that it is true: a prior that looks at no picture
nearly reaches the published numbers (`whyreid.truth.label_controls`). Print its rows beside every X-mAP.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from whyreid.models.attribute_distances import distance_tiles
from whyreid.tensor_checks import require_booleans, require_floats
from whyreid.truth.attribute_ranking import PairScores, score_pairs

PAIRS = 2**13  # pairs scored at a time: they stay in the processor's cache


@dataclass(frozen=True)
class AttributeAgreement:
    """How well an explanation's order of attributes agrees with labels. All values are fractions, higher = better.

    Attributes:
        exclusive_map: mean over pairs that differ of the average precision of the differing attributes, most
            contributing first (X-mAP_e of AMD).
        common_map: mean over pairs that share an attribute of the average precision of the shared ones, least
            contributing first (X-mAP_c).
        exclusive_precision: share of the differing attributes among the N most contributing, N = how many differ.
        common_precision: share of the shared attributes among the A - N least contributing.
        exclusive_by_attribute: [A] float64: of the pairs that differ in the attribute, how many have it among the N
            most contributing; NaN where no pair differs in it.
        common_by_attribute: [A] float64: of the pairs that share it, how many have it among the A - N least
            contributing; NaN where every pair differs in it.
        num_pairs: pairs scored.
        num_exclusive_pairs: pairs with N > 0.
        num_common_pairs: pairs with N < A.
    """

    exclusive_map: float
    common_map: float
    exclusive_precision: float
    common_precision: float
    exclusive_by_attribute: Tensor
    common_by_attribute: Tensor
    num_pairs: int
    num_exclusive_pairs: int
    num_common_pairs: int


def attribute_agreement(
    attribute_distmat: Tensor, query_attributes: Tensor, gallery_attributes: Tensor
) -> AttributeAgreement:
    """X-mAP of distances that are in memory; `attribute_agreement_streamed` takes embeddings instead.

    The measures of AMD's official code (Chen et al., arXiv 2103.01451). Deviations: equal contributions score their
    expectation over all orders instead of whatever the sort leaves. A pair in which nothing differs counts in
    ``common_map`` with 1, as there. Contributions of any explainer may be given, signed ones too (higher = sets apart).

    Args:
        attribute_distmat: [Q, G, A] floating point: what each attribute makes of each pair's distance.
        query_attributes: [Q, A] bool.
        gallery_attributes: [G, A] bool; leave out pictures without labels, such as distractors, or give them all
            False as the official code does.

    Returns:
        `AttributeAgreement`; a measure without any pair is NaN.

    Raises:
        TypeError: not tensors, attributes not bool.
        ValueError: shapes disagree, nothing to score, contributions not finite.

    Example:
        >>> query, gallery = torch.tensor([[True, True, False]]), torch.tensor([[True, False, False]])
        >>> found = attribute_agreement(torch.tensor([[[3.0, 1.0, 0.5]]]), query, gallery)
        >>> found.exclusive_map, round(found.common_map, 4)  # the second differs and comes second
        (0.5, 0.8333)
    """
    require_floats("attribute_distmat", attribute_distmat, "[Q, G, A]")
    _check_labels(query_attributes, gallery_attributes, attribute_distmat.shape)
    return agreement_from_chunks([(attribute_distmat.detach(), query_attributes, gallery_attributes, None)])


def attribute_agreement_streamed(
    query_embeddings: Tensor,
    gallery_embeddings: Tensor,
    query_attributes: Tensor,
    gallery_attributes: Tensor,
    *,
    query_chunk: int = 64,
) -> AttributeAgreement:
    """`attribute_agreement` from attribute embeddings, tile by tile: no [Q, G, A] is ever in memory.

    Args:
        query_embeddings: [Q, A, D] floating point (half precision is widened tile by tile).
        gallery_embeddings: [G, A, D].
        query_attributes: [Q, A] bool.
        gallery_attributes: [G, A] bool.
        query_chunk: queries in a tile (of 1,024 gallery pictures); it does not change the result.

    Returns:
        As `attribute_agreement` of the whole matrix, up to the rounding of distances.

    Raises:
        TypeError: as `attribute_agreement`.
        ValueError: as `attribute_agreement`; a chunk below 1.

    Cost: Q G A D multiply-adds and O(Q G A log A); memory beside the embeddings: the queries' once more and, with
    A = 26, about 0.6 kB for each of the ``query_chunk`` * 1,024 pairs of a tile.

    Example:
        >>> person, other = torch.tensor([[[0.0], [0.0]]]), torch.tensor([[[3.0], [1.0]]])
        >>> found = attribute_agreement_streamed(
        ...     person, other, torch.tensor([[True, False]]), torch.tensor([[False, False]]))
        >>> found.exclusive_map, found.common_map
        (1.0, 1.0)
    """
    tiles = distance_tiles(query_embeddings, gallery_embeddings, query_chunk=query_chunk)
    pairs = (len(query_embeddings), len(gallery_embeddings), query_embeddings.shape[1])
    _check_labels(query_attributes, gallery_attributes, torch.Size(pairs))
    return agreement_from_chunks(
        (distances, query_attributes[rows], gallery_attributes[columns], None) for rows, columns, distances in tiles
    )


Chunk = tuple[Tensor, Tensor, Tensor, Tensor | None]
"""Contributions [q, g, A], labels [q, A] and [g, A], and how often each pair counts [q, g] (None = once)."""


def agreement_from_chunks(chunks: Iterable[Chunk]) -> AttributeAgreement:
    """The agreement of a matrix that comes in pieces.

    Raises:
        ValueError: no pair.
    """
    totals: Tensor | None = None
    num_attributes = 0
    for contributions, query_attributes, gallery_attributes, weight in chunks:
        _, gallery, num_attributes = contributions.shape
        rows = max(1, PAIRS // gallery)
        for q in range(0, len(contributions), rows):
            values = contributions[q : q + rows].flatten(0, 1)
            values = values if values.dtype == torch.float64 else values.float()
            differs = (query_attributes[q : q + rows, None] != gallery_attributes[None]).flatten(0, 1)
            weights = None if weight is None else weight[q : q + rows].flatten()
            sums = _sums(score_pairs(values, differs), differs.float(), weights)
            totals = sums if totals is None else totals + sums
    if totals is None:
        raise ValueError("there must be at least one pair to score, got none; check the splits.")
    return _from_sums(totals, num_attributes)


def _sums(scores: PairScores, differs: Tensor, weight: Tensor | None) -> Tensor:
    """What is added up over pairs, [7 + 3 A] float64: see `_from_sums` for the order."""
    num_attributes = differs.shape[1]
    count = differs.sum(dim=1)
    hits = scores.ahead * differs
    wrong = count - hits.sum(dim=1)  # as many differing ones are behind as shared ones are ahead
    some, not_all = (count > 0).float(), (count < num_attributes).float()
    single = [
        torch.ones_like(count),
        some,
        not_all,
        scores.exclusive * some,
        scores.common * not_all,
        some - wrong / count.clamp(min=1),
        not_all - wrong / (num_attributes - count).clamp(min=1),
    ]
    columns = torch.cat([torch.stack(single, dim=1), differs, scores.ahead, hits], dim=1)
    if weight is not None:
        return weight.double() @ columns.double()
    return columns.sum(dim=0).double()  # at most PAIRS rows: float32 loses nothing that shows


def _from_sums(totals: Tensor, num_attributes: int) -> AttributeAgreement:
    pairs, exclusive_pairs, common_pairs, *means = totals[:7].tolist()
    differing, ahead, hits = totals[7:].view(3, num_attributes).cpu()
    shared_behind = pairs - differing - ahead + hits
    return AttributeAgreement(
        exclusive_map=_ratio(means[0], exclusive_pairs),
        common_map=_ratio(means[1], common_pairs),
        exclusive_precision=_ratio(means[2], exclusive_pairs),
        common_precision=_ratio(means[3], common_pairs),
        exclusive_by_attribute=hits / differing,
        common_by_attribute=(shared_behind / (pairs - differing)).where(pairs > differing, torch.nan),
        num_pairs=round(pairs),
        num_exclusive_pairs=round(exclusive_pairs),
        num_common_pairs=round(common_pairs),
    )


def _ratio(total: float, count: float) -> float:
    return total / count if count else float("nan")


def _check_labels(query_attributes: Tensor, gallery_attributes: Tensor, shape: torch.Size) -> None:
    num_queries, num_gallery, num_attributes = shape
    for name, value, rows in (
        ("query_attributes", query_attributes, num_queries),
        ("gallery_attributes", gallery_attributes, num_gallery),
    ):
        require_booleans(name, value, "[N, A]")
        if value.shape != (rows, num_attributes):
            raise ValueError(
                f"{name} must be [{rows}, {num_attributes}], one row a picture, got {list(value.shape)}; "
                "choose the same attributes for labels and explanation."
            )
    if 0 in shape:
        raise ValueError(f"there must be queries, gallery pictures and attributes, got {list(shape)}.")
