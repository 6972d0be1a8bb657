from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.retrieval.conftest import Problem, random_problem, slow_rank_lists

from whyreid.retrieval import (
    RankingReport,
    cosine_distances,
    euclidean_distances,
    evaluate_embeddings,
    evaluate_ranking,
)

EXAMPLES = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def slow_evaluation(problem: Problem, max_rank: int = 50) -> dict[str, list[float]]:
    """The definition, query by query."""
    valid, precision, penalty, first = [], [], [], []
    for q, listed in enumerate(slow_rank_lists(problem)):
        ranks = [r for r, g in enumerate(listed, start=1) if problem.gallery_pid[g] == problem.query_pid[q]]
        if ranks:
            valid.append(q)
            precision.append(sum(hit / rank for hit, rank in enumerate(ranks, start=1)) / len(ranks))
            penalty.append(len(ranks) / ranks[-1])
            first.append(ranks[0])
    cmc = [sum(rank <= r for rank in first) / max(len(first), 1) for r in range(1, max_rank + 1)]
    return {"valid": valid, "precision": precision, "penalty": penalty, "cmc": cmc}


def assert_same(report: RankingReport, other: RankingReport, *, atol: float = 1e-14) -> None:
    for field in ("cmc", "average_precision", "inverse_negative_penalty", "valid_queries"):
        torch.testing.assert_close(getattr(report, field), getattr(other, field), rtol=0, atol=atol)
    assert report.num_ties == other.num_ties


# --- worked by hand ---------------------------------------------------------------------------------------------


def test_hand_worked_query():
    # Query: person 7, camera 0. By distance: 8, 7(own camera: removed), 7, 0(distractor), 7, -1(junk: dropped), 7.
    # The list is 8, 7, 0, 7, 7: matches at ranks 2, 4, 5.
    # AP = (1/2 + 2/4 + 3/5) / 3 = 8/15; INP = 3/5; first match at rank 2.
    report = evaluate_ranking(
        torch.tensor([[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]]),
        torch.tensor([7]),
        torch.tensor([8, 7, 7, 0, 7, -1, 7]),
        torch.tensor([0]),
        torch.tensor([0, 0, 1, 0, 2, 1, 1]),
        max_rank=4,
    )
    assert report.average_precision.tolist() == [pytest.approx(8 / 15)]
    assert report.inverse_negative_penalty.tolist() == [pytest.approx(3 / 5)]
    assert report.cmc.tolist() == [0, 1, 1, 1]
    assert (report.mean_ap, report.mean_inp, report.rank1) == (pytest.approx(8 / 15), pytest.approx(0.6), 0.0)
    assert (report.num_queries, report.num_valid_queries, report.num_ties) == (1, 1, 0)
    assert report.protocol == "cross_camera"


def test_ties_stand_in_gallery_order_and_are_counted():
    # Row 0: match and non-match tie, the match is earlier: rank 1. Row 1: the match is later: rank 2.
    distmat = torch.tensor([[1.0, 1.0, 2.0], [1.0, 1.0, 2.0]])
    report = evaluate_ranking(distmat, torch.tensor([1, 2]), torch.tensor([1, 2, 3]), None, None)
    assert report.average_precision.tolist() == [1.0, 0.5]
    assert report.num_ties == 2


def test_matches_that_tie_among_themselves_are_no_ties():
    report = evaluate_ranking(torch.tensor([[1.0, 1.0, 2.0]]), torch.tensor([1]), torch.tensor([1, 1, 3]), None, None)
    assert report.num_ties == 0
    assert report.mean_ap == 1.0


def test_a_tie_with_a_removed_picture_is_no_tie():
    distmat, pids = torch.tensor([[1.0, 1.0, 1.0, 2.0]]), torch.tensor([1, -1, 1, 2])
    report = evaluate_ranking(distmat, torch.tensor([1]), pids, torch.tensor([0]), torch.tensor([0, 1, 1, 1]))
    assert report.num_ties == 0
    assert report.mean_ap == 1.0


# --- the originals ----------------------------------------------------------------------------------------------


def evaluate_vectors(data: dict[str, np.ndarray], **options: int) -> RankingReport:
    names = ("dist", "q_pid", "g_pid", "q_cam", "g_cam")
    return evaluate_ranking(*(torch.from_numpy(data[name]) for name in names), **options)


ORIGINALS = ["fastreid_py", "fastreid_cy", "torchreid_py", "torchreid_cy", "agw", "qaconv"]


@pytest.mark.parametrize("original", ORIGINALS)
@pytest.mark.parametrize(("file", "prefix"), [("rank_60x300", ""), ("rank_ties_60x300", "stable_")])
def test_equals_the_originals(vectors, file, prefix, original):
    data = vectors(file)
    report = evaluate_vectors(data, max_rank=int(data["max_rank"]))
    compared = {
        "cmc": report.cmc,
        "AP": report.average_precision,
        "INP": report.inverse_negative_penalty,
        "mAP": report.mean_ap,
        "mINP": report.mean_inp,
    }
    found = [name for name in compared if f"{prefix}{original}_{name}" in data]
    assert "cmc" in found
    for name in found:
        np.testing.assert_allclose(compared[name], data[f"{prefix}{original}_{name}"], rtol=1e-6, atol=1e-7)


def test_rows_without_a_match_are_those_of_the_originals(vectors):
    data = vectors("rank_60x300")
    report = evaluate_vectors(data)
    assert report.num_queries == 60
    assert report.valid_queries.tolist() == list(range(1, 56))  # row 0 has only its own camera, 56..59 nobody


def test_precision_is_not_interpolated_where_scores_tie(vectors):
    # QAConv takes scikit-learn's average precision, which takes tied pictures as one step. Without ties it agrees.
    plain, tied = vectors("rank_60x300"), vectors("rank_ties_60x300")
    assert evaluate_vectors(plain).mean_ap == pytest.approx(float(plain["qaconv_sklearn_mAP"]), abs=1e-12)
    report = evaluate_vectors(tied)
    assert report.num_ties > 0
    assert abs(report.mean_ap - float(tied["stable_qaconv_sklearn_mAP"])) > 0.02


def test_stable_order_lies_between_luck_and_bad_luck(vectors):
    data = vectors("rank_ties_60x300")
    precision = evaluate_vectors(data).average_precision.numpy()
    assert (precision <= data["optimistic_fastreid_py_AP"] + 1e-9).all()
    assert (precision >= data["pessimistic_fastreid_py_AP"] - 1e-9).all()


def test_small_gallery_keeps_its_curve_where_the_original_falls(vectors):
    data = vectors("rank_small_gallery")
    report = evaluate_vectors(data, max_rank=12)
    np.testing.assert_allclose(report.average_precision, data["fastreid_cy_AP"], rtol=1e-6)
    np.testing.assert_allclose(report.inverse_negative_penalty, data["fastreid_cy_INP"], rtol=1e-6)
    assert (np.diff(data["fastreid_cy_cmc"]) < 0).any()  # the original's error
    assert (report.cmc.diff() >= 0).all()
    assert float(report.cmc[-1]) == 1.0
    np.testing.assert_allclose(report.cmc[:10], data["fastreid_cy_cmc"][:10], rtol=1e-6)


# --- against the slow definition, and what must not matter ------------------------------------------------------


@EXAMPLES
@given(
    seed=st.integers(0, 10_000),
    queries=st.integers(1, 12),
    gallery=st.integers(1, 40),
    people=st.integers(1, 6),
    cameras=st.integers(1, 4),
    steps=st.sampled_from([None, 1, 3, 10]),
    dtype=st.sampled_from([torch.float32, torch.float64, torch.float16, torch.int64]),
)
def test_equals_the_slow_definition(seed, queries, gallery, people, cameras, steps, dtype):
    random = random_problem(seed, queries=queries, gallery=gallery, people=people, cameras=cameras, steps=steps)
    scaled = random.distmat * 100 if dtype == torch.int64 else random.distmat
    problem = Problem(scaled.to(dtype), *random.people)
    expected = slow_evaluation(problem)
    if not expected["valid"]:
        with pytest.raises(ValueError, match="no query has a match"):
            evaluate_ranking(problem.distmat, *problem.people)
        return
    report = evaluate_ranking(problem.distmat, *problem.people)
    assert report.valid_queries.tolist() == expected["valid"]
    np.testing.assert_allclose(report.average_precision, expected["precision"], rtol=1e-12)
    np.testing.assert_allclose(report.inverse_negative_penalty, expected["penalty"], rtol=1e-12)
    np.testing.assert_allclose(report.cmc, expected["cmc"], rtol=1e-12)


@EXAMPLES
@given(seed=st.integers(0, 10_000), chunk=st.integers(1, 700), steps=st.sampled_from([None, 3]))
def test_chunks_do_not_matter(seed, chunk, steps):
    problem = random_problem(seed, steps=steps)
    whole = evaluate_ranking(problem.distmat, *problem.people)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("whyreid.retrieval.match_ranks.CPU_CHUNK", chunk)
        assert_same(evaluate_ranking(problem.distmat, *problem.people), whole)


@EXAMPLES
@given(seed=st.integers(0, 10_000), order=st.permutations(range(60)))
def test_gallery_order_does_not_matter_without_ties(seed, order):
    problem = random_problem(seed)
    order = torch.tensor(order)
    permuted = evaluate_ranking(
        problem.distmat[:, order],
        problem.query_pid,
        problem.gallery_pid[order],
        problem.query_camid,
        problem.gallery_camid[order],
    )
    whole = evaluate_ranking(problem.distmat, *problem.people)
    assert whole.num_ties == 0
    assert_same(permuted, whole)


@pytest.mark.parametrize("increasing", [torch.exp, torch.sqrt, lambda d: d - 5, lambda d: 3 * d])
def test_only_the_order_of_the_distances_matters(problem, increasing):
    distances = problem.distmat.double()
    assert_same(evaluate_ranking(increasing(distances), *problem.people), evaluate_ranking(distances, *problem.people))


def test_float64_equals_float32(problem):
    single = evaluate_ranking(problem.distmat, *problem.people)
    assert_same(evaluate_ranking(problem.distmat.double(), *problem.people), single)


def test_float64_is_not_rounded():
    distmat = torch.tensor([[1.0 + 1e-12, 1.0]], dtype=torch.float64)
    report = evaluate_ranking(distmat, torch.tensor([1]), torch.tensor([1, 2]), None, None)
    assert report.mean_ap == 0.5
    assert report.num_ties == 0


def test_half_precision_is_compared_as_it_is(problem):
    half = evaluate_ranking(problem.distmat.half(), *problem.people)
    assert_same(half, evaluate_ranking(problem.distmat.half().double(), *problem.people))


def test_device_and_label_types_do_not_matter(problem, device):
    people = [vector.to(torch.int32) for vector in problem.people]
    report = evaluate_ranking(problem.distmat.to(device), *people)
    assert report.average_precision.device.type == device.type
    expected = evaluate_ranking(problem.distmat, *problem.people)
    torch.testing.assert_close(report.average_precision.cpu(), expected.average_precision)
    torch.testing.assert_close(report.cmc.cpu(), expected.cmc)


def test_inputs_are_left_alone(problem):
    before = problem.distmat.clone()
    evaluate_ranking(problem.distmat, *problem.people)
    assert torch.equal(problem.distmat, before)


def test_junk_and_own_camera_pictures_do_not_matter(problem):
    before = evaluate_ranking(problem.distmat, *problem.people)
    extra = torch.zeros(20, 6)  # as close as can be, all junk, and in front
    distmat = torch.cat([extra, problem.distmat], dim=1)
    gallery_pid = torch.cat([torch.full((6,), -1), problem.gallery_pid])
    gallery_camid = torch.cat([torch.arange(6), problem.gallery_camid])
    after = evaluate_ranking(distmat, problem.query_pid, gallery_pid, problem.query_camid, gallery_camid)
    assert_same(after, before)


def test_a_closer_distractor_moves_every_rank_by_one(problem):
    distmat = torch.cat([torch.full((20, 1), -1.0), problem.distmat], dim=1)
    gallery_pid = torch.cat([torch.tensor([0]), problem.gallery_pid])
    gallery_camid = torch.cat([torch.tensor([0]), problem.gallery_camid])
    after = evaluate_ranking(distmat, problem.query_pid, gallery_pid, problem.query_camid, gallery_camid)
    before = evaluate_ranking(problem.distmat, *problem.people)
    assert after.rank1 == 0
    torch.testing.assert_close(after.cmc[1:], before.cmc[:-1])


# --- edges ------------------------------------------------------------------------------------------------------


def test_query_without_match_is_skipped_and_counted():
    # Row 0: person 9 is nowhere. Row 1: person 1 only under the own camera. Row 2: person 2 elsewhere.
    report = evaluate_ranking(
        torch.rand(3, 3),
        torch.tensor([9, 1, 2]),
        torch.tensor([1, 2, 3]),
        torch.tensor([0, 0, 0]),
        torch.tensor([0, 1, 1]),
    )
    assert report.valid_queries.tolist() == [2]
    assert (report.num_queries, report.num_valid_queries) == (3, 1)


def test_one_picture_in_the_gallery():
    report = evaluate_ranking(torch.tensor([[3.0]]), torch.tensor([1]), torch.tensor([1]), None, None)
    assert report.cmc.tolist() == [1.0] * 50
    assert (report.mean_ap, report.mean_inp) == (1.0, 1.0)


def test_without_cameras_nothing_is_removed_and_the_report_says_so(problem):
    report = evaluate_ranking(problem.distmat, problem.query_pid, problem.gallery_pid, None, None)
    assert report.protocol == "no_camera"
    apart = torch.full_like(problem.query_camid, 99)
    expected = evaluate_ranking(problem.distmat, problem.query_pid, problem.gallery_pid, apart, problem.gallery_camid)
    assert_same(report, expected)


def test_infinite_distances_stand_last_in_gallery_order():
    # Excluded pictures stand behind even infinitely far valid ones: the list is 8, 7, 9, 7 (third is own camera).
    inf = torch.inf
    distmat = torch.tensor([[0.0, inf, inf, inf, inf]])
    report = evaluate_ranking(
        distmat, torch.tensor([7]), torch.tensor([8, 7, 7, 9, 7]), torch.tensor([0]), torch.tensor([0, 1, 0, 1, 2])
    )
    assert report.average_precision.tolist() == [pytest.approx((1 / 2 + 2 / 4) / 2)]
    assert report.num_ties == 2


def test_a_gallery_of_one_person_only(generator):
    distmat = torch.rand(5, 300, generator=generator)
    report = evaluate_ranking(distmat, torch.ones(5).long(), torch.ones(300).long(), None, None)
    assert report.mean_ap == 1.0
    assert report.mean_inp == 1.0


def test_pid_zero_in_the_queries_is_a_person_and_warned_about(caplog):
    with caplog.at_level(logging.WARNING):
        report = evaluate_ranking(torch.tensor([[1.0]]), torch.tensor([0]), torch.tensor([0]), None, None)
    assert report.mean_ap == 1.0
    assert "pid 0" in caplog.text


def test_a_junk_query_has_no_match():
    report = evaluate_ranking(torch.rand(2, 2), torch.tensor([-1, 1]), torch.tensor([-1, 1]), None, None)
    assert report.valid_queries.tolist() == [1]


# --- embeddings -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("metric", "distances"), [("euclidean", euclidean_distances), ("cosine", cosine_distances)])
@pytest.mark.parametrize("query_chunk", [1, 7, 256])
def test_embeddings_equal_their_distance_matrix(problem, metric, distances, query_chunk, generator, device):
    query = torch.randn(20, 9, generator=generator).to(device)
    gallery = torch.randn(60, 9, generator=generator).to(device)
    report = evaluate_embeddings(query, gallery, *problem.people, metric=metric, query_chunk=query_chunk)
    assert_same(report, evaluate_ranking(distances(query, gallery), *problem.people))


def test_embeddings_message(problem):
    query, gallery = torch.rand(20, 3), torch.rand(60, 3)
    with pytest.raises(ValueError, match=r"metric must be one of \['cosine', 'euclidean'\], got 'dot'"):
        evaluate_embeddings(query, gallery, *problem.people, metric="dot")
    with pytest.raises(ValueError, match="query_chunk must be at least 1, got 0"):
        evaluate_embeddings(query, gallery, *problem.people, query_chunk=0)
    with pytest.raises(TypeError, match=r"torch\.from_numpy\(query_embeddings\)"):
        evaluate_embeddings(query.numpy(), gallery, *problem.people)


# --- messages ---------------------------------------------------------------------------------------------------


def test_numpy_is_refused_with_the_fix(problem):
    with pytest.raises(TypeError, match=r"distmat .*torch\.from_numpy\(distmat\)"):
        evaluate_ranking(problem.distmat.numpy(), *problem.people)
    with pytest.raises(TypeError, match=r"gallery_pid .*torch\.from_numpy\(gallery_pid\)"):
        evaluate_ranking(
            problem.distmat,
            problem.query_pid,
            problem.gallery_pid.numpy(),
            problem.query_camid,
            problem.gallery_camid,
        )
    with pytest.raises(TypeError, match=r"query_pid must be a torch.Tensor, got list; pass torch\.as_tensor"):
        evaluate_ranking(problem.distmat, [1] * 20, *problem.people[1:])


def test_nan_is_refused_even_where_no_match_looks(problem):
    distmat = problem.distmat.clone()
    distmat[3, 5] = torch.nan
    with pytest.raises(ValueError, match="NaN"):
        evaluate_ranking(distmat, *problem.people)


@pytest.mark.parametrize(
    ("shape", "message"),
    [((20,), r"distmat must be \[Q, G\]"), ((0, 60), "not empty"), ((60, 20), r"query_pid must be \[60\]")],
)
def test_shapes_are_checked(problem, shape, message):
    with pytest.raises(ValueError, match=message):
        evaluate_ranking(torch.zeros(shape), *problem.people)


def test_one_side_without_cameras_is_refused(problem):
    with pytest.raises(ValueError, match="got only gallery_camid"):
        evaluate_ranking(problem.distmat, problem.query_pid, problem.gallery_pid, None, problem.gallery_camid)


def test_float_labels_are_refused(problem):
    with pytest.raises(TypeError, match=r"query_pid must hold integers, got torch.float32; convert it with \.long\(\)"):
        evaluate_ranking(problem.distmat, problem.query_pid.float(), *problem.people[1:])


def test_no_match_at_all_is_an_error_that_says_what_to_look_at(problem):
    with pytest.raises(ValueError, match=r"none of the 20 query pids.*None for both camids"):
        evaluate_ranking(problem.distmat, problem.query_pid + 100, *problem.people[1:])


def test_max_rank_below_one_is_refused(problem):
    with pytest.raises(ValueError, match="max_rank must be at least 1, got 0"):
        evaluate_ranking(problem.distmat, *problem.people, max_rank=0)
