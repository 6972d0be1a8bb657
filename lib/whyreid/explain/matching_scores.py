"""Matching scores: which confident attributes of the query does a gallery picture share?

Specker explains a rank list without looking at the distance: the attributes that a classifier is sure of in the query
are compared with what it predicts in each gallery picture. The scores compare predictions; nothing makes them agree
with the ranking, and whether they do is a question for measurement.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from whyreid.tensor_checks import require_tensor

Form = Literal["bounded", "printed"]


@dataclass(frozen=True, eq=False)
class MatchingScores:
    """Matching scores and the attributes of the query that they are shown for.

    Attributes:
        scores: [Q, G, A] (or [Q, k, A] for rank lists), higher = more alike; for all attributes, selected or not. NaN
            where a rank list has no picture.
        selected: [Q, A] bool: the classifier is sure about the query, so that the score is worth showing.
        present: [Q, A] bool: the query is predicted to have the attribute; where it is False the score is that of the
            attribute's absence (written with a "!").
    """

    scores: Tensor
    selected: Tensor
    present: Tensor

    def mean(self) -> Tensor:
        """[Q, G] mean score over the query's selected attributes; NaN for a query with none."""
        chosen = self.selected[:, None, :]
        return self.scores.where(chosen, 0).sum(dim=2) / chosen.sum(dim=2)


def matching_scores(
    query_probabilities: Tensor, gallery_probabilities: Tensor, *, margin: float = 0.4, form: Form = "bounded"
) -> MatchingScores:
    """Score every attribute of every gallery picture against the query's. One chunk: [Q, G, A] is built whole.

    Specker, Eq. 3.1, with c = 0.5 + |x_q - 0.5| = max(x_q, 1 - x_q), the certainty of the query:

    * ``"printed"``: (1 - |x_q - x_g|) / c, as in the report. It exceeds 1 (identical predictions score 1 / c, up to
      2) and a gallery picture surer than the query scores lower than one that is equally unsure.
    * ``"bounded"``: 1 - |x_q - x_g| / c = printed - (1 - c) / c, in [0, 1]: 1 for equal predictions, 0 for the
      opposite extreme.

    Deviation: the report's threshold rule and its worked example disagree; ``margin`` is the one number meant by
    either: 0.4 selects x_q < 0.1 or x_q > 0.9 as the example does, 0.1 is the printed number.

    Args:
        query_probabilities: [Q, A] in [0, 1].
        gallery_probabilities: [G, A] in [0, 1].
        margin: an attribute of the query is selected when |x_q - 0.5| > margin; in [0, 0.5).
        form: see above.

    Returns:
        See `MatchingScores`; a fraction (100 times it is the percentage of the figures).

    Raises:
        TypeError: not tensors.
        ValueError: shapes disagree, values outside [0, 1], margin out of range, or an unknown form.

    Example:
        >>> found = matching_scores(torch.tensor([[0.95, 0.6]]), torch.tensor([[0.95, 0.1], [0.0, 0.9]]))
        >>> found.scores[0, :, 0].tolist(), found.selected.tolist()
        ([1.0, 0.0], [[True, False]])
    """
    _check(query_probabilities, gallery_probabilities, margin, form)
    scores = _scores(query_probabilities[:, None, :], gallery_probabilities[None], form)
    return _with_selection(scores, query_probabilities, margin)


def rank_list_matching_scores(
    query_probabilities: Tensor,
    gallery_probabilities: Tensor,
    ranking: Tensor,
    *,
    margin: float = 0.4,
    form: Form = "bounded",
) -> MatchingScores:
    """`matching_scores` for the first k ranks of every query only, so that any gallery fits in memory.

    Args:
        query_probabilities: [Q, A] in [0, 1].
        gallery_probabilities: [G, A] in [0, 1].
        ranking: [Q, k] int64 rows of the gallery, best first; negative = no picture at this rank.
        margin: see `matching_scores`.
        form: see `matching_scores`.

    Returns:
        Scores [Q, k, A]; the rest as `matching_scores`.

    Raises:
        TypeError, ValueError: as `matching_scores`, or a ranking that does not fit.
    """
    _check(query_probabilities, gallery_probabilities, margin, form)
    check_ranking(ranking, len(query_probabilities), len(gallery_probabilities))
    gallery = gallery_probabilities[ranking.clamp_min(0)]
    scores = _scores(query_probabilities[:, None, :], gallery, form)
    return _with_selection(scores.masked_fill(ranking[:, :, None] < 0, torch.nan), query_probabilities, margin)


def check_ranking(ranking: Tensor, num_queries: int, num_gallery: int) -> None:
    """Refuse what is no [Q, k] list of gallery rows.

    Raises:
        TypeError: not an int64 tensor.
        ValueError: another shape, or rows that the gallery does not have.
    """
    require_tensor("ranking", ranking)
    if ranking.dtype != torch.int64:
        raise TypeError(f"ranking must be int64, got {ranking.dtype}; convert it with .long().")
    if ranking.ndim != 2 or len(ranking) != num_queries:
        raise ValueError(f"ranking must be [{num_queries}, k], one list a query, got {list(ranking.shape)}.")
    if ranking.numel() and int(ranking.max()) >= num_gallery:
        raise ValueError(
            f"ranking must hold gallery rows below {num_gallery}, got {int(ranking.max())}; "
            "rank the same gallery that is explained."
        )


def _scores(query: Tensor, gallery: Tensor, form: Form) -> Tensor:
    query, gallery = (x.to(torch.promote_types(x.dtype, torch.float32)) for x in (query, gallery))
    certainty = 0.5 + (query - 0.5).abs()
    difference = (query - gallery).abs()
    if form == "printed":
        return (1 - difference) / certainty
    return 1 - difference / certainty


def _with_selection(scores: Tensor, query: Tensor, margin: float) -> MatchingScores:
    return MatchingScores(scores, (query - 0.5).abs() > margin, query > 0.5)


def _check(query: Tensor, gallery: Tensor, margin: float, form: Form) -> None:
    for name, value in (("query_probabilities", query), ("gallery_probabilities", gallery)):
        require_tensor(name, value)
        if value.ndim != 2 or not value.is_floating_point():
            raise ValueError(f"{name} must be floating point [N, A], got {value.dtype} {list(value.shape)}.")
        if value.numel() and not (value.min() >= 0 and value.max() <= 1):
            raise ValueError(
                f"{name} must lie in [0, 1], got [{value.min():.3g}, {value.max():.3g}]; "
                "pass logits through a sigmoid first."
            )
    if query.shape[1] != gallery.shape[1]:
        raise ValueError(
            "query_probabilities and gallery_probabilities must have the same attributes, got "
            f"{query.shape[1]} and {gallery.shape[1]} columns; predict both with one classifier."
        )
    if not 0 <= margin < 0.5:
        raise ValueError(f"margin must be in [0, 0.5), a distance from 0.5, got {margin}; 0.4 selects above 0.9.")
    if form not in ("bounded", "printed"):
        raise ValueError(f'form must be "bounded" or "printed", got {form!r}.')
