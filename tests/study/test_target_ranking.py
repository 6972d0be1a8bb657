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
    """The nearest picture is a stranger's, whose own neighbours are strangers; the person's pictures know the query."""
    query, bridge = torch.tensor([[0.0, 0.0]]), torch.tensor([[-1.5, 0.0]])
    same = torch.stack([torch.full((15,), 2.0), torch.linspace(-0.1, 0.1, 15)], dim=1)
    strangers = torch.stack([torch.full((30,), -2.5), torch.linspace(-0.1, 0.1, 30)], dim=1)
    sides = query, torch.cat([same, bridge, strangers])
    people = table([1], [0], "query"), table([1] * 15 + [0] * 31, [1] * 46, "gallery")
    plain = evaluate_target_ranking(*sides, *people, metric="euclidean")
    reranked = evaluate_target_ranking(*sides, *people, metric="euclidean", reranked=True)
    # the stranger comes first, so that the i-th match stands at rank i + 1
    assert plain.mean_ap == pytest.approx(sum(i / (i + 1) for i in range(1, 16)) / 15)
    assert plain.rank1 == 0
    # the stranger has 30 pictures closer than the query, so they are not each other's neighbours among 20
    assert reranked.mean_ap == pytest.approx(1)
    assert reranked.rank1 == 1


def test_an_unknown_metric_is_refused_with_those_there_are(features):
    with pytest.raises(ValueError, match="metric must be one of cosine, euclidean, got 'manhattan'"):
        reranked_distances(*features, metric="manhattan")
