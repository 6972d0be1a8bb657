"""evaluate_ranking against one numpy argsort of the same matrix; evaluate_embeddings at MSMT17's size."""

from __future__ import annotations

import time

import numpy as np
import torch
from measure import asked_task, compare, print_row, run_in_child, save, use_threads

from whyreid.retrieval import evaluate_embeddings, evaluate_ranking

MARKET = {"queries": 3368, "gallery": 15913, "people": 750, "cameras": 6, "distractors": 2798}
MSMT = {"queries": 11659, "gallery": 82161, "people": 3060, "cameras": 15, "distractors": 0}


def labels(size: dict[str, int], generator: torch.Generator) -> tuple[torch.Tensor, ...]:
    """Persons and cameras in the numbers of a data set: query_pid, gallery_pid, query_camid, gallery_camid."""

    def draw(low: int, high: int, count: int) -> torch.Tensor:
        return torch.randint(low, high, (count,), generator=generator)

    gallery_pid = draw(1, size["people"] + 1, size["gallery"])
    gallery_pid[: size["distractors"]] = 0
    query_pid = draw(1, size["people"] + 1, size["queries"])
    cameras = size["cameras"]
    return query_pid, gallery_pid, draw(0, cameras, size["queries"]), draw(0, cameras, size["gallery"])


def plain_evaluation(distmat: np.ndarray, *people: torch.Tensor) -> tuple[float, float]:
    """rank-1 and mAP as toolboxes compute them: order each row in full, then walk through it."""
    query_pid, gallery_pid, query_camid, gallery_camid = (vector.numpy() for vector in people)
    precisions, first = [], []
    for q, order in enumerate(np.argsort(distmat, axis=1, kind="stable")):
        same = gallery_pid[order] == query_pid[q]
        hits = same[~(same & (gallery_camid[order] == query_camid[q]))]
        if hits.any():
            precisions.append((hits.cumsum() / np.arange(1, len(hits) + 1))[hits].mean())
            first.append(hits[0])
    return float(np.mean(first)), float(np.mean(precisions))


def market_matrix() -> list[dict[str, object]]:
    """Speed on a random matrix of Market-1501's size, single and half precision."""
    generator = torch.Generator().manual_seed(0)
    people = labels(MARKET, generator)
    distmat = torch.rand(MARKET["queries"], MARKET["gallery"], generator=generator)
    array = distmat.numpy()
    report = evaluate_ranking(distmat, *people)
    np.testing.assert_allclose((report.rank1, report.mean_ap), plain_evaluation(array, *people), rtol=1e-12)
    half = distmat.half()
    case = "evaluate_ranking, 3,368 x 15,913 {}; plain: numpy.argsort of the float32 matrix"
    rows = [
        compare(
            case.format(name),
            lambda matrix=matrix: evaluate_ranking(matrix, *people),
            lambda: np.argsort(array, axis=1),
            wanted=wanted,
        )
        for name, matrix, wanted in (
            ("float32", distmat, ">= 2"),
            ("float16, nearly every match ties", half, "-"),
        )
    ]
    plain = compare(
        "evaluate_ranking, 3,368 x 15,913 float32; plain: order each row, then walk through it",
        lambda: evaluate_ranking(distmat, *people),
        lambda: plain_evaluation(array, *people),
        wanted="-",
        repeats=2,
    )
    return [*rows, plain]


def msmt_embeddings(width: int) -> None:
    """One evaluation at MSMT17's size; printed with the peak memory of this process."""
    generator = torch.Generator().manual_seed(0)
    people = labels(MSMT, generator)
    centres = torch.randn(MSMT["people"] + 1, width, generator=generator)
    query, gallery = (centres[pid] + 3 * torch.randn(len(pid), width, generator=generator) for pid in people[:2])
    del centres
    start = time.perf_counter()
    report = evaluate_embeddings(query, gallery, *people)
    seconds = time.perf_counter() - start
    case = f"evaluate_embeddings, 11,659 x 82,161, {width} numbers each"
    print_row(case, seconds, wanted="<= 3 GB", mean_ap=round(report.mean_ap, 6))


if __name__ == "__main__":
    tasks = {"msmt-256": 256, "msmt-2048": 2048}
    task = asked_task(*tasks)
    use_threads()
    if task:
        msmt_embeddings(tasks[task])
    else:
        save("ranking", [*market_matrix(), *(run_in_child(__file__, name) for name in tasks)])
