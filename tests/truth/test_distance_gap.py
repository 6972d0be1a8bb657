from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from whyreid.truth import relative_gap


@pytest.mark.parametrize("pooling", ["gempool", "fastavgpool"])
def test_equals_the_original(pooling, vectors):
    """There the gap is taken over a batch of 8 with itself; the diagonal counts with 1e-9 over its rounding noise."""
    case = vectors(f"amd_head_loop_and_losses_{pooling}")
    off = ~torch.eye(8, dtype=torch.bool)
    distances, parts = (torch.from_numpy(case[name])[off] for name in ("dist_real", "dist_att"))
    gap = relative_gap(distances[None], parts.mean(dim=1)[None])
    diagonal = (1e-9 / torch.from_numpy(case["dist_real"]).diagonal()).sum().item() / 64
    assert 100 * (gap * 56 / 64 + diagonal) == pytest.approx(float(case["gap_real_fake_percent"]), rel=1e-5)


def test_equals_a_loop(generator):
    distmat, explained = torch.rand(2, 4, 5, generator=generator) + 0.1
    pairs = [abs(d - e) / d for d, e in zip(distmat.flatten().tolist(), explained.flatten().tolist(), strict=True)]
    assert relative_gap(distmat, explained) == pytest.approx(sum(pairs) / len(pairs), rel=1e-6)


def test_uniform_explanation_has_no_gap(generator):
    distmat = torch.rand(4, 5, generator=generator)
    assert relative_gap(distmat, distmat[:, :, None].expand(-1, -1, 26).mean(dim=2)) == pytest.approx(0, abs=1e-6)


def test_pairs_at_distance_zero_are_left_out():
    assert relative_gap(torch.tensor([[0.0, 2.0]]), torch.tensor([[1.0, 3.0]])) == 0.5
    assert math.isnan(relative_gap(torch.zeros(2, 2), torch.ones(2, 2)))


def test_wrong_input_is_refused_with_the_fix():
    with pytest.raises(TypeError, match=r"torch\.from_numpy\(distmat\)"):
        relative_gap(np.ones((2, 2)), torch.ones(2, 2))
    with pytest.raises(ValueError, match=r"explained_distmat must be \[2, 2\]"):
        relative_gap(torch.ones(2, 2), torch.ones(2, 3))
    with pytest.raises(ValueError, match="pass distances, not similarities"):
        relative_gap(-torch.ones(2, 2), torch.ones(2, 2))
