from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from tests.retrieval.conftest import Problem, random_problem, slow_rank_lists

from whyreid.retrieval import evaluate_ranking, evaluate_single_gallery_shot
from whyreid.retrieval.single_gallery_shot import draw_one_per_person, rank_among_drawn


def expected_cmc(problem: Problem, max_rank: int) -> np.ndarray:
    """The mean over every possible draw, one picture of each person and each distractor by itself."""
    curves = []
    for q, listed in enumerate(slow_rank_lists(problem)):
        groups: dict[int, list[int]] = {}
        for position, g in enumerate(listed):
            pid = int(problem.gallery_pid[g])
            groups.setdefault(pid if pid else -1000 - g, []).append(position)
        own = int(problem.query_pid[q])
        if own not in groups:
            continue
        names = list(groups)
        draws = [dict(zip(names, draw, strict=True)) for draw in product(*groups.values())]
        ranks = [sum(position <= draw[own] for position in draw.values()) for draw in draws]
        curves.append([np.mean([rank <= r for rank in ranks]) for r in range(1, max_rank + 1)])
    return np.mean(curves, axis=0)


def replayed_draws(data: dict[str, np.ndarray], seed: int) -> tuple[list[int], np.ndarray]:
    """Which pictures the original drew: its calls to numpy's global generator, in its order."""
    np.random.seed(seed)  # noqa: NPY002
    rows, drawn = [], []
    for q, order in enumerate(np.argsort(data["dist"], axis=1)):
        same = data["g_pid"][order] == data["q_pid"][q]
        order = order[~(same & (data["g_cam"][order] == data["q_cam"][q]))]
        if not (data["g_pid"][order] == data["q_pid"][q]).any():
            continue
        groups: dict[int, list[int]] = {}
        for g in order:
            groups.setdefault(data["g_pid"][g], []).append(g)
        for _ in range(10):
            picked = np.zeros(len(data["g_pid"]), dtype=bool)
            picked[[np.random.choice(group) for group in groups.values()]] = True  # noqa: NPY002
            rows.append(q)
            drawn.append(picked)
    return rows, np.stack(drawn)


@pytest.mark.parametrize("seed", [0, 1])
def test_equals_the_original_when_fed_its_draws(vectors, seed):
    data = vectors("rank_60x300")
    rows, drawn = replayed_draws(data, seed)
    is_match = (data["g_pid"] == data["q_pid"][rows, None]) & drawn
    ranks = rank_among_drawn(*(torch.from_numpy(array) for array in (data["dist"][rows], is_match, drawn)))
    cmc = np.mean(ranks.numpy()[:, None] <= np.arange(1, 21), axis=0)
    np.testing.assert_allclose(cmc, data[f"cuhk03_seed{seed}_cmc"], atol=1e-6)


def test_own_draws_agree_with_the_original_within_chance(vectors):
    # torchreid takes the 60 distractors for one person: give them one pid to compare.
    data = vectors("rank_60x300")
    people = [torch.from_numpy(data[name]) for name in ("q_pid", "g_pid", "q_cam", "g_cam")]
    people[1] = torch.where(people[1] == 0, 1000, people[1])
    report = evaluate_single_gallery_shot(torch.from_numpy(data["dist"]), *people, repeats=50)
    original = (data["cuhk03_seed0_cmc"] + data["cuhk03_seed1_cmc"]) / 2
    assert np.abs(report.cmc.numpy() - original).max() < 0.04
    assert report.mean_ap == pytest.approx(float(data["cuhk03_seed0_mAP"]), abs=1e-12)


@pytest.mark.parametrize("steps", [None, 3])
def test_many_draws_approach_the_mean_over_all_draws(steps):
    problem = random_problem(3, queries=6, gallery=12, people=4, steps=steps)
    report = evaluate_single_gallery_shot(problem.distmat, *problem.people, repeats=4000, max_rank=8)
    np.testing.assert_allclose(report.cmc, expected_cmc(problem, 8), atol=0.02)  # sd of a mean of 24,000 < 0.0033


def test_seed_decides_and_nothing_else():
    problem = random_problem(gallery=30)
    first = evaluate_single_gallery_shot(problem.distmat, *problem.people, seed=4)
    torch.rand(5)
    again = evaluate_single_gallery_shot(problem.distmat, *problem.people, seed=4)
    other = evaluate_single_gallery_shot(problem.distmat, *problem.people, seed=5)
    assert torch.equal(first.cmc, again.cmc)
    assert not torch.equal(first.cmc, other.cmc)


def test_everything_but_the_cmc_is_that_of_the_whole_gallery(problem):
    report = evaluate_single_gallery_shot(problem.distmat, *problem.people)
    whole = evaluate_ranking(problem.distmat, *problem.people)
    assert (report.mean_ap, report.mean_inp) == (whole.mean_ap, whole.mean_inp)
    assert torch.equal(report.valid_queries, whole.valid_queries)
    assert report.protocol == "cross_camera, single gallery shot"
    assert len(report.cmc) == 20


def test_one_picture_of_each_allowed_person_is_drawn(generator):
    person = torch.tensor([0, 0, 1, 1, 1, 2])
    allowed = torch.tensor([[True, False, True, True, True, False]]).expand(50, 6)
    drawn = draw_one_per_person(allowed, person, generator=generator)
    assert drawn[:, 0].all()
    assert not drawn[:, [1, 5]].any()
    assert (drawn[:, 2:5].sum(dim=1) == 1).all()
    assert drawn[:, 2:5].any(dim=0).all()


def test_one_picture_a_person_makes_it_the_plain_protocol():
    distmat, pids = torch.tensor([[0.3, 0.1, 0.2]]), torch.tensor([1, 2, 3])
    report = evaluate_single_gallery_shot(distmat, torch.tensor([1]), pids, None, None, max_rank=4)
    assert report.cmc.tolist() == [0, 0, 1, 1]


def test_repeats_below_one_are_refused(problem):
    with pytest.raises(ValueError, match="repeats must be at least 1, got 0"):
        evaluate_single_gallery_shot(problem.distmat, *problem.people, repeats=0)
