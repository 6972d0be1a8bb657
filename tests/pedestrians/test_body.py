from __future__ import annotations

import pytest
import torch

from whyreid.pedestrians.body import walk
from whyreid.pedestrians.people import stack_people

PHASES = torch.arange(24) / 24


@pytest.fixture(scope="module")
def steps(someone):
    """One person at 24 moments of the cycle."""
    people = stack_people([someone(5, age="adult")] * 24)
    return walk(people, PHASES, torch.ones(24), torch.zeros(24))


def test_one_foot_is_on_the_ground_at_every_moment(steps) -> None:
    heel = steps.ankle[..., 2] - 0.043 * steps.stature.unsqueeze(1)
    assert heel.amin(dim=1).abs().max() < 0.12
    lowest = torch.minimum(
        steps.ankle[..., 2], steps.ankle[..., 2] + steps.toe_direction[..., 2] * 0.105 * steps.stature[:, None]
    )
    assert (lowest.amin(dim=1) / steps.stature).sub(0.043).abs().max() < 0.02


def test_bones_keep_their_length(steps) -> None:
    for first, second in (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist")):
        length = (getattr(steps, second) - getattr(steps, first)).norm(dim=-1)
        assert (length - length[0, 0]).abs().max() < 1e-5


def test_the_right_side_does_half_a_cycle_later_what_the_left_side_does(steps) -> None:
    mirrored = torch.tensor([1.0, -1.0, 1.0])
    left, right = steps.knee[:, 0] - steps.hip[:, 0], steps.knee[:, 1] - steps.hip[:, 1]
    assert torch.allclose(left, right.roll(12, dims=0) * mirrored, atol=1e-5)


def test_arms_swing_against_the_legs(steps) -> None:
    leg = steps.ankle[:, 0, 0] - steps.hip[:, 0, 0]
    arm = steps.wrist[:, 0, 0] - steps.shoulder[:, 0, 0]
    assert torch.corrcoef(torch.stack((leg, arm)))[0, 1] < -0.7


def test_a_step_of_length_zero_stands(someone) -> None:
    people = stack_people([someone(5)] * 24)
    still = walk(people, PHASES, torch.zeros(24), torch.zeros(24))
    assert (still.ankle - still.ankle[:1]).abs().max() < 1e-5


def test_the_young_are_smaller_with_a_larger_head_and_the_old_stoop(someone) -> None:
    ages = [someone(5, age=age) for age in ("young", "adult", "old")]
    body = walk(stack_people(ages), torch.zeros(3), torch.zeros(3), torch.zeros(3))
    young, adult, old = range(3)
    assert body.stature[young] < body.stature[adult]
    assert body.head_scale[young] / body.stature[young] > body.head_scale[adult] / body.stature[adult]
    assert body.spine[old, 0] > body.spine[adult, 0]
