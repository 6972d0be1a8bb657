"""Explaining the first ten ranks of every Market-1501 query on a CPU: errors, compositions and matching scores."""

from __future__ import annotations

import time

import torch
from measure import asked_task, compare, print_row, run_in_child, save, use_threads
from torch import Tensor

from whyreid.explain import attribute_shares, rank_list_errors, rank_list_matching_scores

QUERIES, GALLERY, NEURONS, ATTRIBUTES, RANKS = 3368, 15913, 2048, 30, 10


def inputs(queries: int, gallery: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Embeddings of queries and gallery, rank lists, weights: random numbers of AGW's sizes."""
    generator = torch.Generator().manual_seed(0)
    embeddings = [torch.randn(n, NEURONS, generator=generator) for n in (queries, gallery)]
    ranking = torch.randint(0, gallery, (queries, RANKS), generator=generator)
    return *embeddings, ranking, torch.randn(ATTRIBUTES, NEURONS, generator=generator)


def plain_composition(query: Tensor, gallery: Tensor, ranking: Tensor, weight: Tensor) -> Tensor:
    """As the formula reads: for each pair and each part, the weighted sum of squared differences."""
    shares = attribute_shares(weight)
    parts = torch.empty(*ranking.shape, len(shares))
    for q in range(len(query)):
        for k, g in enumerate(ranking[q].tolist()):
            squares = (query[q] - gallery[g]) ** 2
            for a, share in enumerate(shares):
                parts[q, k, a] = (squares * share).sum()
    return parts


def market_errors() -> None:
    """Signed errors and compositions of all lists; printed with the peak memory of this process."""
    query, gallery, ranking, weight = inputs(QUERIES, GALLERY)
    start = time.perf_counter()
    for form in ("signed", "composition"):
        rank_list_errors(query, gallery, ranking, weight, form=form)
    case = "rank_list_errors, both forms, 3,368 x top 10 of 15,913, 2,048 neurons, 30 attributes"
    print_row(case, time.perf_counter() - start, wanted="seconds")


def market_scores() -> None:
    """Matching scores of all lists; printed with the peak memory of this process."""
    generator = torch.Generator().manual_seed(0)
    probabilities = [torch.rand(n, ATTRIBUTES, generator=generator) for n in (QUERIES, GALLERY)]
    ranking = torch.randint(0, GALLERY, (QUERIES, RANKS), generator=generator)
    start = time.perf_counter()
    rank_list_matching_scores(*probabilities, ranking).mean()
    case = "rank_list_matching_scores, 3,368 x top 10 of 15,913, 30 attributes"
    print_row(case, time.perf_counter() - start, wanted="seconds")


def against_plain() -> dict[str, object]:
    """A hundredth of the queries against the loop over pairs and attributes."""
    query, gallery, ranking, weight = inputs(34, 1000)
    expected = plain_composition(query, gallery, ranking, weight)
    torch.testing.assert_close(rank_list_errors(query, gallery, ranking, weight), expected, rtol=1e-4, atol=1e-3)
    return compare(
        "rank_list_errors, composition, 34 x top 10, 2,048 neurons; plain: a loop over pairs and attributes",
        lambda: rank_list_errors(query, gallery, ranking, weight),
        lambda: plain_composition(query, gallery, ranking, weight),
        wanted="-",
    )


if __name__ == "__main__":
    tasks = {"errors": market_errors, "scores": market_scores}
    task = asked_task(*tasks)
    use_threads()
    if task:
        tasks[task]()
    else:
        rows = [run_in_child(__file__, name) for name in tasks]
        save("explaining_rank_lists", [*rows, against_plain()])
