"""Controls: explanations that do not look at how the model works, to be scored beside every explainer.

Each hands the score of a pair out to attributes, or to places, in shares that come from somewhere else: equal ones,
random ones, what is usual among training identities, what the query's labels suggest, how large a garment is, where a
person usually stands. An explainer that does no better than these explains nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from whyreid.explain.pair import PairExplanation
from whyreid.explain.pair_score import PairScore, as_pair_score, score_pairs
from whyreid.models.qaconv_features import QAConvModel
from whyreid.models.target import TargetModel
from whyreid.tensor_checks import require_booleans, require_floats, require_tensor

Model = TargetModel | QAConvModel | PairScore


class ShareControl:
    """Hands the score out to attributes in given shares: ``contribution = score * weight / sum of weights``.

    Args:
        model: whose score is handed out.
        attributes: A names.
        weights: [A] >= 0, the same for every pair, or [P, A], one row for each of the P pairs that will be explained.
            A row of zeros leaves the whole score in the remainder.

    Raises:
        TypeError: weights are not floating point.
        ValueError: another number of weights than names, negative or not finite.

    Example:
        >>> from whyreid.models import thin_network
        >>> control = ShareControl(thin_network(), ["hat", "bag"], torch.tensor([3.0, 1.0]))
        >>> explanation = control.explain(*torch.rand(2, 1, 3, 128, 64))
        >>> (explanation.contributions / explanation.score[:, None]).round(decimals=3).tolist()
        [[0.75, 0.25]]
    """

    def __init__(self, model: Model, attributes: Sequence[str], weights: Tensor) -> None:
        require_floats("weights", weights, None)
        if weights.ndim not in (1, 2) or weights.shape[-1] != len(attributes):
            raise ValueError(f"weights must be [A] or [P, A] for {len(attributes)} names, got {list(weights.shape)}.")
        _require_shares("weights", weights)
        self.score = as_pair_score(model)
        self.attributes = tuple(attributes)
        self.weights = weights.detach()

    def for_pairs(self, rows: Tensor | slice) -> ShareControl:
        """The same control for some of its pairs, to explain them in chunks."""
        weights = self.weights if self.weights.ndim == 1 else self.weights[rows]
        return ShareControl(self.score, self.attributes, weights)

    def explain(self, query: Tensor, gallery: Tensor) -> PairExplanation:
        """Explain P pairs of normalised pictures [P, 3, H, W]; they must be those that [P, A] weights were made for."""
        _require_rows("weights", self.weights if self.weights.ndim == 2 else None, len(query))
        score = score_pairs(self.score, query, gallery)
        weights = self.weights.to(score).expand(len(score), -1)
        return PairExplanation.from_contributions(
            score, score[:, None] * _to_shares(weights), kind=self.score.kind, attributes=self.attributes
        )


class RandomShareControl:
    """Hands the score out to attributes in random shares, drawn anew for each pair (uniform among all that sum to 1).

    Args:
        model: whose score is handed out.
        attributes: A names.
        seed: of the draws; the same calls in the same order draw the same shares.
    """

    def __init__(self, model: Model, attributes: Sequence[str], *, seed: int = 0) -> None:
        self.score = as_pair_score(model)
        self.attributes = tuple(attributes)
        self.generator = torch.Generator().manual_seed(seed)

    def explain(self, query: Tensor, gallery: Tensor) -> PairExplanation:
        """Explain P pairs of normalised pictures [P, 3, H, W]."""
        drawn = torch.empty(len(query), len(self.attributes)).exponential_(generator=self.generator)
        return ShareControl(self.score, self.attributes, drawn).explain(query, gallery)


class MapControl:
    """Hands half of the score out to the places of each picture in given shares; the maps add up to the score.

    Args:
        model: whose score is handed out.
        query_maps: [1, 1, h, w] >= 0, the same for every pair, or [P, 1, h, w], one for each of the P pairs that will
            be explained. A map of zeros leaves its half in the remainder.
        gallery_maps: the same for the gallery pictures; None = as ``query_maps``.

    Raises:
        TypeError: maps are not floating point.
        ValueError: not [.., 1, h, w], negative or not finite.

    Example:
        >>> from whyreid.models import thin_network
        >>> explanation = MapControl(thin_network(), centre_prior((128, 64))).explain(*torch.rand(2, 3, 3, 128, 64))
        >>> list(explanation.query_maps.shape)
        [3, 1, 128, 64]
    """

    def __init__(self, model: Model, query_maps: Tensor, gallery_maps: Tensor | None = None) -> None:
        self.score = as_pair_score(model)
        self.query_maps = query_maps
        self.gallery_maps = query_maps if gallery_maps is None else gallery_maps
        for name, maps in (("query_maps", self.query_maps), ("gallery_maps", self.gallery_maps)):
            require_floats(name, maps, "[P, 1, h, w]")
            if maps.shape[1] != 1:
                raise ValueError(f"{name} must be [P or 1, 1, h, w], got {list(maps.shape)}; one map a picture.")
            _require_shares(name, maps)

    def for_pairs(self, rows: Tensor | slice) -> MapControl:
        """The same control for some of its pairs, to explain them in chunks."""
        sides = (maps if len(maps) == 1 else maps[rows] for maps in (self.query_maps, self.gallery_maps))
        return MapControl(self.score, *sides)

    def explain(self, query: Tensor, gallery: Tensor) -> PairExplanation:
        """Explain P pairs of normalised pictures [P, 3, H, W]; they must be those that the maps were made for."""
        score = score_pairs(self.score, query, gallery)
        sides = []
        for name, maps in (("query_maps", self.query_maps), ("gallery_maps", self.gallery_maps)):
            _require_rows(name, maps if len(maps) > 1 else None, len(score))
            shares = _to_shares(maps.to(score).flatten(1)).expand(len(score), -1)
            sides.append((shares * score[:, None] / 2).view(len(score), *maps.shape[1:]))
        remainder = score - sides[0].sum(dim=(1, 2, 3)) - sides[1].sum(dim=(1, 2, 3))
        return PairExplanation(score, self.score.kind, None, sides[0], sides[1], (), remainder)


class RandomMapControl:
    """Hands the score out to cells of both pictures in random shares, drawn anew for each pair.

    Args:
        model: whose score is handed out.
        cells: (rows, columns) of the maps. Finer maps average out over a region and become the area of the region.
        seed: of the draws; the same calls in the same order draw the same maps.
    """

    def __init__(self, model: Model, *, cells: tuple[int, int] = (16, 8), seed: int = 0) -> None:
        self.score = as_pair_score(model)
        self.cells = cells
        self.generator = torch.Generator().manual_seed(seed)

    def explain(self, query: Tensor, gallery: Tensor) -> PairExplanation:
        """Explain P pairs of normalised pictures [P, 3, H, W]; maps [P, 1, rows, columns]."""
        drawn = torch.empty(2, len(query), 1, *self.cells).exponential_(generator=self.generator)
        return MapControl(self.score, drawn[0], drawn[1]).explain(query, gallery)


def uniform_control(model: Model, attributes: Sequence[str]) -> ShareControl:
    """Every attribute makes the same part of the score: a tie, which carries no order."""
    return ShareControl(model, attributes, torch.ones(len(attributes)))


def fixed_order_control(model: Model, attributes: Sequence[str], mean_effect: Tensor) -> ShareControl:
    """The same shares for every pair: what each attribute does on average.

    Args:
        model: whose score is handed out.
        attributes: A names.
        mean_effect: [A] >= 0, such as the mean absolute true effect among **training** identities.

    Returns:
        An explainer; its contributions are the same shares of every pair's score.
    """
    return ShareControl(model, attributes, require_floats("mean_effect", mean_effect, "[A]"))


def query_prior_control(
    model: Model, attributes: Sequence[str], query_probabilities: Tensor, positive_ratio: Tensor
) -> ShareControl:
    """What the query's attributes and the attributes' frequencies suggest: no gallery picture is looked at.

    An attribute weighs as much as it is likely that a random person differs from the query in it.

    Args:
        model: whose score is handed out.
        attributes: A names.
        query_probabilities: [P, A] in 0..1 or bool: labels of the query (true or predicted), or probabilities.
        positive_ratio: [A] in 0..1: share of the training identities that have the attribute.

    Returns:
        An explainer of just these P pairs, in this order.

    Raises:
        ValueError: values outside 0..1, or shapes that disagree.
    """
    has = require_tensor("query_probabilities", query_probabilities, "[P, A]").to(positive_ratio)
    ratio = require_floats("positive_ratio", positive_ratio, "[A]")
    for name, value in (("query_probabilities", has), ("positive_ratio", ratio)):
        if not bool(((value >= 0) & (value <= 1)).all()):
            raise ValueError(f"{name} must lie in 0..1, got other values; apply sigmoid to logits.")
    return ShareControl(model, attributes, has + ratio - 2 * has * ratio)


def mask_area_control(
    model: Model, attributes: Sequence[str], query_regions: Tensor, gallery_regions: Tensor
) -> ShareControl:
    """Larger things make more of the score: an attribute weighs as many pixels as carry it, in both pictures together.

    Args:
        model: whose score is handed out.
        attributes: A names.
        query_regions: [P, A, H, W] bool, see `whyreid.pedestrians.attribute_regions`.
        gallery_regions: [P, A, H, W] bool.

    Returns:
        An explainer of just these P pairs, in this order.
    """
    sides = (("query_regions", query_regions), ("gallery_regions", gallery_regions))
    areas = [require_booleans(name, value, "[P, A, H, W]").float().mean(dim=(2, 3)) for name, value in sides]
    return ShareControl(model, attributes, areas[0] + areas[1])


def centre_prior(size: tuple[int, int], *, spread: float = 0.25) -> Tensor:
    """[1, 1, H, W] a Gaussian in the middle of the picture, sum 1: where a person usually stands.

    Args:
        size: (H, W).
        spread: standard deviation, in heights and widths of the picture.

    Returns:
        [1, 1, H, W] float32, for `MapControl`.

    Example:
        >>> prior = centre_prior((3, 3))
        >>> int(prior.argmax()), round(float(prior.sum()), 5)
        (4, 1.0)
    """
    sides = []
    for length in size:
        place = (torch.arange(length) + 0.5) / length - 0.5
        sides.append(torch.exp(-0.5 * (place / spread) ** 2))
    prior = sides[0][:, None] * sides[1]
    return (prior / prior.sum())[None, None]


def silhouette_control(model: Model, query_person: Tensor, gallery_person: Tensor) -> MapControl:
    """Every pixel of the person counts the same, the background nothing.

    Args:
        model: whose score is handed out.
        query_person: [P, H, W] bool, True where the person is seen.
        gallery_person: [P, H, W] bool.

    Returns:
        An explainer with maps of just these P pairs, in this order.
    """
    sides = (("query_person", query_person), ("gallery_person", gallery_person))
    maps = [require_booleans(name, value, "[P, H, W]").float()[:, None] for name, value in sides]
    return MapControl(model, maps[0], maps[1])


def _to_shares(weights: Tensor) -> Tensor:
    """[N, n] >= 0 -> rows that sum to one; rows of zeros stay zero."""
    total = weights.sum(dim=1, keepdim=True)
    return weights / total.where(total > 0, 1)


def _require_shares(name: str, values: Tensor) -> None:
    if not bool(((values >= 0) & values.isfinite()).all()):
        raise ValueError(f"{name} must be finite and >= 0, got other values; shares have no sign.")


def _require_rows(name: str, values: Tensor | None, pairs: int) -> None:
    if values is not None and len(values) != pairs:
        raise ValueError(
            f"{name} were given for {len(values)} pairs, got {pairs} pairs to explain; explain exactly those pairs in "
            "one call, or choose rows with for_pairs."
        )
