from __future__ import annotations

import pytest
import torch
from tests.retrieval.conftest import random_problem, slow_rank_lists

from whyreid.retrieval import cosine_distances, euclidean_distances, rank_embeddings, rank_gallery


def test_hand_worked_list():
    # Person 7 asked by camera 0: picture 1 is of the own camera, picture 3 is junk; 0 and 4 tie, 0 comes first.
    listed = rank_gallery(
        torch.tensor([[0.5, 0.1, 0.9, 0.2, 0.5]]),
        torch.tensor([7]),
        torch.tensor([8, 7, 7, -1, 7]),
        torch.tensor([0]),
        torch.tensor([0, 0, 1, 1, 2]),
        top_k=4,
    )
    assert listed.indices.tolist() == [[0, 4, 2, -1]]
    assert listed.is_match.tolist() == [[False, True, True, False]]
    assert listed.distances[0, :3].tolist() == pytest.approx([0.5, 0.5, 0.9])
    assert bool(listed.distances[0, 3].isnan())


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("steps", [None, 1, 3])
@pytest.mark.parametrize("top_k", [1, 7, 100])
def test_equals_the_slow_definition(seed, steps, top_k, device):
    problem = random_problem(seed, steps=steps)
    listed = rank_gallery(problem.distmat.to(device), *problem.people, top_k=top_k)
    assert listed.indices.shape == listed.distances.shape == listed.is_match.shape == (20, top_k)
    for q, expected in enumerate(slow_rank_lists(problem)):
        expected = expected[:top_k]
        assert listed.indices[q].tolist() == expected + [-1] * (top_k - len(expected))
        same = (problem.gallery_pid[expected] == problem.query_pid[q]).tolist()
        assert listed.is_match[q].tolist() == same + [False] * (top_k - len(expected))
        assert torch.equal(listed.distances[q, : len(expected)].cpu(), problem.distmat[q, expected])


def test_chunks_do_not_matter(monkeypatch):
    problem = random_problem(steps=3)
    whole = rank_gallery(problem.distmat, *problem.people)
    monkeypatch.setattr("whyreid.retrieval.match_ranks.CPU_CHUNK", 1)
    assert torch.equal(rank_gallery(problem.distmat, *problem.people).indices, whole.indices)


@pytest.mark.parametrize(("metric", "distances"), [("euclidean", euclidean_distances), ("cosine", cosine_distances)])
def test_embeddings_equal_their_distance_matrix(problem, metric, distances, generator):
    query, gallery = torch.randn(20, 9, generator=generator), torch.randn(60, 9, generator=generator)
    listed = rank_embeddings(query, gallery, *problem.people, metric=metric, query_chunk=7)
    expected = rank_gallery(distances(query, gallery), *problem.people)
    assert torch.equal(listed.indices, expected.indices)
    torch.testing.assert_close(listed.distances, expected.distances, equal_nan=True)


def test_without_cameras_nothing_is_left_out():
    listed = rank_gallery(torch.tensor([[0.2, 0.1]]), torch.tensor([1]), torch.tensor([1, 1]), None, None, top_k=2)
    assert listed.indices.tolist() == [[1, 0]]


def test_query_without_match_still_has_a_list():
    listed = rank_gallery(torch.tensor([[0.2, 0.1]]), torch.tensor([9]), torch.tensor([1, 2]), None, None, top_k=2)
    assert listed.indices.tolist() == [[1, 0]]
    assert not listed.is_match.any()


def test_messages(problem):
    with pytest.raises(ValueError, match="top_k must be at least 1, got 0"):
        rank_gallery(problem.distmat, *problem.people, top_k=0)
    with pytest.raises(TypeError, match=r"torch\.from_numpy\(distmat\)"):
        rank_gallery(problem.distmat.numpy(), *problem.people)
