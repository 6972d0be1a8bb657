"""Explain a pair by a metric interpreter: the target's distance as a sum of one part for each attribute (AMD)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from whyreid.explain.pair import PairExplanation
from whyreid.losses.metric_distillation import OverAttributes, combine_attributes
from whyreid.models.attribute_distances import distance_tiles
from whyreid.models.interpreter import Interpreter


class DecompositionExplainer:
    """The `PairExplainer` of AMD (Chen et al., arXiv 2103.01451).

    The contribution of attribute k is its own distance between the two pictures, divided by A in the mean form; the
    remainder is what the contributions leave of the target's Euclidean distance. Contributions are distances, so they
    are positive whatever the interpreter has learnt: that they are is no evidence, and none of them can bring a pair
    together. The maps are the attention of each picture, positive, 1 = as in the target.

    Args:
        interpreter: trained; used in evaluation mode, its training flag is restored.
        attributes: its A names, in the order of its maps.
        over_attributes: the form that it was trained with, "mean" or "sum".

    Raises:
        ValueError: another number of names than the interpreter has attributes, or an unknown form.

    Example:
        >>> from whyreid.models import thin_network
        >>> interpreter = Interpreter(thin_network(), 2, share_until="stage1")
        >>> query, gallery = torch.rand(2, 3, 3, 128, 64)
        >>> explanation = DecompositionExplainer(interpreter, ["hat", "bag"]).explain(query, gallery)
        >>> explanation.contributions.shape, explanation.query_maps.shape
        (torch.Size([3, 2]), torch.Size([3, 2, 16, 8]))
    """

    def __init__(
        self, interpreter: Interpreter, attributes: Sequence[str], *, over_attributes: OverAttributes = "mean"
    ) -> None:
        if len(attributes) != interpreter.num_attributes:
            raise ValueError(
                f"attributes must be {interpreter.num_attributes} names as the interpreter has maps, "
                f"got {len(attributes)}; pass those that it was trained on, in their order."
            )
        combine_attributes(torch.zeros(1), over_attributes)  # refuses an unknown form before any work
        self.interpreter = interpreter
        self.attributes = tuple(attributes)
        self.over_attributes = over_attributes

    @torch.no_grad()
    def explain(self, query: Tensor, gallery: Tensor) -> PairExplanation:
        """Decompose the distances of P pairs, [P, 3, H, W] each; score and contributions in embedding units.

        Raises:
            ValueError: not as many gallery pictures as query pictures, or other shapes.
        """
        if query.ndim != 4 or query.shape[0] != gallery.shape[0]:
            raise ValueError(
                "query and gallery must be [P, 3, H, W] with one picture a pair each, "
                f"got {list(query.shape)} and {list(gallery.shape)}."
            )
        with _evaluating(self.interpreter):
            first, second = self.interpreter(query), self.interpreter(gallery)
        parts = (first.attribute_embeddings - second.attribute_embeddings).norm(dim=2)
        return PairExplanation.from_contributions(
            (first.embedding - second.embedding).norm(dim=1),
            parts / len(self.attributes) if self.over_attributes == "mean" else parts,
            kind="distance",
            attributes=self.attributes,
            query_maps=first.attention,
            gallery_maps=second.attention,
        )


def interpreter_distances(
    query_embeddings: Tensor,
    gallery_embeddings: Tensor,
    *,
    over_attributes: OverAttributes = "mean",
    query_chunk: int = 64,
) -> Tensor:
    """The distance that the attributes make together, for whole test sets: what the interpreter itself ranks by.

    Args:
        query_embeddings: [Q, A, D] attribute embeddings.
        gallery_embeddings: [G, A, D].
        over_attributes: "mean" or "sum"; both rank alike.
        query_chunk: queries at a time; it does not change the result.

    Returns:
        [Q, G] >= 0, without gradient, lower = closer; to be compared with the target's distance.

    Raises:
        TypeError: not floating-point tensors.
        ValueError: shapes disagree, unknown form, a chunk below 1.

    Cost: Q G A D multiply-adds; memory beside inputs and result: the query embeddings once more and one tile.

    Example:
        >>> interpreter_distances(torch.tensor([[[0.0], [0.0]]]), torch.tensor([[[3.0], [1.0]]]))
        tensor([[2.]])
    """
    tiles = distance_tiles(query_embeddings, gallery_embeddings, query_chunk=query_chunk)
    dtype = torch.promote_types(query_embeddings.dtype, torch.float32)
    device = query_embeddings.device
    together = torch.empty(len(query_embeddings), len(gallery_embeddings), dtype=dtype, device=device)
    for queries, gallery, distances in tiles:
        together[queries, gallery] = combine_attributes(distances, over_attributes)
    return together


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode; every part's training flag is restored at the end, also after an error."""
    flags = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, flag in flags:
            part.training = flag
