"""The one protocol that every explanation of a pair of pictures meets, and what it returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import torch
from torch import Tensor

from whyreid.tensor_checks import require_tensor

Kind = Literal["distance", "squared_distance", "similarity"]
"""What a score is: "distance" and "squared_distance" are lower for closer pairs, "similarity" is higher."""

KINDS: tuple[Kind, ...] = ("distance", "squared_distance", "similarity")
_TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-4}
_LOOSE_TOLERANCE = 2e-2


@dataclass(frozen=True, eq=False)
class PairExplanation:
    """Why each of P pairs (query picture, gallery picture) has the score that it has.

    Attributes:
        score: [P] what is decomposed: the target's distance, its square, or a logit.
        kind: what the score is, see `Kind`.
        contributions: [P, A] signed, in units of the score: a positive contribution moves a distance apart and a
            similarity together. None for methods that give maps only.
        query_maps: [P, A or 1, h, w] what each place of the query picture adds, raw and signed (normalised only when
            plotted), for each attribute or for the whole score. None when the method has none.
        gallery_maps: the same for the gallery picture; its h and w may differ.
        attributes: names of the A columns; empty when ``contributions`` is None.
        remainder: [P] what is left over: ``score`` minus the sum of the contributions (a bias, an unexplained part).
            Without contributions: ``score`` minus the sum of the maps where a method claims that they add up to it,
            else the score itself.

    Raises:
        TypeError: a field is no tensor.
        ValueError: shapes, names or kind contradict each other, a value is not finite, or contributions and remainder
            do not add up to the score (to rounding in the dtype of the score).

    Example:
        >>> explanation = PairExplanation.from_contributions(
        ...     torch.tensor([2.0]), torch.tensor([[1.5, -0.5]]), kind="distance", attributes=("hat", "bag"))
        >>> len(explanation), explanation.remainder.tolist(), explanation.closer_is
        (1, [1.0], 'lower')
    """

    score: Tensor
    kind: Kind
    contributions: Tensor | None
    query_maps: Tensor | None
    gallery_maps: Tensor | None
    attributes: tuple[str, ...]
    remainder: Tensor

    def __post_init__(self) -> None:
        """Refuse an explanation that contradicts itself."""
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {self.kind!r}; say what the score is.")
        pairs = _pairs(self.score)
        _check_vector("remainder", self.remainder, pairs)
        object.__setattr__(self, "attributes", tuple(self.attributes))
        _check_contributions(self.contributions, pairs, self.attributes)
        _check_map("query_maps", self.query_maps, pairs, self.contributions)
        _check_map("gallery_maps", self.gallery_maps, pairs, self.contributions)
        if self.contributions is not None:
            _check_sum(self.score, self.contributions, self.remainder)

    @classmethod
    def from_contributions(
        cls,
        score: Tensor,
        contributions: Tensor,
        *,
        kind: Kind,
        attributes: Sequence[str],
        query_maps: Tensor | None = None,
        gallery_maps: Tensor | None = None,
    ) -> PairExplanation:
        """An explanation whose remainder is whatever the contributions leave of the score."""
        _check_contributions(contributions, _pairs(score), tuple(attributes))
        remainder = score - contributions.sum(dim=1)
        return cls(score, kind, contributions, query_maps, gallery_maps, tuple(attributes), remainder)

    def __len__(self) -> int:
        """P, the number of pairs."""
        return len(self.score)

    @property
    def closer_is(self) -> Literal["lower", "higher"]:
        """Which way the score of a closer pair lies."""
        return "higher" if self.kind == "similarity" else "lower"

    def shares(self) -> Tensor:
        """[P, A] contributions divided by the sum of their absolute values and of the remainder's; zeros stay zero.

        Shares say which attributes weigh most; they are what measures that rank attributes need. Signed, in [-1, 1].

        Raises:
            ValueError: the explanation has no contributions.
        """
        if self.contributions is None:
            raise ValueError("shares need contributions, got an explanation with maps only; sum its maps over regions.")
        total = self.contributions.abs().sum(dim=1, keepdim=True) + self.remainder.abs()[:, None]
        return self.contributions / total.where(total > 0, 1)


@runtime_checkable
class PairExplainer(Protocol):
    """Explains pairs of pictures. Anything with this method is one; no base class is needed.

    An explainer keeps its models in evaluation mode while it works and gives them their training flag back.
    """

    def explain(self, query: Tensor, gallery: Tensor) -> PairExplanation:
        """Explain P pairs: ``query[p]`` against ``gallery[p]``, each [P, 3, H, W], normalised as the model wants."""
        ...


def explain_in_chunks(explainer: PairExplainer, query: Tensor, gallery: Tensor, *, chunk: int = 32) -> PairExplanation:
    """Explain any number of pairs with the memory of ``chunk`` pairs.

    Args:
        explainer: see `PairExplainer`.
        query: [P, 3, H, W].
        gallery: [P, 3, H, W].
        chunk: pairs at a time, at least 1.

    Returns:
        One explanation of all pairs, in their order.

    Raises:
        ValueError: the two numbers of pictures differ or are zero, or chunk is below 1.
    """
    if len(query) != len(gallery) or len(query) == 0 or chunk < 1:
        raise ValueError(
            f"query and gallery must have one picture a pair and chunk be at least 1, got {len(query)} and "
            f"{len(gallery)} pictures, chunk {chunk}."
        )
    parts = zip(query.split(chunk), gallery.split(chunk), strict=True)
    return join_explanations([explainer.explain(q, g) for q, g in parts])


def join_explanations(parts: Sequence[PairExplanation]) -> PairExplanation:
    """The pairs of several explanations by one method, in one.

    Args:
        parts: at least one; all of the same kind, with the same attributes and the same fields.

    Returns:
        One explanation with the pairs of the first part, then those of the second, and so on.

    Raises:
        ValueError: none, or they differ in kind, attributes or in what is None.
    """
    if not parts:
        raise ValueError("parts must hold at least one explanation, got none.")
    first = parts[0]
    if any(part.kind != first.kind or part.attributes != first.attributes for part in parts):
        raise ValueError("parts must share kind and attributes; join the explanations of one method only.")
    return PairExplanation(
        torch.cat([part.score for part in parts]),
        first.kind,
        _join([part.contributions for part in parts], "contributions"),
        _join([part.query_maps for part in parts], "query_maps"),
        _join([part.gallery_maps for part in parts], "gallery_maps"),
        first.attributes,
        torch.cat([part.remainder for part in parts]),
    )


def _join(values: list[Tensor | None], name: str) -> Tensor | None:
    present = [value for value in values if value is not None]
    if present and len(present) != len(values):
        raise ValueError(f"parts must all have {name} or all have none, got {len(present)} of {len(values)} with it.")
    return torch.cat(present) if present else None


def _pairs(score: Tensor) -> int:
    require_tensor("score", score)
    if score.ndim != 1:
        raise ValueError(f"score must be [P], got {list(score.shape)}; one number a pair, flatten or index it.")
    _check_vector("score", score, len(score))
    return len(score)


def _check_vector(name: str, value: Tensor, pairs: int) -> None:
    require_tensor(name, value)
    if value.shape != (pairs,):
        raise ValueError(f"{name} must be [{pairs}] as score is, got {list(value.shape)}; give one number a pair.")
    _check_finite(name, value)


def _check_finite(name: str, value: Tensor) -> None:
    if not value.is_floating_point():
        raise TypeError(f"{name} must hold floating-point numbers, got {value.dtype}; convert it with .float().")
    if not bool(value.isfinite().all()):
        raise ValueError(f"{name} must be finite, got NaN or infinity; look for a division by zero in the explainer.")


def _check_contributions(contributions: Tensor | None, pairs: int, attributes: tuple[str, ...]) -> None:
    if contributions is None:
        if attributes:
            raise ValueError(f"attributes must be empty without contributions, got {len(attributes)} names; drop them.")
        return
    require_tensor("contributions", contributions)
    if contributions.shape != (pairs, len(attributes)):
        raise ValueError(
            f"contributions must be [{pairs}, {len(attributes)}], one row a pair and one column a name in attributes, "
            f"got {list(contributions.shape)}."
        )
    _check_finite("contributions", contributions)


def _check_map(name: str, maps: Tensor | None, pairs: int, contributions: Tensor | None) -> None:
    if maps is None:
        return
    require_tensor(name, maps)
    channels = {1} if contributions is None else {1, contributions.shape[1]}
    if maps.ndim != 4 or maps.shape[0] != pairs or maps.shape[1] not in channels:
        raise ValueError(
            f"{name} must be [{pairs}, {' or '.join(map(str, sorted(channels)))}, h, w], got {list(maps.shape)}; "
            "one map a pair for the whole score, or one for each attribute."
        )
    _check_finite(name, maps)


def _check_sum(score: Tensor, contributions: Tensor, remainder: Tensor) -> None:
    total = contributions.double().sum(dim=1) + remainder.double()
    size = contributions.double().abs().sum(dim=1) + remainder.double().abs() + score.double().abs()
    coarsest = {part.dtype for part in (score, contributions, remainder)}
    tolerance = max(_TOLERANCE.get(dtype, _LOOSE_TOLERANCE) for dtype in coarsest)
    gap = (score.double() - total).abs()
    if bool((gap > tolerance * size).any()):
        worst = int((gap - tolerance * size).argmax())
        raise ValueError(
            f"contributions and remainder must add up to the score, got {float(total[worst]):.6g} for a score of "
            f"{float(score[worst]):.6g} (pair {worst}); build it with PairExplanation.from_contributions."
        )
