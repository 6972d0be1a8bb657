"""The adaptive schedule of QAConv 2.1: when the loss has fallen far enough, slow down once and stop soon after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_BASE_EPOCH = 2


@dataclass(frozen=True)
class AdaptiveSchedule:
    """How the losses of the epochs so far decide the next learning rate and the end of the training.

    The mean loss of the second epoch is the base. After the first epoch e whose mean loss lies below ``loss_ratio``
    times the base, the learning rate is multiplied by ``rate_factor``, once, and the training ends after epoch
    ``min(max_epochs, e + e // 2)``. Liao and Shao, arXiv 2104.01546; the numbers are those of the authors' code. A
    pure function of the history, so that an interrupted training needs no further state (the authors' code multiplies
    the rate a second time when it resumes after the step).

    Attributes:
        max_epochs: end of a training whose loss never falls that far.
        loss_ratio: share of the base loss, between 0 and 1.
        rate_factor: between 0 and 1.

    Raises:
        ValueError: a number out of range.

    Example:
        >>> schedule = AdaptiveSchedule()
        >>> schedule.step_epoch([20.0, 10.0, 8.0, 6.9]), schedule.last_epoch([20.0, 10.0, 8.0, 6.9])
        (4, 6)
    """

    max_epochs: int = 60
    loss_ratio: float = 0.7
    rate_factor: float = 0.1

    def __post_init__(self) -> None:
        """Refuse numbers that make no schedule."""
        if self.max_epochs < 1 or not 0 < self.loss_ratio < 1 or not 0 < self.rate_factor <= 1:
            raise ValueError(
                "max_epochs must be at least 1, loss_ratio between 0 and 1, rate_factor in (0, 1]; got "
                f"{self.max_epochs}, {self.loss_ratio}, {self.rate_factor}."
            )

    def step_epoch(self, losses: Sequence[float]) -> int | None:
        """The epoch (counted from 1) after which the rate fell, or None as long as it has not.

        Args:
            losses: mean loss of each epoch so far.
        """
        if len(losses) < _BASE_EPOCH:
            return None
        bound = self.loss_ratio * losses[_BASE_EPOCH - 1]
        return next((epoch for epoch, loss in enumerate(losses, start=1) if epoch > _BASE_EPOCH and loss < bound), None)

    def rate(self, losses: Sequence[float]) -> float:
        """What the next epoch multiplies the initial learning rate with."""
        return 1.0 if self.step_epoch(losses) is None else self.rate_factor

    def last_epoch(self, losses: Sequence[float]) -> int:
        """The epoch (counted from 1) after which the training ends, as far as the losses tell."""
        step = self.step_epoch(losses)
        return self.max_epochs if step is None else min(self.max_epochs, step + step // 2)

    def finished(self, losses: Sequence[float]) -> bool:
        """Whether no epoch follows."""
        return len(losses) >= self.last_epoch(losses)
