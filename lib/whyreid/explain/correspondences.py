"""Which locations of two pictures QAConv matched with each other, and what each match adds to the logit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from whyreid.explain.pair import PairExplanation
from whyreid.models.location_matching import location_rows
from whyreid.models.qaconv import QAConv
from whyreid.models.qaconv_features import QAConvModel
from whyreid.models.qaconv_scoring import evaluating
from whyreid.tensor_checks import require_tensor

Side = Literal["query", "gallery"]
DIRECTIONS = ("query locations", "gallery locations")
_PAIRS_AT_A_TIME = 64


@dataclass(frozen=True, eq=False)
class Correspondences:
    """The matches of P pairs of feature maps, location by location, in both directions.

    ``logit = query_contributions.sum + gallery_contributions.sum + bias`` for each pair, to rounding: in evaluation
    mode everything after the maxima is affine.

    Attributes:
        logit: [P], higher = more likely the same person.
        query_contributions: [P, h, w] in units of the logit, signed: what each location of the query picture adds
            through its best match. Positive speaks for the same person.
        gallery_contributions: [P, h, w] the same for the gallery picture.
        query_similarity: [P, h, w] cosine of each query location and its best match, -1..1.
        gallery_similarity: [P, h, w] the same for the gallery picture.
        query_matches: [P, h, w] int64: the gallery location that each query location matched, row * w + column.
        gallery_matches: [P, h, w] int64: the query location that each gallery location matched.
        bias: scalar, the same for every pair.
    """

    logit: Tensor
    query_contributions: Tensor
    gallery_contributions: Tensor
    query_similarity: Tensor
    gallery_similarity: Tensor
    query_matches: Tensor
    gallery_matches: Tensor
    bias: Tensor

    def __len__(self) -> int:
        """P, the number of pairs."""
        return len(self.logit)

    def mutual(self) -> Tensor:
        """[P, h, w] bool: query locations whose match chose them in return."""
        here = torch.arange(self.query_matches[0].numel(), device=self.query_matches.device)
        back = self.gallery_matches.flatten(1).gather(1, self.query_matches.flatten(1))
        return (back == here).view_as(self.query_matches)


class NearestLocations(NamedTuple):
    """Each [P, h*w]; locations are numbered row * w + column.

    Attributes:
        query_similarity: similarity of each query location to its nearest gallery location.
        query_matches: that gallery location, int64.
        gallery_similarity: similarity of each gallery location to its nearest query location.
        gallery_matches: that query location, int64.
    """

    query_similarity: Tensor
    query_matches: Tensor
    gallery_similarity: Tensor
    gallery_matches: Tensor


@dataclass(frozen=True, eq=False)
class CorrespondenceLines:
    """The k matches of each pair that add most, as lines between two pictures; see `strongest_lines`.

    Attributes:
        start: [P, k, 2] (y, x) in the picture of ``side``, as fractions of its height and width (centre of the
            location).
        end: [P, k, 2] (y, x) in the other picture.
        contribution: [P, k] in units of the logit, falling.
        side: the picture whose locations looked for a match.
    """

    start: Tensor
    end: Tensor
    contribution: Tensor
    side: Side


def find_correspondences(matcher: QAConv, query_maps: Tensor, gallery_maps: Tensor) -> Correspondences:
    """Match P pairs location by location and take their logits apart.

    Follows the authors' figure script (weight x normalised similarity of each location), carried through the
    normalisation of the logits so that the parts add up to the logit itself.

    Args:
        matcher: used with its running statistics; its training flag is left alone.
        query_maps: [P, C, h, w], L2-normalised over C.
        gallery_maps: [P, C, h, w]: ``query_maps[p]`` is matched with ``gallery_maps[p]`` only.

    Returns:
        See `Correspondences`. Of equally good matches the first location in row-major order is named.

    Raises:
        TypeError: not tensors.
        ValueError: shapes disagree, or there is no pair.

    Cost: 2 P C (h w)^2 operations; memory of 64 pairs' (h w)^2 similarities.
    """
    _check_pairs(matcher, query_maps, gallery_maps)
    dtype = matcher.fc.weight.dtype
    with torch.no_grad():
        found = nearest_locations(query_maps.to(dtype), gallery_maps.to(dtype))
        query_similarity, query_matches, gallery_similarity, gallery_matches = found
        parts = matcher.location_contributions(query_similarity, gallery_similarity)
        logit = parts.query.sum(dim=1) + parts.gallery.sum(dim=1) + parts.bias
    on_the_map = partial(torch.unflatten, dim=1, sizes=query_maps.shape[2:])
    return Correspondences(
        logit=logit,
        query_contributions=on_the_map(parts.query),
        gallery_contributions=on_the_map(parts.gallery),
        query_similarity=on_the_map(query_similarity),
        gallery_similarity=on_the_map(gallery_similarity),
        query_matches=on_the_map(query_matches),
        gallery_matches=on_the_map(gallery_matches),
        bias=parts.bias,
    )


def nearest_locations(query_maps: Tensor, gallery_maps: Tensor) -> NearestLocations:
    """The most similar location of the other picture, for every location of P pairs of any network's maps.

    What `find_correspondences` builds on, and its baseline: the same for maps that nobody trained to be matched.

    Args:
        query_maps: [P, C, h, w], L2-normalised over C (else inner products are compared).
        gallery_maps: [P, C, h, w].

    Returns:
        See `NearestLocations`; of equals the first in row-major order.
    """
    pieces = zip(query_maps.split(_PAIRS_AT_A_TIME), gallery_maps.split(_PAIRS_AT_A_TIME), strict=True)
    with torch.autocast(query_maps.device.type, enabled=False):
        found = [_best_of_pairs(q, g) for q, g in pieces]
    return NearestLocations(*map(torch.cat, zip(*found, strict=True)))


def strongest_lines(found: Correspondences, k: int, *, side: Side = "query") -> CorrespondenceLines:
    """The k matches of each pair with the greatest contributions, to be drawn as lines.

    The authors draw every query location whose contribution (before the normalisation of the logits) exceeds 0.0025,
    for pairs with at least five such; a fixed number a pair lets matches and non-matches be compared.

    Args:
        found: the matches.
        k: lines a pair, 1..h*w.
        side: whose locations looked for a match, "query" or "gallery".

    Returns:
        The k lines of each pair, those with the greatest contribution first.

    Raises:
        ValueError: k out of range, or an unknown side.
    """
    if side not in ("query", "gallery"):
        raise ValueError(f'side must be "query" or "gallery", got {side!r}.')
    contributions = found.query_contributions if side == "query" else found.gallery_contributions
    matches = found.query_matches if side == "query" else found.gallery_matches
    height, width = contributions.shape[1:]
    if not 1 <= k <= height * width:
        raise ValueError(f"k must be in 1..{height * width}, the locations of the map, got {k}.")
    flat = contributions.flatten(1)
    order = flat.argsort(dim=1, descending=True, stable=True)[:, :k]
    ends = matches.flatten(1).gather(1, order)
    return CorrespondenceLines(
        _centres(order, height, width), _centres(ends, height, width), flat.gather(1, order), side
    )


class CorrespondenceExplainer:
    """Explains QAConv's logit by what each location adds: a `whyreid.explain.PairExplainer`.

    The explanation has two contributions, the sums over the query's and over the gallery picture's locations; the maps
    hold the summands ([P, 1, h, w] each, adding up to these sums), the remainder is the bias.

    Args:
        model: extractor and matcher; kept in evaluation mode while explaining.

    Example:
        >>> from whyreid.models.qaconv_features import thin_qaconv
        >>> explainer = CorrespondenceExplainer(thin_qaconv(image_size=(64, 32)))
        >>> explanation = explainer.explain(torch.rand(2, 3, 64, 32), torch.rand(2, 3, 64, 32))
        >>> list(explanation.query_maps.shape), explanation.kind
        ([2, 1, 8, 4], 'similarity')
    """

    def __init__(self, model: QAConvModel) -> None:
        self.model = model

    def explain(self, query: Tensor, gallery: Tensor) -> PairExplanation:
        """Explain P pairs of pictures, [P, 3, H, W] each, prepared with ``model.image_input``."""
        with evaluating(self.model), torch.no_grad():
            found = find_correspondences(self.model.matcher, self.model(query), self.model(gallery))
        sums = [maps.flatten(1).sum(dim=1) for maps in (found.query_contributions, found.gallery_contributions)]
        return PairExplanation(
            score=found.logit,
            kind="similarity",
            contributions=torch.stack(sums, dim=1),
            query_maps=found.query_contributions[:, None],
            gallery_maps=found.gallery_contributions[:, None],
            attributes=DIRECTIONS,
            remainder=found.bias.expand(len(found)),
        )


def _best_of_pairs(query_maps: Tensor, gallery_maps: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Best similarity and where it is, for the locations of either side, each [p, hw]."""
    pairs = len(query_maps)
    similarities = location_rows(query_maps).unflatten(0, (pairs, -1)) @ gallery_maps.flatten(2)
    for_query, for_gallery = similarities.max(dim=2), similarities.max(dim=1)
    return for_query.values, for_query.indices, for_gallery.values, for_gallery.indices


def _centres(locations: Tensor, height: int, width: int) -> Tensor:
    """Centres of locations as (y, x) fractions of the picture, [..., 2]."""
    rows, columns = locations.div(width, rounding_mode="floor"), locations % width
    return torch.stack(((rows + 0.5) / height, (columns + 0.5) / width), dim=-1)


def _check_pairs(matcher: QAConv, query_maps: Tensor, gallery_maps: Tensor) -> None:
    expected = (matcher.num_features, matcher.height, matcher.width)
    for name, maps in (("query_maps", query_maps), ("gallery_maps", gallery_maps)):
        if tuple(require_tensor(name, maps).shape[1:]) != expected:
            raise ValueError(f"{name} must be [P, {', '.join(map(str, expected))}], got {list(maps.shape)}.")
    if len(query_maps) != len(gallery_maps) or len(query_maps) == 0:
        raise ValueError(
            f"query_maps and gallery_maps must hold one map a pair, got {len(query_maps)} and {len(gallery_maps)}; "
            "repeat the query's map for each of its gallery pictures."
        )
