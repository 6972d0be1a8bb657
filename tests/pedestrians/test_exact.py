from __future__ import annotations

import math

import pytest
import torch

from whyreid.pedestrians.exact import (
    bump,
    cosine,
    cross,
    dot,
    hash_bits,
    hash_unit,
    sine,
    smoothstep,
    unit,
    value_noise,
)


def test_sine_and_cosine_agree_with_the_library_to_five_decimals() -> None:
    turns = torch.linspace(-3, 3, 2001, dtype=torch.float64)
    assert (sine(turns) - torch.sin(2 * math.pi * turns)).abs().max() < 5e-6
    assert (cosine(turns) - torch.cos(2 * math.pi * turns)).abs().max() < 5e-6


def test_bump_is_one_at_its_centre_and_zero_beyond_its_width_in_every_period() -> None:
    turns = torch.tensor([0.9, 1.9, -0.1, 0.9 + 0.11, 0.4])
    assert bump(turns, 0.9, 0.2).tolist() == pytest.approx([1.0, 1.0, 1.0, 0.0, 0.0], abs=1e-5)


def test_vectors_agree_with_torch() -> None:
    a, b = torch.randn(2, 50, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.allclose(cross(a, b), torch.linalg.cross(a, b))
    assert torch.allclose(dot(a, b), (a * b).sum(-1))
    assert torch.allclose(unit(a).norm(dim=-1), torch.ones(50, dtype=torch.float64))
    assert unit(torch.zeros(3)).tolist() == [0.0, 0.0, 0.0]


def test_smoothstep_is_flat_outside_and_half_in_the_middle() -> None:
    assert smoothstep(torch.tensor([-1.0, 0.0, 0.5, 1.0, 2.0]), 0.0, 1.0).tolist() == [0.0, 0.0, 0.5, 1.0, 1.0]


def test_hash_is_even_and_neighbours_seeds_and_axes_are_unrelated() -> None:
    i, j = torch.arange(300).view(-1, 1), torch.arange(300)
    first, second = hash_unit(i, j, torch.tensor(5)), hash_unit(i, j, torch.tensor(6))
    assert first.mean() == pytest.approx(0.5, abs=0.005)
    assert first.std() == pytest.approx(1 / math.sqrt(12), abs=0.005)
    assert 0 <= first.min() < 0.001
    assert 0.999 < first.max() < 1
    related = [(first, second), (first[:, 1:], first[:, :-1]), (first[1:], first[:-1]), (first, first.T)]
    for one, other in related:
        assert abs(torch.corrcoef(torch.stack((one.flatten(), other.flatten())))[0, 1]) < 0.02


def test_hash_does_not_depend_on_the_shape_it_is_asked_in() -> None:
    numbers = torch.arange(10_007)
    whole = hash_bits(numbers, torch.tensor(3))
    assert all(int(whole[k]) == int(hash_bits(torch.tensor(k), torch.tensor(3))) for k in (0, 1, 63, 4096, 10_006))
    assert torch.equal(whole[17:4000], hash_bits(numbers[17:4000], torch.tensor(3)))


def test_noise_meets_its_lattice_is_smooth_and_closes_around_a_period() -> None:
    seed, period = torch.tensor(9), torch.tensor(6)
    x = torch.arange(0, 13, dtype=torch.float32)
    assert torch.equal(value_noise(x, x * 0, seed), hash_unit(x.long(), torch.zeros(13, dtype=torch.long), seed))
    fine = torch.linspace(0, 12, 2401)
    steps = value_noise(fine, fine * 0 + 0.3, seed).diff().abs()
    assert steps.max() < 0.02
    closed = value_noise(fine, fine * 0 + 0.3, seed, period=period)
    assert torch.allclose(closed[:1200], closed[1200:-1], atol=1e-5)
