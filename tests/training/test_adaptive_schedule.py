"""The adaptive schedule: by hand, against the authors' loop, at its edges."""

from __future__ import annotations

import random

import pytest

from whyreid.training.adaptive_schedule import AdaptiveSchedule


def published_loop(losses: list[float], max_epochs: int) -> tuple[list[float], int]:
    """Rate factor of each epoch that runs and the number of epochs, epoch by epoch as a training meets its losses."""
    rates, rate, last, base, stepped = [], 1.0, max_epochs, None, False
    for epoch, loss in enumerate(losses[:max_epochs], start=1):
        rates.append(rate)
        base = loss if epoch == 2 else base
        if not stepped and base is not None and loss < 0.7 * base:
            stepped, rate, last = True, 0.1, min(max_epochs, epoch + epoch // 2)
        if epoch == last:
            break
    return rates, len(rates)


def test_hand_worked_training_slows_at_epoch_four_and_ends_after_six():
    losses = [30.0, 10.0, 7.0, 6.99, 9.0, 2.0]
    schedule = AdaptiveSchedule()
    # 0.7 x 10: epoch 3 with 7.0 is not below, epoch 4 is; the end is 4 + 4 // 2
    assert schedule.step_epoch(losses) == 4
    assert [schedule.rate(losses[:done]) for done in range(6)] == [1.0, 1.0, 1.0, 1.0, 0.1, 0.1]
    assert [schedule.finished(losses[:done]) for done in range(7)] == [False] * 6 + [True]


@pytest.mark.parametrize("seed", range(20))
def test_rates_and_length_equal_the_authors_loop(seed):
    chance = random.Random(seed)
    losses = [10 * chance.uniform(0.6, 1.2) * 0.99**epoch for epoch in range(60)]
    schedule, rates = AdaptiveSchedule(max_epochs=30), []
    while not schedule.finished(losses[: len(rates)]):
        rates.append(schedule.rate(losses[: len(rates)]))
    assert (rates, len(rates)) == published_loop(losses, 30)


def test_a_loss_that_never_falls_runs_to_the_greatest_number_of_epochs():
    schedule = AdaptiveSchedule(max_epochs=5)
    assert schedule.last_epoch([1.0] * 5) == 5
    assert schedule.finished([1.0] * 5)
    assert schedule.rate([1.0] * 4) == 1.0


def test_the_end_never_exceeds_the_greatest_number_of_epochs():
    assert AdaptiveSchedule(max_epochs=10).last_epoch([10.0] * 8 + [1.0]) == 10


def test_the_first_epoch_decides_nothing():
    assert AdaptiveSchedule().step_epoch([0.1]) is None
    assert AdaptiveSchedule().step_epoch([0.1, 10.0]) is None


def test_not_a_number_does_not_slow_down():
    assert AdaptiveSchedule().step_epoch([10.0, 10.0, float("nan")]) is None


def test_later_losses_do_not_move_the_step():
    losses = [10.0, 10.0, 6.0]
    assert AdaptiveSchedule().last_epoch(losses) == AdaptiveSchedule().last_epoch([*losses, 1.0, 0.1]) == 4


@pytest.mark.parametrize("wrong", [{"max_epochs": 0}, {"loss_ratio": 1.0}, {"rate_factor": 0.0}])
def test_numbers_that_make_no_schedule_are_refused(wrong):
    with pytest.raises(ValueError, match="max_epochs must be at least 1, loss_ratio between 0 and 1"):
        AdaptiveSchedule(**wrong)
