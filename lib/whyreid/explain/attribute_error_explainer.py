"""Attribute-related error of pairs of pictures, under the protocol that all explainers share."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from whyreid.explain.attribute_error import ErrorForm, attribute_shares
from whyreid.explain.pair import PairExplanation
from whyreid.models.target import TargetModel


def comparable(embeddings: Tensor, distance: str) -> Tensor:
    """Embeddings whose Euclidean distance ranks as the target does: scaled to length one when it compares angles.

    For unit vectors the squared Euclidean distance is twice the cosine distance.

    Args:
        embeddings: [N, D].
        distance: the target's, "euclidean" or "cosine".

    Returns:
        [N, D].
    """
    return torch.nn.functional.normalize(embeddings, dim=1) if distance == "cosine" else embeddings


class AttributeErrorExplainer:
    """Explains the squared distance of two pictures by a linear attribute classifier (Specker, Eq. 3.2).

    Needs no gradient and no map: one forward pass a picture. See `attribute_errors` and `error_composition` for what
    the two forms mean, and for what of them is so by construction.

    Args:
        target: the model whose distance is explained.
        weight: [A, D] of an attribute classifier fitted on ``comparable`` embeddings of this target.
        attributes: the A names.
        form: "composition" = non-negative contributions, the remainder is what no attribute claims; "signed" = Eq. 3.2
            as it is, the remainder is whatever makes the sum right.

    Raises:
        ValueError: not one row of ``weight`` for each name, or an unknown form.
    """

    def __init__(
        self, target: TargetModel, weight: Tensor, attributes: Sequence[str], *, form: ErrorForm = "composition"
    ) -> None:
        if weight.ndim != 2 or len(weight) != len(attributes):
            raise ValueError(f"weight must be [{len(attributes)}, D], one row a name, got {list(weight.shape)}.")
        if form not in ("signed", "composition"):
            raise ValueError(f'form must be "signed" or "composition", got {form!r}.')
        self.target = target
        self.attributes = tuple(attributes)
        weight = weight.detach().float()
        self.handed_out = weight if form == "signed" else attribute_shares(weight)[: len(attributes)]

    def explain(self, query: Tensor, gallery: Tensor) -> PairExplanation:
        """Explain P pairs of normalised pictures [P, 3, H, W], without maps.

        The score is the squared Euclidean distance of the ``comparable`` embeddings.
        """
        squares = (self._embed(query) - self._embed(gallery)).square()
        contributions = squares @ self.handed_out.to(squares.device).T
        return PairExplanation.from_contributions(
            squares.sum(dim=1), contributions, kind="squared_distance", attributes=self.attributes
        )

    def _embed(self, images: Tensor) -> Tensor:
        training = self.target.training
        try:
            with torch.no_grad():
                return comparable(self.target.eval()(images).embedding.float(), self.target.distance)
        finally:
            self.target.train(training)
