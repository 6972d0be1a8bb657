"""Random ranking problems and the slow definition of the protocol, for every test of this room."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor


@dataclass(frozen=True)
class Problem:
    distmat: Tensor
    query_pid: Tensor
    gallery_pid: Tensor
    query_camid: Tensor
    gallery_camid: Tensor

    @property
    def people(self) -> tuple[Tensor, ...]:
        return self.query_pid, self.gallery_pid, self.query_camid, self.gallery_camid


def random_problem(
    seed: int = 0, *, queries: int = 20, gallery: int = 60, people: int = 6, cameras: int = 3, steps: int | None = None
) -> Problem:
    """Persons 1.. with junk (-1) and distractors (0) in the gallery; ``steps`` rounds distances so that many tie."""
    generator = torch.Generator().manual_seed(seed)
    distmat = torch.rand(queries, gallery, generator=generator)
    if steps:
        distmat = (distmat * steps).round() / steps

    def draw(low: int, high: int, count: int) -> Tensor:
        return torch.randint(low, high, (count,), generator=generator)

    return Problem(
        distmat,
        draw(1, people + 1, queries),
        draw(-1, people + 1, gallery),
        draw(0, cameras, queries),
        draw(0, cameras, gallery),
    )


def slow_rank_lists(problem: Problem) -> list[list[int]]:
    """Gallery positions of each query's list, by the definition: no junk, nobody of the query's own camera."""
    lists = []
    for q in range(len(problem.query_pid)):
        valid = [
            g
            for g in range(len(problem.gallery_pid))
            if problem.gallery_pid[g] >= 0
            and not (
                problem.gallery_pid[g] == problem.query_pid[q] and problem.gallery_camid[g] == problem.query_camid[q]
            )
        ]
        lists.append(sorted(valid, key=lambda g: (float(problem.distmat[q, g]), g)))
    return lists


@pytest.fixture
def problem() -> Problem:
    return random_problem()
