from __future__ import annotations

import pytest
import torch

from whyreid.retrieval import temporal_lift
from whyreid.truth.time_controls import TIME_CONTROLS, clocks_apart, scrambled_times, swapped_visits, walks_apart


def world(seed: int = 0):
    """Ten people, two pictures at each of three cameras."""
    generator = torch.Generator().manual_seed(seed)
    person = torch.arange(10).repeat_interleave(6)
    camid = torch.tensor([0, 0, 1, 1, 2, 2]).repeat(10)
    start = 3000 * torch.rand(10, generator=generator, dtype=torch.float64)
    time = start[person] + 60.0 * camid + torch.rand(60, generator=generator, dtype=torch.float64)
    return time, camid, person


def spans(time, label):
    return torch.stack([time[label == value].max() - time[label == value].min() for value in label.unique()])


def test_scrambling_keeps_the_times_of_each_camera():
    time, camid, person = world()
    wrong = scrambled_times(time, camid, person, torch.Generator().manual_seed(1))
    assert not torch.equal(wrong, time)
    for camera in range(3):
        assert torch.equal(wrong[camid == camera].sort().values, time[camid == camera].sort().values)


def test_a_visit_stays_together_when_visits_are_swapped():
    time, camid, person = world()
    wrong = swapped_visits(time, camid, person, torch.Generator().manual_seed(1))
    visit = 10 * camid + person
    torch.testing.assert_close(spans(wrong, visit), spans(time, visit))
    assert spans(wrong, person).mean() > 2 * spans(time, person).mean()


def test_a_walk_keeps_its_course_when_people_walk_apart():
    time, camid, person = world()
    wrong = walks_apart(time, camid, person, torch.Generator().manual_seed(1))
    moved = wrong - time
    for value in range(10):
        assert float(moved[person == value].std()) < 1e-9
    assert float(moved.std()) > 100
    assert time.min() <= wrong.min()
    assert wrong.max() <= time.max()


def test_lifting_does_not_care_whether_clocks_agree():
    time, camid, person = world()
    wrong = clocks_apart(time, camid, person, torch.Generator().manual_seed(1))
    simmat = torch.rand(20, 40, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    lifted = [temporal_lift(simmat, camid[:20], camid[20:], t[:20], t[20:]) for t in (time, wrong)]
    torch.testing.assert_close(*lifted)


@pytest.mark.parametrize("name", TIME_CONTROLS)
def test_the_same_seed_draws_the_same_times(name):
    first, again = (TIME_CONTROLS[name](*world(), torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, again)
