"""What each location lacks of a perfect match: QAConv's logit explained from above."""

from __future__ import annotations

import torch
from torch import Tensor

from whyreid.explain.correspondences import DIRECTIONS, nearest_locations
from whyreid.explain.pair import PairExplanation
from whyreid.models.qaconv import LocationContributions
from whyreid.models.qaconv_features import QAConvModel
from whyreid.models.qaconv_scoring import evaluating


class ShortfallExplainer:
    """Explains QAConv's logit by what each location lacks of a perfect match: a `whyreid.explain.PairExplainer`.

    `whyreid.explain.CorrespondenceExplainer` counts from a similarity of zero: every location that matches at all adds
    something, and large garments add most, whether they are alike or not. Here the count starts from a similarity of
    one, as a picture has with itself: a location's part is what it adds minus what it would add then, so a location
    without fault has nothing. Everything after the maxima is affine, so the parts add up exactly to the logit minus
    the perfect one; the remainder is the perfect one. No published method: the same summands, read from the other end.

    The explanation has two contributions, the sums over the query's and over the gallery picture's locations; the maps
    hold the summands, [P, 1, h, w] each, negative where a location speaks against the same person.

    Args:
        model: extractor and matcher; kept in evaluation mode while explaining.

    Example:
        >>> from whyreid.models.qaconv_features import thin_qaconv
        >>> picture = torch.rand(2, 3, 64, 32)
        >>> explanation = ShortfallExplainer(thin_qaconv(image_size=(64, 32))).explain(picture, picture)
        >>> explanation.kind, bool(explanation.contributions.abs().max() < 1e-4)
        ('similarity', True)
    """

    def __init__(self, model: QAConvModel) -> None:
        self.model = model

    def explain(self, query: Tensor, gallery: Tensor) -> PairExplanation:
        """Explain P pairs of pictures, [P, 3, H, W] each, prepared with ``model.image_input``."""
        matcher = self.model.matcher
        with evaluating(self.model), torch.no_grad():
            query_maps, gallery_maps = (self.model(side).to(matcher.fc.weight.dtype) for side in (query, gallery))
            best = nearest_locations(query_maps, gallery_maps)
            found = matcher.location_contributions(best.query_similarity, best.gallery_similarity)
            ones = torch.ones_like(best.query_similarity), torch.ones_like(best.gallery_similarity)
            perfect = matcher.location_contributions(*ones)
        sides = [(found.query - perfect.query), (found.gallery - perfect.gallery)]
        maps = [side.unflatten(1, query_maps.shape[2:])[:, None] for side in sides]
        return PairExplanation(
            score=_logit(found),
            kind="similarity",
            contributions=torch.stack([side.sum(dim=1) for side in sides], dim=1),
            query_maps=maps[0],
            gallery_maps=maps[1],
            attributes=DIRECTIONS,
            remainder=_logit(perfect),
        )


def _logit(parts: LocationContributions) -> Tensor:
    """[P] what the parts of both directions and the bias add up to."""
    return parts.query.sum(dim=1) + parts.gallery.sum(dim=1) + parts.bias
