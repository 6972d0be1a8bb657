from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from whyreid.models import attribute_distances


def test_hand_worked_distances():
    query = torch.tensor([[[0.0, 0.0], [1.0, 1.0]]])
    gallery = torch.tensor([[[3.0, 4.0], [1.0, 1.0]], [[0.0, 2.0], [1.0, 2.0]]])
    expected = torch.tensor([[[5.0, 0.0], [2.0, 1.0]]])
    torch.testing.assert_close(attribute_distances(query, gallery), expected, rtol=1e-6, atol=2e-3)


def test_distances_equal_a_loop_far_from_the_origin(generator):
    query = torch.randn(3, 4, 8, generator=generator) + 100
    gallery = torch.randn(5, 4, 8, generator=generator) + 100
    expected = torch.empty(3, 5, 4)
    for q in range(3):
        for g in range(5):
            for k in range(4):
                expected[q, g, k] = math.dist(query[q, k].tolist(), gallery[g, k].tolist())
    torch.testing.assert_close(attribute_distances(query, gallery), expected, rtol=1e-4, atol=1e-4)


def test_distance_of_identical_embeddings_has_a_finite_gradient():
    query = torch.ones(2, 3, 4, requires_grad=True)
    attribute_distances(query, query).sum().backward()
    assert bool(query.grad.isfinite().all())


def test_distances_of_other_shapes_are_refused():
    with pytest.raises(ValueError, match="share attributes and dimensions"):
        attribute_distances(torch.rand(2, 3, 4), torch.rand(2, 4, 4))
    with pytest.raises(ValueError, match=r"query must be \[N, A, D\]"):
        attribute_distances(torch.rand(2, 4), torch.rand(2, 4, 4))
    with pytest.raises(TypeError, match="from_numpy"):
        attribute_distances(torch.rand(2, 3, 4), np.zeros((2, 3, 4)))
