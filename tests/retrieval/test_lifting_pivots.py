from __future__ import annotations

import pytest
import torch

from whyreid.retrieval import temporal_lift
from whyreid.retrieval.lifting_pivots import lifting_pivots, lifting_weights
from whyreid.retrieval.time_gap_lifting import time_gap_lift


def given(seed: int = 0, steps: int = 0):
    generator = torch.Generator().manual_seed(seed)
    simmat = torch.rand(15, 40, generator=generator)
    simmat = (simmat * steps).round() / steps if steps else simmat
    camids = [torch.randint(0, 3, (n,), generator=generator) for n in (15, 40)]
    times = [torch.randint(0, 1000, (n,), generator=generator).double() for n in (15, 40)]
    return simmat, *camids, *times


@pytest.mark.parametrize("steps", [0, 5])
@pytest.mark.parametrize("k", [1, 10, 1000])
def test_the_named_pivots_give_what_lifting_gives(steps, k):
    simmat, query_camid, gallery_camid, query_time, gallery_time = given(steps=steps)
    pivots = lifting_pivots(simmat, query_camid, gallery_camid, query_time, k=k)
    weights = lifting_weights(pivots, 15, gallery_camid, gallery_time)
    lifted = temporal_lift(simmat, query_camid, gallery_camid, query_time, gallery_time, k=k)
    torch.testing.assert_close(((weights + 0.2) * simmat).float(), lifted)


def test_a_companion_that_is_surer_names_the_pivot():
    camid, time = torch.tensor([0, 0, 0]), torch.tensor([0.0, 30.0, 500.0])
    simmat = torch.tensor([[0.2, 0.1], [0.9, 0.3], [1.0, 1.0]])
    found = lifting_pivots(simmat, camid, torch.tensor([1, 1]), time, k=1)
    assert found.of(0).companion.tolist() == [1]  # 500 s later nobody is a companion
    assert found.of(0).picture.tolist() == [0]
    assert found.of(2).companion.tolist() == [2, 2]  # both tie


def test_pivots_of_a_query_stand_most_similar_first():
    simmat, query_camid, gallery_camid, query_time, _ = given()
    similarity = lifting_pivots(simmat, query_camid, gallery_camid, query_time).of(3).similarity
    assert bool((similarity.diff() <= 0).all())


def test_settings_out_of_range_are_refused():
    simmat, query_camid, gallery_camid, query_time, gallery_time = given()
    with pytest.raises(ValueError, match="tau must be > 0"):
        lifting_pivots(simmat, query_camid, gallery_camid, query_time, tau=0)
    pivots = lifting_pivots(simmat, query_camid, gallery_camid, query_time)
    with pytest.raises(ValueError, match="sigma must be > 0"):
        lifting_weights(pivots, 15, gallery_camid, gallery_time, sigma=0)
    with pytest.raises(ValueError, match="one a query"):
        lifting_pivots(simmat, query_camid, gallery_camid, query_time[:3])


def test_the_time_gap_raises_what_was_taken_near_the_query():
    simmat, now = torch.tensor([[0.5, 0.5]]), torch.tensor([100.0])
    # (exp(0) + 0.2) * 0.5 and (exp(-(400 / 200)^2) + 0.2) * 0.5
    lifted = time_gap_lift(simmat, now, torch.tensor([100.0, 500.0]))
    torch.testing.assert_close(lifted, torch.tensor([[0.6, 0.5 * (0.2 + 0.0183156)]]))


def test_the_time_gap_refuses_what_cannot_be_lifted():
    now = torch.tensor([0.0])
    with pytest.raises(ValueError, match="similarities >= 0"):
        time_gap_lift(torch.tensor([[-0.1]]), now, now)
    with pytest.raises(ValueError, match="finite"):
        time_gap_lift(torch.tensor([[0.1]]), now, torch.tensor([float("nan")]))
    with pytest.raises(ValueError, match="one a query"):
        time_gap_lift(torch.tensor([[0.1, 0.2]]), now, now)
