"""k_reciprocal_rerank against the published method in dense numpy; its memory at Market-1501's size."""

from __future__ import annotations

import time

import numpy as np
import torch
from measure import asked_task, compare, print_row, run_in_child, save, use_threads

from whyreid.retrieval import euclidean_distances, k_reciprocal_rerank


def plain_rerank(
    query_gallery: np.ndarray,
    query_query: np.ndarray,
    gallery_gallery: np.ndarray,
    *,
    k1: int = 20,
    k2: int = 6,
    lambda_value: float = 0.3,
) -> np.ndarray:
    """The published method with its dense [N, N] arrays, one picture after the other."""
    num_queries = len(query_gallery)
    squares = np.block([[query_query, query_gallery], [query_gallery.T, gallery_gallery]]).astype(np.float32) ** 2
    scaled = (squares / squares.max(axis=0)).T
    order = np.argsort(scaled, axis=1)

    def reciprocal(picture: int, k: int) -> np.ndarray:
        forward = order[picture, : k + 1]
        return forward[(order[forward, : k + 1] == picture).any(axis=1)]

    encoding = np.zeros_like(scaled)
    for picture in range(len(scaled)):
        core = reciprocal(picture, k1)
        members = [core]
        for candidate in core:
            brought = reciprocal(candidate, round(k1 / 2))
            if len(np.intersect1d(brought, core)) > 2 / 3 * len(brought):
                members.append(brought)
        member = np.unique(np.concatenate(members))
        weight = np.exp(-scaled[picture, member])
        encoding[picture, member] = weight / weight.sum()
    if k2 > 1:
        encoding = np.stack([encoding[order[picture, :k2]].mean(axis=0) for picture in range(len(scaled))])
    holders = [np.flatnonzero(encoding[:, column]) for column in range(len(scaled))]
    jaccard = np.empty_like(scaled[:num_queries])
    for query in range(num_queries):
        shared = np.zeros(len(scaled), dtype=np.float32)
        for column in np.flatnonzero(encoding[query]):
            others = holders[column]
            shared[others] += np.minimum(encoding[query, column], encoding[others, column])
        jaccard[query] = 1 - shared / (2 - shared)
    mixed = jaccard * (1 - lambda_value) + scaled[:num_queries] * lambda_value
    return mixed[:, num_queries:]


def matrices(queries: int, gallery: int, *, people: int, width: int = 256) -> list[torch.Tensor]:
    """Distances among embeddings that cluster by person."""
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(people, width, generator=generator)
    x, y = (
        centres[torch.randint(0, people, (count,), generator=generator)]
        + 1.2 * torch.randn(count, width, generator=generator)
        for count in (queries, gallery)
    )
    return [euclidean_distances(x, y), euclidean_distances(x, x), euclidean_distances(y, y)]


def speed() -> dict[str, object]:
    """500 x 3,000, both in one process."""
    given = matrices(500, 3000, people=150)
    arrays = [matrix.numpy() for matrix in given]
    difference = np.abs(k_reciprocal_rerank(*given).numpy() - plain_rerank(*arrays)).max()
    if difference > 1e-5:
        raise SystemExit(f"ours and the plain function differ by {difference}")
    return compare(
        "k_reciprocal_rerank, 500 x 3,000; plain: the published method in dense numpy",
        lambda: k_reciprocal_rerank(*given),
        lambda: plain_rerank(*arrays),
        wanted=">= 3",
        repeats=3,
    )


def market() -> None:
    """3,368 x 15,913: time of the re-ranking, peak memory of the process with the three matrices in it."""
    given = matrices(3368, 15913, people=750)
    start = time.perf_counter()
    k_reciprocal_rerank(*given)
    print_row("k_reciprocal_rerank, 3,368 x 15,913", time.perf_counter() - start, wanted="<= 8 GB")


if __name__ == "__main__":
    task = asked_task("market")
    use_threads()
    if task:
        market()
    else:
        save("reranking", [speed(), run_in_child(__file__, "market")])
