"""How true an explanation is: its contributions against what re-rendering shows, among the groups that differ only.

An explainer gains nothing here from knowing which attributes differ: only those that do are compared. Scores are
signed: an explanation whose contributions are positive by construction cannot say that a difference brought a pair
together, and loses where one did.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from scipy.stats import rankdata
from torch import Tensor

from whyreid.data.attributes import AttributeSchema
from whyreid.explain.pair import PairExplanation
from whyreid.tensor_checks import require_floats
from whyreid.truth.attribute_ranking import score_pairs
from whyreid.truth.counterfactual_effects import CounterfactualEffects

PRIMARY = "rank_correlation"


@dataclass(frozen=True, eq=False)
class TruthScores:
    """Scores of P pairs, each [P] float64; higher = truer but for ``error`` and the two shares.

    Attributes:
        rank_correlation: Spearman's rho of contributions and truth among the differing groups, -1..1; the primary
            endpoint. 0 where the explanation gives all of them the same: it states no order.
        top1: 1 where the group with the largest contribution has the largest truth (of ties their share).
        sign: share of the differing groups whose contribution has the sign of the truth; a contribution of 0 has half
            of one.
        explained: sum of the contributions of the differing groups over the score.
        true_explained: sum of the truth over the score, what ``explained`` should be.
        error: sum of the absolute differences to the truth over the sum of the absolute truth; 0 = exact, 1 =
            as an explanation of all zeros.
        label_agreement: average precision of the differing groups among all twelve, most contributing first (X-mAP_e
            over groups): the literature's measure, which looks at no truth.
    """

    rank_correlation: Tensor
    top1: Tensor
    sign: Tensor
    explained: Tensor
    true_explained: Tensor
    error: Tensor
    label_agreement: Tensor

    def stacked(self) -> Tensor:
        """[P, 7], columns in the order of the fields."""
        return torch.stack([getattr(self, field.name) for field in fields(self)], dim=1)

    def means(self) -> dict[str, float]:
        """Mean over pairs of every score, by name."""
        return {field.name: float(getattr(self, field.name).nanmean()) for field in fields(self)}


def truth_scores(explanation: PairExplanation, effects: CounterfactualEffects) -> TruthScores:
    """Score an explanation whose contributions carry the names of attributes.

    Args:
        explanation: of the same pairs, of a score of the same kind; contributions needed. For maps see
            `whyreid.truth.attribute_scores`.
        effects: the truth.

    Returns:
        One value a pair of every measure.

    Raises:
        ValueError: another number of pairs, another kind, no contributions, or attributes that nobody knows.
    """
    if explanation.kind != effects.kind:
        raise ValueError(
            f"explanation and effects must be of one kind, got {explanation.kind!r} and {effects.kind!r}; "
            "score an explainer on what it decomposes."
        )
    if explanation.contributions is None:
        raise ValueError("explanation must have contributions, got maps only; sum the maps over regions first.")
    grouped = group_contributions(explanation.contributions, explanation.attributes, effects.groups)
    return score_groups(grouped, effects)


def group_contributions(contributions: Tensor, attributes: Sequence[str], groups: Sequence[str]) -> Tensor:
    """Contributions of binary attributes summed within their groups.

    Args:
        contributions: [P, A].
        attributes: A names: binary attributes of Promenade ("upred") or groups ("upper colour").
        groups: names of the result's columns.

    Returns:
        [P, len(groups)] float64; 0 for a group of which no attribute is explained.

    Raises:
        ValueError: a name that is neither, or another number of names.

    Example:
        >>> group_contributions(torch.tensor([[1.0, 2.0, 4.0]]), ["upred", "hat", "upblue"], ["upper colour", "hat"])
        tensor([[5., 2.]], dtype=torch.float64)
    """
    schema = AttributeSchema()
    unknown = sorted({name for name in attributes if name not in schema.names and name not in groups})
    if unknown:
        raise ValueError(f"attributes must be names of {list(schema.names)} or groups, got {unknown}; rename them.")
    if contributions.shape[1] != len(attributes):
        raise ValueError(f"contributions must be [P, {len(attributes)}], got {list(contributions.shape)}.")
    belongs = [name if name in groups else schema.group_of(name) for name in attributes]
    member = torch.tensor([[own == group for group in groups] for own in belongs], dtype=torch.float64)
    return contributions.detach().double().cpu() @ member.view(len(belongs), len(groups))


def score_groups(contributions: Tensor, effects: CounterfactualEffects) -> TruthScores:
    """Score contributions of groups, [P, 12] in units of the score and in the order of ``effects.groups``.

    Values of groups that do not differ count for ``label_agreement`` only.

    Raises:
        TypeError: not a floating-point tensor.
        ValueError: other shapes, or contributions that are not finite.
    """
    require_floats("contributions", contributions, "[P, G]")
    if contributions.shape != effects.truth.shape:
        raise ValueError(
            f"contributions must be {list(effects.truth.shape)}, pairs by groups, got {list(contributions.shape)}; "
            "explain the pairs that the truth is about."
        )
    if not bool(contributions.isfinite().all()):
        raise ValueError("contributions must be finite, got NaN or infinity; look for a division by zero.")
    said, true, differs = contributions.detach().double().cpu(), effects.truth, effects.differs
    players = differs.sum(dim=1)
    zeros = torch.zeros_like(said)
    inside, truth = said.where(differs, zeros), true.where(differs, zeros)
    signs = 1 - (inside.sign() - truth.sign()).abs() / 2
    rows = list(zip(said, true, differs, strict=True))
    return TruthScores(
        torch.tensor([_rho(s[d], t[d]) for s, t, d in rows], dtype=torch.float64),
        torch.tensor([_top1(s[d], t[d]) for s, t, d in rows], dtype=torch.float64),
        (signs * differs).sum(dim=1) / players,
        inside.sum(dim=1) / effects.score,
        truth.sum(dim=1) / effects.score,
        (inside - truth).abs().sum(dim=1) / truth.abs().sum(dim=1),
        score_pairs(said, differs).exclusive.double(),
    )


def _rho(said: Tensor, true: Tensor) -> float:
    """Spearman's rho with mean ranks for ties; 0 when ``said`` has no order, NaN when the truth has none."""
    if len(true) < 2 or bool((true == true[0]).all()):
        return float("nan")
    first, second = (torch.from_numpy(rankdata(part.numpy())) for part in (said, true))
    first, second = first - first.mean(), second - second.mean()
    lengths = float(first.norm() * second.norm())
    return float(first @ second) / lengths if lengths else 0.0


def _top1(said: Tensor, true: Tensor) -> float:
    """Whether the largest of ``said`` is the largest of the truth; a tie of k counts 1 / k."""
    if not len(true):
        return float("nan")
    largest = said == said.max()
    return float(largest[int(true.argmax())]) / int(largest.sum())
