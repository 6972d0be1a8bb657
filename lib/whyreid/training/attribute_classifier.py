"""Fit the linear attribute classifier on frozen embeddings, to convergence and the same every time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from whyreid.models.attribute_classifier import AttributeClassifier

Weighting = Literal["exponential", "none"]
PENALTIES: tuple[float, ...] = (3e-1, 1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4)
"""The strengths among which `choose_attribute_classifier` looks, from the strongest on."""


@dataclass(frozen=True, eq=False)
class AttributeFit:
    """A fitted classifier and what is needed to judge the fit.

    Attributes:
        classifier: float32, in evaluation mode, on the device of the embeddings.
        fitted: [A] bool; False for an attribute that does not vary in the known labels: its weights stay zero, its
            probability 0.5, and measures of it are undefined.
        positive_share: [A] float64, share of the known pictures that have the attribute; NaN when none is known.
        penalty: strength of the ridge penalty.
        loss: the minimum that was found, mean over pictures, sum over attributes, with the penalty.
        gradient_norm: largest absolute partial derivative there.
        iterations: steps of L-BFGS.
    """

    classifier: AttributeClassifier
    fitted: Tensor
    positive_share: Tensor
    penalty: float
    loss: float
    gradient_norm: float
    iterations: int


def fit_attribute_classifier(
    embeddings: Tensor,
    attributes: Tensor,
    *,
    known: Tensor | None = None,
    penalty: float = 1e-3,
    weighting: Weighting = "exponential",
    start: Tensor | None = None,
    max_iterations: int = 2000,
    tolerance: float = 1e-6,
) -> AttributeFit:
    """Fit one linear layer without bias by weighted logistic regression; the embeddings stay as they are.

    Minimises, for each attribute, the mean over pictures with a known label of weight x cross-entropy, plus
    penalty / 2 x the squared length of the attribute's vector, where embeddings are first divided by one number (their
    root mean square), so that the penalty means the same for every model. The penalty makes the minimum unique; without
    it attributes that are separable in training have none. Full-batch L-BFGS in double precision from zero: nothing is
    random.

    Deviation: the loss weighting of Specker's classifier is not published. ``"exponential"`` is the usual one of the
    field, exp(1 - p) for pictures with the attribute and exp(p) for the others, p = share of pictures that have it.

    Args:
        embeddings: [N, D] floating point.
        attributes: [N, A] bool.
        known: [N, A] bool, False where the label is missing; those entries do not count. None = all known.
        penalty: > 0.
        weighting: see above; "none" weighs all pictures alike.
        start: [A, D] weights to begin from; they change the time that is needed, not the minimum. None = zeros.
        max_iterations: steps before giving up.
        tolerance: largest absolute partial derivative at which the fit counts as converged.

    Returns:
        See `AttributeFit`. Weights are in units of the embeddings as given.

    Raises:
        TypeError: not tensors, or attributes not bool.
        ValueError: shapes disagree, embeddings not finite, or penalty not positive.
        RuntimeError: not converged after ``max_iterations``.

    Cost: about 6 N D A operations a step; 50 to 700 steps, the more the weaker the penalty.

    Example:
        >>> fit = fit_attribute_classifier(torch.tensor([[-1.0], [1.0]]), torch.tensor([[False], [True]]), penalty=0.1)
        >>> (fit.classifier(torch.tensor([[1.0]])) > 0.5).item(), fit.fitted.item()
        (True, True)
    """
    known = torch.ones_like(attributes, dtype=torch.bool) if known is None else known
    _check(embeddings, attributes, known, penalty)
    if start is not None and start.shape != (attributes.shape[1], embeddings.shape[1]):
        raise ValueError(f"start must be {[attributes.shape[1], embeddings.shape[1]]}, got {list(start.shape)}.")
    share = positive_shares(attributes, known)
    fitted = (share > 0) & (share < 1)
    scale = embeddings.double().square().mean().sqrt().clamp_min(torch.finfo(torch.float64).tiny)
    importance = _importance(attributes, known, share, weighting)[:, fitted]
    begin = torch.zeros(attributes.shape[1], embeddings.shape[1]) if start is None else start.detach()
    begin = begin.to(embeddings.device, torch.float64)[fitted] * scale
    solution = _minimise(
        embeddings.double() / scale,
        attributes[:, fitted].double(),
        importance,
        begin,
        penalty,
        max_iterations,
        tolerance,
    )
    classifier = AttributeClassifier(embeddings.shape[1], attributes.shape[1]).to(embeddings.device).eval()
    with torch.no_grad():
        classifier.weight[fitted] = (solution.weight / scale).to(classifier.weight.dtype)
    return AttributeFit(classifier, fitted, share, penalty, solution.loss, solution.gradient_norm, solution.iterations)


def choose_attribute_classifier(
    embeddings: Tensor,
    attributes: Tensor,
    validation_embeddings: Tensor,
    validation_attributes: Tensor,
    *,
    known: Tensor | None = None,
    validation_known: Tensor | None = None,
    penalties: Sequence[float] = PENALTIES,
    weighting: Weighting = "exponential",
) -> AttributeFit:
    """The fit whose penalty predicts the attributes of other people best: the choice is made on validation identities.

    Args:
        embeddings: [N, D] of the training identities.
        attributes: [N, A] bool.
        validation_embeddings: [M, D] of identities that are not among the training ones.
        validation_attributes: [M, A] bool.
        known: [N, A] bool, see `fit_attribute_classifier`.
        validation_known: [M, A] bool.
        penalties: those tried, from the strongest to the weakest; the search ends at the first that is worse than the
            one before it.
        weighting: of the training loss; validation uses the same weights.

    Returns:
        The fit with the lowest weighted cross-entropy on the validation pictures, summed over the attributes that were
        fitted; the stronger penalty on a tie.

    Raises:
        ValueError: no penalties, or as `fit_attribute_classifier`.
    """
    if not penalties:
        raise ValueError("penalties must hold at least one strength, got none; use the default.")
    best: AttributeFit | None = None
    lowest = float("inf")
    for penalty in sorted(penalties, reverse=True):
        start = None if best is None else best.classifier.weight
        fit = fit_attribute_classifier(
            embeddings, attributes, known=known, penalty=penalty, weighting=weighting, start=start
        )
        loss = _weighted_loss(fit, validation_embeddings, validation_attributes, validation_known, weighting)
        if best is not None and not loss < lowest:
            break
        best, lowest = fit, loss
    assert best is not None
    return best


def _weighted_loss(
    fit: AttributeFit, embeddings: Tensor, attributes: Tensor, known: Tensor | None, weighting: Weighting
) -> float:
    """The loss of other pictures under the training's weights, without the penalty."""
    known = torch.ones_like(attributes) if known is None else known
    importance = _importance(attributes, known, fit.positive_share, weighting)
    with torch.no_grad():
        logits = fit.classifier.logits(embeddings.to(fit.classifier.weight.dtype)).double()
    each = F.binary_cross_entropy_with_logits(logits, attributes.double(), reduction="none")
    return float((each * importance)[:, fit.fitted].sum())


def positive_shares(attributes: Tensor, known: Tensor) -> Tensor:
    """[N, A] labels -> [A] float64: share of the known ones that are True; NaN where none is known."""
    return (attributes & known).sum(dim=0).double() / known.sum(dim=0).double()


@dataclass(frozen=True, eq=False)
class _Solution:
    weight: Tensor
    loss: float
    gradient_norm: float
    iterations: int


def _importance(attributes: Tensor, known: Tensor, share: Tensor, weighting: Weighting) -> Tensor:
    """[N, A]: weight of every label, over the number of known labels of its attribute; zero where unknown."""
    if weighting not in ("exponential", "none"):
        raise ValueError(f'weighting must be "exponential" or "none", got {weighting!r}.')
    if weighting == "exponential":
        weights = torch.where(attributes, torch.exp(1 - share), torch.exp(share))
    else:
        weights = torch.ones_like(attributes, dtype=torch.float64)
    return torch.where(known, weights, 0.0) / known.sum(dim=0).clamp_min(1)


def _minimise(
    embeddings: Tensor,
    labels: Tensor,
    importance: Tensor,
    begin: Tensor,
    penalty: float,
    max_iterations: int,
    tolerance: float,
) -> _Solution:
    weight = begin.clone().requires_grad_(True)
    optimiser = torch.optim.LBFGS(
        [weight], max_iter=max_iterations, max_eval=4 * max_iterations, tolerance_grad=tolerance,
        tolerance_change=0.0, history_size=20, line_search_fn="strong_wolfe",
    )  # fmt: skip

    def loss() -> Tensor:
        optimiser.zero_grad()
        each = F.binary_cross_entropy_with_logits(embeddings @ weight.T, labels, importance, reduction="sum")
        value = each + 0.5 * penalty * weight.square().sum()
        value.backward()
        return value

    if weight.numel():
        with torch.enable_grad():
            optimiser.step(loss)
            value = loss()
    else:
        value = torch.zeros(())
    gradient_norm = 0.0 if weight.grad is None or not weight.numel() else float(weight.grad.abs().max())
    if not gradient_norm <= tolerance:
        raise RuntimeError(
            f"the attribute classifier did not converge in {max_iterations} steps (largest derivative "
            f"{gradient_norm:.2g}, wanted {tolerance:.2g}); raise penalty or max_iterations."
        )
    state = optimiser.state.get(weight, {})
    return _Solution(weight.detach(), float(value.detach()), gradient_norm, int(state.get("n_iter", 0)))


def _check(embeddings: Tensor, attributes: Tensor, known: Tensor, penalty: float) -> None:
    for name, value in (("embeddings", embeddings), ("attributes", attributes), ("known", known)):
        if not isinstance(value, Tensor):
            raise TypeError(f"{name} must be a torch.Tensor, got {type(value).__name__}; use torch.as_tensor({name}).")
    for name, value in (("attributes", attributes), ("known", known)):
        if value.dtype != torch.bool:
            raise TypeError(f"{name} must be bool, got {value.dtype}; write {name} > 0 (missing labels go to known).")
    if embeddings.ndim != 2 or attributes.ndim != 2 or len(embeddings) != len(attributes) or len(embeddings) == 0:
        raise ValueError(
            f"embeddings must be [N, D] and attributes [N, A] with N > 0, got {list(embeddings.shape)} and "
            f"{list(attributes.shape)}; one row a picture in both."
        )
    if known.shape != attributes.shape:
        raise ValueError(f"known must be {list(attributes.shape)} as attributes is, got {list(known.shape)}.")
    if not bool(embeddings.isfinite().all()):
        raise ValueError("embeddings must be finite, got NaN or infinity; look at the model that made them.")
    if not penalty > 0:
        raise ValueError(f"penalty must be positive, got {penalty}; without it a separable attribute has no minimum.")
