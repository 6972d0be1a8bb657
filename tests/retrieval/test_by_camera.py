from __future__ import annotations

import math

import torch

from whyreid.retrieval import evaluate_embeddings, mean_ap_by_camera


def test_hand_worked_two_cameras():
    # Camera 0 asks for person 1 at 0.0; camera 1 holds person 2 at 0.1 and person 1 at 0.5: rank 2, AP 1/2.
    # Camera 1 asks for person 1 at 0.45; camera 0 holds person 1 at 0.4 and person 2 at 3.0: rank 1, AP 1.
    query = torch.tensor([[0.0], [0.45]])
    gallery = torch.tensor([[0.1], [0.5], [0.4], [3.0]])
    table = mean_ap_by_camera(
        query,
        gallery,
        torch.tensor([1, 1]),
        torch.tensor([2, 1, 1, 2]),
        torch.tensor([0, 1]),
        torch.tensor([1, 1, 0, 0]),
    )
    assert math.isnan(table[0, 0])
    assert math.isnan(table[1, 1])
    assert table[0, 1] == 0.5
    assert table[1, 0] == 1.0


def test_cameras_that_share_nobody_are_nan():
    table = mean_ap_by_camera(
        torch.zeros(1, 2), torch.ones(1, 2), torch.tensor([1]), torch.tensor([2]), torch.tensor([0]), torch.tensor([1])
    )
    assert torch.isnan(table).all()


def test_one_gallery_camera_equals_the_whole_evaluation(generator):
    query, gallery = torch.randn(6, 4, generator=generator), torch.randn(30, 4, generator=generator)
    query_pid, gallery_pid = torch.arange(6) % 3, torch.arange(30) % 5
    query_camid, gallery_camid = torch.zeros(6, dtype=torch.int64), torch.ones(30, dtype=torch.int64)
    whole = evaluate_embeddings(query, gallery, query_pid, gallery_pid, query_camid, gallery_camid, metric="cosine")
    table = mean_ap_by_camera(query, gallery, query_pid, gallery_pid, query_camid, gallery_camid, metric="cosine")
    assert table[0, 1] == whole.mean_ap
