"""The numbers of the book's page on measuring, worked out by the library."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from whyreid.retrieval import evaluate_ranking

PAGE = Path(__file__).parents[2] / "book" / "how-we-measure.md"


def table_rows(first_column: str) -> list[list[str]]:
    """The cells of the page's table whose header starts with this word."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {first_column} |"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


@pytest.fixture
def gallery() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Distances [1, 9], pid and camid of the nine pictures, read from the page."""
    rows = table_rows("picture")
    numbers = [[float(cell.replace("−", "-")) for cell in row[1:4]] for row in rows]
    distance, pid, camid = torch.tensor(numbers, dtype=torch.float64).T
    return distance[None], pid.long(), camid.long()


def scores(distmat, pid, camid, *, own_camera: int = 0):
    report = evaluate_ranking(distmat, torch.tensor([1]), pid, torch.tensor([own_camera]), camid)
    return report, f"{report.mean_ap:.3f}"


def test_the_ranks_of_the_table(gallery):
    distmat, pid, camid = gallery
    ranks = [row[-1] for row in table_rows("picture")]
    left_out = (pid < 0) | ((pid == 1) & (camid == 0))
    expected, rank = [], 0
    for g in distmat[0].argsort():
        rank += 0 if left_out[g] else 1
        expected.append("–" if left_out[g] else str(rank))
    assert ranks == expected


def test_the_scores_and_the_slips(gallery):
    distmat, pid, camid = gallery
    said = {row[0]: row[2] for row in table_rows("slip")}
    report, right = scores(distmat, pid, camid)
    assert report.cmc[:2].tolist() == [0.0, 1.0]
    assert f"{report.mean_inp:.3f}" == "0.600"
    assert said["none"] == right == "0.533"
    assert said["own camera not left out"] == scores(distmat, pid, camid, own_camera=9)[1]
    assert said["junk kept"] == scores(distmat, torch.where(pid < 0, 99, pid), camid)[1]
    kept = pid != 0
    assert said["distractors dropped"] == scores(distmat[:, kept], pid[kept], camid[kept])[1]
    ranks = [2, 4, 5]
    trapezoids = np.mean([(hit / (rank - 1) + (hit + 1) / rank) / 2 for hit, rank in enumerate(ranks)])
    assert said["area under the curve by trapezoids"] == f"{trapezoids:.3f}"


def test_what_ties_can_do(vectors):
    data = vectors("rank_ties_60x300")
    spread = data["optimistic_fastreid_py_AP"].mean() - data["pessimistic_fastreid_py_AP"].mean()
    assert round(100 * spread) == 18
    orders = data["default_quicksort_fastreid_py_AP"].mean() - data["stable_fastreid_py_AP"].mean()
    assert round(100 * orders) == 2


def test_what_negated_scores_do_to_the_original(vectors):
    data = vectors("rerank_30x80")
    right, negated = data["qaconv_k20_6_0.3_dist_nonneg"], data["qaconv_k20_6_0.3_negscore"]
    assert (right.argmin(axis=1) != negated.argmin(axis=1)).mean() == pytest.approx(0.1)
