from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from whyreid.retrieval import euclidean_distances, k_reciprocal_rerank
from whyreid.retrieval.nearest import smallest_in_row
from whyreid.retrieval.reciprocal_neighbours import reciprocal_members
from whyreid.retrieval.sparse_rows import expand, mean_of_rows, sparse_rows, sums_of_minima


def slow_rerank(
    query_gallery: Tensor, query_query: Tensor, gallery_gallery: Tensor, *, k1: int, k2: int, lambda_value: float
) -> np.ndarray:
    """The definition with sets and dictionaries, in double precision; ties in order of the pictures."""
    top = torch.cat([query_query, query_gallery], dim=1)
    squares = torch.cat([top, torch.cat([query_gallery.T, gallery_gallery], dim=1)]).double().numpy() ** 2
    scaled = (squares / squares.max(axis=0)).T
    pictures = range(len(scaled))
    order = [sorted(pictures, key=lambda j, row=row: (row[j], j)) for row in scaled]

    def mutual(i: int, k: int) -> set[int]:
        return {j for j in order[i][: k + 1] if i in order[j][: k + 1]}

    encoding = []
    for i in pictures:
        core = mutual(i, k1)
        members = set(core)
        for j in core:
            brought = mutual(j, round(k1 / 2))
            if 3 * len(brought & core) > 2 * len(brought):
                members |= brought
        weight = {j: np.exp(-scaled[i][j]) for j in members}
        encoding.append({j: value / sum(weight.values()) for j, value in weight.items()})
    if k2 > 1:
        nearest = [order[i][:k2] for i in pictures]
        encoding = [
            {c: sum(encoding[j].get(c, 0) for j in near) / len(near) for j in near for c in encoding[j]}
            for near in nearest
        ]
    num_queries = len(query_gallery)
    reranked = np.empty(query_gallery.shape)
    for q in range(num_queries):
        for g in range(num_queries, len(scaled)):
            shared = sum(min(value, encoding[g].get(c, 0)) for c, value in encoding[q].items())
            jaccard = 1 - shared / (2 - shared)
            reranked[q, g - num_queries] = jaccard * (1 - lambda_value) + scaled[q][g] * lambda_value
    return reranked


def clustered(seed: int = 0, *, queries: int = 10, gallery: int = 40, people: int = 8) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(people, 6, generator=generator)
    x, y = (
        centres[torch.randint(0, people, (count,), generator=generator)]
        + 0.5 * torch.randn(count, 6, generator=generator)
        for count in (queries, gallery)
    )
    return [euclidean_distances(x, y), euclidean_distances(x, x), euclidean_distances(y, y)]


SETTINGS = [(20, 6, 0.3), (20, 1, 0.3), (7, 3, 0.5), (5, 2, 0.0), (60, 6, 0.3)]


@pytest.mark.parametrize(("k1", "k2", "lambda_value"), SETTINGS)
def test_equals_the_original(vectors, k1, k2, lambda_value, device):
    data = vectors("rerank_30x80")
    matrices = [torch.from_numpy(data[name]).to(device) for name in ("q_g_dist", "q_q_dist", "g_g_dist")]
    reranked = k_reciprocal_rerank(*matrices, k1=k1, k2=k2, lambda_value=lambda_value)
    assert reranked.device.type == device.type
    np.testing.assert_allclose(reranked.cpu(), data[f"fastreid_k1_{k1}_k2_{k2}_l{lambda_value}"], atol=2e-6)


def test_equals_agw_from_features_to_its_half_precision(vectors):
    data = vectors("rerank_30x80")
    x, y = torch.from_numpy(data["q_feat"]), torch.from_numpy(data["g_feat"])
    reranked = k_reciprocal_rerank(euclidean_distances(x, y), euclidean_distances(x, x), euclidean_distances(y, y))
    np.testing.assert_allclose(reranked, data["agw_feature_k20_6_0.3"], atol=4e-3)


def test_equals_qaconv_on_distances_that_it_does_not_square(vectors):
    # QAConv leaves out the square and works in half precision: the square root of its input undoes the first.
    data = vectors("rerank_30x80")
    roots = torch.from_numpy(data["qaconv_input_full_dist"]).sqrt()
    reranked = k_reciprocal_rerank(roots[:30, 30:], roots[:30, :30], roots[30:, 30:])
    np.testing.assert_allclose(reranked, data["qaconv_k20_6_0.3_dist_nonneg"], atol=4e-3)


@pytest.mark.parametrize("name", ["neg_score", "allpositive_score"])
def test_negated_scores_are_refused(vectors, name):
    full = torch.from_numpy(vectors("rerank_30x80")[f"qaconv_{name}_full"])
    with pytest.raises(ValueError, match=r"distances >= 0, got values from -.*sigmoid\(logit / 10\)"):
        k_reciprocal_rerank(full[:30, 30:], full[:30, :30], full[30:, 30:])


def test_what_the_original_makes_of_negated_scores_is_not_a_ranking_to_reproduce(vectors):
    # The three inputs are the same distances, scaled and shifted. Divided by a column maximum of the wrong sign
    # they give another first picture for some queries, a distance below zero, or the order upside down.
    data = vectors("rerank_30x80")
    right, negated = data["qaconv_k20_6_0.3_dist_nonneg"], data["qaconv_k20_6_0.3_negscore"]
    assert (right.argmin(axis=1) != negated.argmin(axis=1)).any()
    assert negated.min() < 0
    assert np.corrcoef(right.ravel(), data["qaconv_k20_6_0.3_allpositive"].ravel())[0, 1] < 0.5


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("k1", "k2", "lambda_value"), [(6, 3, 0.3), (20, 6, 0.3), (1, 1, 0.0), (3, 4, 1.0), (200, 100, 0.5)]
)
def test_equals_the_slow_definition(seed, k1, k2, lambda_value):
    matrices = [matrix.double() for matrix in clustered(seed)]
    options = {"k1": k1, "k2": k2, "lambda_value": lambda_value}
    np.testing.assert_allclose(k_reciprocal_rerank(*matrices, **options), slow_rerank(*matrices, **options), atol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_ties_stand_in_order_of_the_pictures(seed):
    matrices = [matrix.round() for matrix in clustered(seed)]
    options = {"k1": 6, "k2": 3, "lambda_value": 0.3}
    np.testing.assert_allclose(k_reciprocal_rerank(*matrices, **options), slow_rerank(*matrices, **options), atol=1e-5)


def test_asymmetric_distances_are_read_by_column_as_the_original_does(generator):
    query_gallery, query_query, gallery_gallery = clustered()
    query_query = query_query + 0.3 * torch.rand(10, 10, generator=generator).fill_diagonal_(0)
    gallery_gallery = gallery_gallery + 0.3 * torch.rand(40, 40, generator=generator).fill_diagonal_(0)
    matrices, options = (query_gallery, query_query, gallery_gallery), {"k1": 6, "k2": 3, "lambda_value": 0.3}
    np.testing.assert_allclose(k_reciprocal_rerank(*matrices, **options), slow_rerank(*matrices, **options), atol=1e-5)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), order=st.permutations(range(40)))
def test_gallery_order_does_not_matter_without_ties(seed, order):
    query_gallery, query_query, gallery_gallery = (matrix.double() for matrix in clustered(seed))
    order = torch.tensor(order)
    permuted = k_reciprocal_rerank(query_gallery[:, order], query_query, gallery_gallery[order][:, order], k1=6)
    whole = k_reciprocal_rerank(query_gallery, query_query, gallery_gallery, k1=6)
    torch.testing.assert_close(permuted, whole[:, order])


@pytest.mark.parametrize("chunk", [1, 100, 3000])
def test_chunks_do_not_matter(chunk, monkeypatch):
    whole = k_reciprocal_rerank(*clustered())
    for module in ("reranking", "reciprocal_neighbours", "sparse_rows"):
        monkeypatch.setattr(f"whyreid.retrieval.{module}.CHUNK", chunk)
    torch.testing.assert_close(k_reciprocal_rerank(*clustered()), whole)


def test_scale_does_not_matter():
    matrices = clustered()
    torch.testing.assert_close(
        k_reciprocal_rerank(*(1000 * matrix for matrix in matrices)), k_reciprocal_rerank(*matrices)
    )


def test_all_of_lambda_is_the_scaled_square():
    matrices = [matrix.double() for matrix in clustered()]
    squares = torch.cat([matrices[1], matrices[0]], dim=1).square()
    expected = (squares / squares.amax(dim=1, keepdim=True))[:, 10:]
    torch.testing.assert_close(k_reciprocal_rerank(*matrices, lambda_value=1.0), expected)


def test_result_is_within_zero_and_one_and_moves_matches_closer():
    # Two tight groups and a query between them, a little nearer to the first group's stray than to the second.
    x = torch.tensor([[0.0]])
    y = torch.tensor([[0.1], [0.2], [0.3], [5.0], [5.1], [5.2]])
    matrices = euclidean_distances(x, y), euclidean_distances(x, x), euclidean_distances(y, y)
    reranked = k_reciprocal_rerank(*matrices, k1=3, k2=2)
    assert float(reranked.min()) >= 0
    assert float(reranked.max()) <= 1
    assert float(reranked[0, :3].max()) < 0.2
    assert float(reranked[0, 3:].min()) > 0.9


def test_types(generator):
    matrices = clustered()
    assert k_reciprocal_rerank(*matrices).dtype == torch.float32
    assert k_reciprocal_rerank(*(matrix.double() for matrix in matrices)).dtype == torch.float64
    halves = [matrix.half() for matrix in matrices]
    expected = k_reciprocal_rerank(*(matrix.float() for matrix in halves))
    torch.testing.assert_close(k_reciprocal_rerank(*halves), expected)


def test_identical_pictures_do_not_divide_by_zero():
    zeros = torch.zeros(2, 3), torch.zeros(2, 2), torch.zeros(3, 3)
    assert k_reciprocal_rerank(*zeros).isfinite().all()


def test_one_query_and_one_gallery_picture():
    reranked = k_reciprocal_rerank(torch.tensor([[2.0]]), torch.tensor([[0.0]]), torch.tensor([[0.0]]))
    assert reranked.shape == (1, 1)
    assert float(reranked) == pytest.approx(slow_rerank(
        torch.tensor([[2.0]]), torch.tensor([[0.0]]), torch.tensor([[0.0]]), k1=20, k2=6, lambda_value=0.3
    ).item())  # fmt: skip


def test_messages():
    query_gallery, query_query, gallery_gallery = clustered()
    with pytest.raises(TypeError, match=r"torch\.from_numpy\(query_query\)"):
        k_reciprocal_rerank(query_gallery, query_query.numpy(), gallery_gallery)
    with pytest.raises(ValueError, match=r"gallery_gallery must be \[40, 40\] to fit query_gallery \[10, 40\]"):
        k_reciprocal_rerank(query_gallery, query_query, gallery_gallery[:39])
    with pytest.raises(ValueError, match="query_gallery must hold finite distances >= 0, got values from nan"):
        k_reciprocal_rerank(query_gallery * torch.nan, query_query, gallery_gallery)
    with pytest.raises(ValueError, match=r"gallery_gallery must hold finite .* to inf"):
        k_reciprocal_rerank(query_gallery, query_query, gallery_gallery + torch.inf)
    with pytest.raises(ValueError, match=r"got k1=0, k2=6, lambda_value=0\.3"):
        k_reciprocal_rerank(query_gallery, query_query, gallery_gallery, k1=0)
    with pytest.raises(ValueError, match=r"lambda_value=1\.1"):
        k_reciprocal_rerank(query_gallery, query_query, gallery_gallery, lambda_value=1.1)


# --- the pieces -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, 4, 1000])
@pytest.mark.parametrize("k", [1, 5, 30, 99])
def test_smallest_in_row_is_a_stable_sort(steps, k, generator):
    values = (torch.rand(20, 30, generator=generator) * steps).round()
    expected = values.sort(dim=1, stable=True).indices[:, :k]
    assert torch.equal(smallest_in_row(values, k), expected)


def test_reciprocal_members_by_hand():
    # Nearest neighbours (k1 = 1): 0 <-> 1 name each other, 2 names 1, which does not name it back.
    neighbours = torch.tensor([[0, 1], [1, 0], [2, 1]])
    assert reciprocal_members(neighbours, k1=1).tolist() == [[0, 0], [0, 1], [1, 0], [1, 1], [2, 2]]


def dense(matrix) -> Tensor:
    full = torch.zeros(matrix.num_rows, matrix.num_columns)
    full[matrix.row, matrix.column] = matrix.value
    return full


def random_sparse(generator: torch.Generator, rows: int, columns: int):
    full = torch.rand(rows, columns, generator=generator) * (torch.rand(rows, columns, generator=generator) < 0.3)
    row, column = full.nonzero(as_tuple=True)
    return sparse_rows(row, column, full[row, column], num_rows=rows, num_columns=columns), full


def test_sparse_rows_equal_dense_matrices(generator):
    sparse, full = random_sparse(generator, 8, 12)
    other, other_full = random_sparse(generator, 5, 12)
    picked = torch.randint(0, 8, (6, 3), generator=generator)
    torch.testing.assert_close(dense(sparse), full)
    torch.testing.assert_close(dense(sparse.transpose()), full.T)
    torch.testing.assert_close(dense(sparse.rows(2, 5)), full[2:5])
    torch.testing.assert_close(dense(mean_of_rows(sparse, picked)), full[picked].mean(dim=1))
    minima = torch.cat([sums for _, sums in sums_of_minima(sparse, other)])
    torch.testing.assert_close(minima, torch.minimum(full[:, None], other_full[None]).sum(dim=2))


def test_expand_lists_with_empty_ones():
    entry, owner = expand(torch.tensor([0, 2, 2, 5]), torch.tensor([2, 1, 0, 2]))
    assert entry.tolist() == [2, 3, 4, 0, 1, 2, 3, 4]
    assert owner.tolist() == [0, 0, 0, 2, 2, 3, 3, 3]
