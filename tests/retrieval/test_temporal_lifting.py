from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from whyreid.retrieval import temporal_lift
from whyreid.retrieval.temporal_lifting import companion_windows


def slow_lift(
    simmat: Tensor, query_camid: Tensor, gallery_camid: Tensor, query_time: Tensor, gallery_time: Tensor,
    *, tau: float = 100.0, sigma: float = 200.0, k: int = 10, alpha: float = 0.2,
) -> Tensor:  # fmt: skip
    """The definition, one similarity at a time."""
    score, clock_q, clock_g = simmat.tolist(), query_time.tolist(), gallery_time.tolist()
    lifted = torch.empty(simmat.shape, dtype=torch.float64)
    queries, gallery = range(len(score)), range(len(clock_g))
    for q in queries:
        companions = [o for o in queries if query_camid[o] == query_camid[q] and abs(clock_q[o] - clock_q[q]) < tau]
        for camid in set(gallery_camid.tolist()):
            members = [g for g in gallery if gallery_camid[g] == camid]
            pairs = sorted(((score[o][g], g) for o in companions for g in members), reverse=True)
            pivots = [g for value, g in pairs if value >= pairs[min(k, len(pairs)) - 1][0]]
            for g in members:
                weight = np.mean([math.exp(-(((clock_g[g] - clock_g[p]) / sigma) ** 2)) for p in pivots])
                lifted[q, g] = (weight + alpha) * score[q][g]
    return lifted


def random_given(seed: int = 0, *, queries: int = 12, gallery: int = 30, cameras: int = 3, steps: int = 0):
    generator = torch.Generator().manual_seed(seed)
    simmat = torch.rand(queries, gallery, generator=generator)
    if steps:
        simmat = (simmat * steps).round() / steps
    camids = [torch.randint(0, cameras, (n,), generator=generator) for n in (queries, gallery)]
    times = [torch.randint(0, 1000, (n,), generator=generator) for n in (queries, gallery)]
    return [simmat, *camids, *times]


@pytest.mark.parametrize(
    ("name", "source", "options"),
    [
        ("default_tau100_sigma200_K10_alpha02", "in_score", {}),
        ("K1", "in_score", {"k": 1}),
        ("K1000_more_than_available", "in_score", {"k": 1000}),
        ("tau300_sigma50_K5_alpha0", "in_score", {"tau": 300, "sigma": 50, "k": 5, "alpha": 0}),
        ("ties_in_score_rounded01_K3", "in_score_rounded01", {"k": 3}),
        ("tau0_5", "in_score", {"tau": 0.5}),
    ],
)
def test_equals_the_original(vectors, name, source, options):
    data = vectors("tlift_50x100")
    given_ = [torch.from_numpy(data[key]) for key in (source, "q_cam", "g_cam", "q_time", "g_time")]
    torch.testing.assert_close(temporal_lift(*given_, **options), torch.from_numpy(data[name]), rtol=1e-6, atol=1e-6)


def test_hand_worked_companion():
    # Two queries of camera 0, 50 frames apart; gallery camera 1. The companion's best pair (0.9, time 1000) is the
    # only pivot of both. Weights: exp(0) = 1 at time 1000, exp(-(200/200)^2) = 1/e at 1200.
    lifted = temporal_lift(
        torch.tensor([[0.4, 0.5], [0.9, 0.1]]),
        torch.tensor([0, 0]), torch.tensor([1, 1]), torch.tensor([100, 150]), torch.tensor([1000, 1200]),
        k=1,
    )  # fmt: skip
    near, far = 1 + 0.2, math.exp(-1) + 0.2
    torch.testing.assert_close(lifted, torch.tensor([[0.4 * near, 0.5 * far], [0.9 * near, 0.1 * far]]))


def test_companions_are_strictly_nearer_than_tau():
    # 100 frames apart is not a companion at tau 100: each query has its own pivot.
    given_ = [torch.tensor([[0.5, 0.4], [0.1, 0.9]]), torch.tensor([0, 0]), torch.tensor([1, 1])]
    far = temporal_lift(*given_, torch.tensor([0, 100]), torch.tensor([0, 10_000]), k=1)
    near = temporal_lift(*given_, torch.tensor([0, 99]), torch.tensor([0, 10_000]), k=1)
    torch.testing.assert_close(far[0], torch.tensor([0.5 * 1.2, 0.4 * 0.2]))
    torch.testing.assert_close(near[0], torch.tensor([0.5 * 0.2, 0.4 * 1.2]))


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    queries=st.integers(1, 10),
    gallery=st.integers(1, 20),
    cameras=st.integers(1, 4),
    steps=st.sampled_from([0, 1, 3]),
    k=st.sampled_from([1, 3, 10, 500]),
    tau=st.sampled_from([0.5, 60.0, 300.0, 1e9]),
)
def test_equals_the_slow_definition(seed, queries, gallery, cameras, steps, k, tau):
    given_ = random_given(seed, queries=queries, gallery=gallery, cameras=cameras, steps=steps)
    expected = slow_lift(*given_, k=k, tau=tau)
    torch.testing.assert_close(temporal_lift(*given_, k=k, tau=tau).double(), expected, rtol=1e-5, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), chunk=st.integers(1, 500))
def test_chunks_do_not_matter(seed, chunk):
    given_ = random_given(seed, steps=4)
    whole = temporal_lift(*given_, tau=300)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("whyreid.retrieval.temporal_lifting.CHUNK", chunk)
        torch.testing.assert_close(temporal_lift(*given_, tau=300), whole)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.permutations(range(12)), columns=st.permutations(range(30)))
def test_order_of_the_pictures_does_not_matter_even_with_ties(seed, rows, columns):
    simmat, query_camid, gallery_camid, query_time, gallery_time = random_given(seed, steps=4)
    rows, columns = torch.tensor(rows), torch.tensor(columns)
    permuted = temporal_lift(
        simmat[rows][:, columns], query_camid[rows], gallery_camid[columns], query_time[rows], gallery_time[columns]
    )
    whole = temporal_lift(simmat, query_camid, gallery_camid, query_time, gallery_time)
    torch.testing.assert_close(permuted, whole[rows][:, columns])


def test_clock_zero_and_camera_numbers_do_not_matter():
    simmat, query_camid, gallery_camid, query_time, gallery_time = random_given()
    moved = temporal_lift(simmat, query_camid * 7 + 3, gallery_camid * 7 + 3, query_time + 10**9, gallery_time + 10**9)
    torch.testing.assert_close(moved, temporal_lift(*random_given()))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16, torch.int16, torch.int32, torch.float32, torch.float64])
def test_unsigned_and_float_times(dtype):
    simmat, *camids, query_time, gallery_time = random_given()
    times = [(time % 250).to(dtype) for time in (query_time, gallery_time)]
    expected = slow_lift(simmat, *camids, query_time % 250, gallery_time % 250)
    torch.testing.assert_close(temporal_lift(simmat, *camids, *times).double(), expected, rtol=1e-5, atol=1e-6)


def test_times_beyond_single_precision_keep_their_differences():
    # Around 2^40 frames float32 counts in steps of 65,536.
    base = 2**40
    times = torch.tensor([base]), torch.tensor([base, base + 200])
    simmat = torch.tensor([[0.8, 0.4]])
    lifted = temporal_lift(simmat, torch.tensor([0]), torch.tensor([0, 0]), *times, k=1)
    torch.testing.assert_close(lifted, torch.tensor([[0.8 * 1.2, 0.4 * (math.exp(-1) + 0.2)]]))


def test_gallery_camera_without_queries_and_query_camera_without_gallery():
    simmat = torch.tensor([[0.5, 0.7]])
    lifted = temporal_lift(simmat, torch.tensor([4]), torch.tensor([2, 9]), torch.tensor([0]), torch.tensor([5, 6]))
    torch.testing.assert_close(lifted, simmat * 1.2)  # one picture a camera: it is its own pivot


def test_all_similarities_equal_makes_every_picture_a_pivot():
    given_ = random_given()
    given_[0] = torch.full_like(given_[0], 0.5)
    torch.testing.assert_close(temporal_lift(*given_, k=1).double(), slow_lift(*given_, k=1), rtol=1e-5, atol=1e-6)


def test_all_zero_similarities_stay_zero():
    given_ = random_given()
    assert not temporal_lift(given_[0] * 0, *given_[1:]).any()


def test_result_stays_within_its_range(device):
    given_ = [tensor.to(device) for tensor in random_given()]
    lifted = temporal_lift(*given_, alpha=0.3)
    assert lifted.device.type == device.type
    assert bool((lifted >= 0.3 * given_[0] - 1e-6).all())
    assert bool((lifted <= 1.3 * given_[0] + 1e-6).all())


def test_types_and_inputs_are_kept():
    given_ = random_given()
    before = given_[0].clone()
    assert temporal_lift(given_[0].double(), *given_[1:]).dtype == torch.float64
    assert temporal_lift(given_[0].half(), *given_[1:]).dtype == torch.float32
    temporal_lift(*given_)
    assert torch.equal(given_[0], before)


def test_windows_are_the_companions():
    camid, time = torch.tensor([1, 0, 1, 1, 0]), torch.tensor([50.0, 0.0, 0.0, 120.0, 10.0]).double()
    order, first, last = companion_windows(camid, time, tau=100)
    runs = {int(order[i]): sorted(order[first[i] : last[i]].tolist()) for i in range(5)}
    assert runs == {0: [0, 2, 3], 1: [1, 4], 2: [0, 2], 3: [0, 3], 4: [1, 4]}


@pytest.mark.parametrize("name", ["query_time", "gallery_time"])
def test_missing_times_are_an_error_and_not_a_silent_copy(name):
    given_ = dict(
        zip(("simmat", "query_camid", "gallery_camid", "query_time", "gallery_time"), random_given(), strict=True)
    )
    with pytest.raises(ValueError, match=rf"{name} .*got None; temporal lifting needs a time"):
        temporal_lift(**given_ | {name: None})
    undefined = given_[name].double()
    undefined[2] = torch.nan
    with pytest.raises(ValueError, match=rf"{name} must be finite, got 1 of \d+ undefined"):
        temporal_lift(**given_ | {name: undefined})
    with pytest.raises(ValueError, match=rf"{name} must be \[\d+\], one time per picture, got \[3\]"):
        temporal_lift(**given_ | {name: given_[name][:3]})


def test_other_messages():
    given_ = random_given()
    with pytest.raises(ValueError, match=r"similarities >= 0, got values from -1.0 .*sigmoid"):
        temporal_lift(given_[0] - 1 + given_[0].min() * -1, *given_[1:])
    with pytest.raises(ValueError, match="similarities >= 0, got values from nan"):
        temporal_lift(given_[0] * torch.nan, *given_[1:])
    with pytest.raises(ValueError, match=r"query_camid .*needs to know the cameras"):
        temporal_lift(given_[0], None, *given_[2:])
    with pytest.raises(TypeError, match=r"torch\.from_numpy\(simmat\)"):
        temporal_lift(given_[0].numpy(), *given_[1:])
    with pytest.raises(TypeError, match=r"torch\.from_numpy\(gallery_time\)"):
        temporal_lift(*given_[:4], given_[4].numpy())


@pytest.mark.parametrize("wrong", [{"tau": 0}, {"sigma": 0}, {"sigma": -3}, {"k": 0}, {"k": 1.5}, {"alpha": -0.1}])
def test_hyper_parameters_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be .*got {next(iter(wrong.values()))}"):
        temporal_lift(*random_given(), **wrong)
