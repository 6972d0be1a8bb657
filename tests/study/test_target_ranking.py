from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import torch
from torch.nn import functional as F

from whyreid.data import ReIDTable
from whyreid.retrieval import evaluate_ranking, k_reciprocal_rerank
from whyreid.study.target_ranking import evaluate_target_ranking, reranked_distances


def table(pids: list[int], camids: list[int], split: str) -> ReIDTable:
    images = pd.DataFrame({"pid": pids, "camid": camids, "split": split, "time": pd.NA})
    images["path"] = [f"{split}/{number}.png" for number in range(len(pids))]
    return ReIDTable("toy", Path("nowhere"), images)


QUERY = table([1, 2, 3], [0, 0, 0], "query")
GALLERY = table([1, 2, 3, 1, 2, 3, 0, 0], [1, 1, 1, 2, 2, 2, 1, 2], "gallery")


@pytest.fixture
def features(generator) -> tuple[torch.Tensor, torch.Tensor]:
    people = torch.randn(4, 6, generator=generator)
    noise = [torch.randn(len(part), 6, generator=generator) for part in (QUERY, GALLERY)]
    return tuple(people[part.pids] + 0.8 * drawn for part, drawn in zip((QUERY, GALLERY), noise, strict=True))


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_re_ranking_gets_all_distances_as_the_target_measures_them(features, metric):
    asked, found = (F.normalize(part, dim=1) if metric == "cosine" else part for part in features)
    expected = k_reciprocal_rerank(torch.cdist(asked, found), torch.cdist(asked, asked), torch.cdist(found, found))
    torch.testing.assert_close(reranked_distances(*features, metric=metric), expected, atol=1e-5, rtol=1e-4)


def test_length_does_not_matter_where_angles_are_compared(features):
    asked, found = features
    longer = found * torch.linspace(1, 9, len(found))[:, None]
    cosine = [reranked_distances(asked, part, metric="cosine") for part in (found, longer)]
    euclidean = [reranked_distances(asked, part, metric="euclidean") for part in (found, longer)]
    torch.testing.assert_close(*cosine)
    assert not torch.allclose(*euclidean)


def test_the_report_is_that_of_the_re_ranked_matrix_under_the_tables_protocol(features):
    report = evaluate_target_ranking(*features, QUERY, GALLERY, metric="cosine", reranked=True)
    people = QUERY.pids, GALLERY.pids, QUERY.camids, GALLERY.camids
    expected = evaluate_ranking(reranked_distances(*features, metric="cosine"), *people)
    assert report.mean_ap == expected.mean_ap
    assert report.protocol == "cross_camera"
    plain = evaluate_target_ranking(*features, QUERY, GALLERY, metric="cosine")
    assert plain.num_valid_queries == report.num_valid_queries == 3


def test_re_ranking_helps_where_neighbours_agree():
    """Four pictures of person 1 in a chain: the query's is near the first only, which is near the others."""
    asked = torch.tensor([[0.0, 0.0]])
    found = torch.tensor([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0], [0.0, -2.4], [0.0, -9.0], [0.3, -9.0], [0.6, -9.0]])
    query = table([1], [0], "query")
    gallery = table([1, 1, 1, 0, 0, 0, 0], [1] * 7, "gallery")
    plain = evaluate_target_ranking(asked, found, query, gallery, metric="euclidean")
    order = reranked_distances(asked, found, metric="euclidean").argsort()
    assert plain.mean_ap == pytest.approx((1 + 1 + 3 / 4) / 3)
    assert order[0, :2].tolist() == [0, 1]


def test_an_unknown_metric_is_refused_with_those_there_are(features):
    with pytest.raises(ValueError, match="metric must be one of cosine, euclidean, got 'manhattan'"):
        reranked_distances(*features, metric="manhattan")
