from __future__ import annotations

import pytest
import torch

from whyreid.models import GeneralizedMeanPooling
from whyreid.models.pooling import generalized_mean


def slow_generalized_mean(x: torch.Tensor, p: float, eps: float) -> torch.Tensor:
    pooled = torch.zeros(x.shape[:2], dtype=x.dtype)
    for b in range(x.shape[0]):
        for c in range(x.shape[1]):
            values = [max(float(v), eps) ** p for v in x[b, c].flatten()]
            pooled[b, c] = (sum(values) / len(values)) ** (1 / p)
    return pooled


@pytest.mark.parametrize("p", [1.0, 3.0, 6.5])
def test_values_and_gradients_agree_with_the_original(vectors, p):
    original = {key: torch.from_numpy(value) for key, value in vectors("agw_bot_pieces").items()}
    x = original["gem_in"].clone().requires_grad_()
    pooling = GeneralizedMeanPooling(p)
    pooled = pooling(x)
    torch.testing.assert_close(pooled, original[f"gem_p{p}"].flatten(1), rtol=1e-4, atol=1e-5)
    pooled.sum().backward()
    torch.testing.assert_close(pooling.p.grad, original[f"gem_p{p}_grad_p"], rtol=2e-3, atol=2e-3)
    torch.testing.assert_close(x.grad, original[f"gem_p{p}_grad_x"], rtol=2e-3, atol=2e-3)


def test_it_equals_the_slow_loop(generator):
    x = torch.randn(2, 3, 5, 4, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(generalized_mean(x, 2.5, eps=1e-3), slow_generalized_mean(x, 2.5, 1e-3))


def test_one_is_the_mean_and_a_large_exponent_the_maximum(generator):
    x = torch.rand(2, 3, 6, 2, generator=generator, dtype=torch.float64) + 0.5
    torch.testing.assert_close(generalized_mean(x, 1.0), x.mean(dim=(2, 3)))
    torch.testing.assert_close(generalized_mean(x, 500.0), x.amax(dim=(2, 3)), rtol=1e-2, atol=0)


def test_it_scales_with_the_map(generator):
    x = torch.rand(2, 3, 6, 2, generator=generator) + 0.1
    torch.testing.assert_close(generalized_mean(7 * x, 3.0), 7 * generalized_mean(x, 3.0))


def test_the_exponent_is_learnable_and_moves():
    pooling = GeneralizedMeanPooling()
    assert pooling.p.item() == 3.0
    pooling(torch.rand(2, 3, 4, 4)).sum().backward()
    assert pooling.p.grad.abs().item() > 0
    assert "p=3.000" in repr(pooling)


def test_a_map_that_is_zero_everywhere_stays_finite():
    x = torch.zeros(1, 2, 3, 3, requires_grad=True)
    pooling = GeneralizedMeanPooling()
    pooling(x).sum().backward()
    assert x.grad.isfinite().all()
    assert pooling.p.grad.isfinite().all()


def test_tokens_are_refused_with_the_fix():
    with pytest.raises(ValueError, match=r"\[B, C, h, w\], got \[2, 17, 8\].*TokenGrid"):
        GeneralizedMeanPooling()(torch.zeros(2, 17, 8))
