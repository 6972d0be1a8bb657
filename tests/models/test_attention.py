from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from whyreid.models.attention import AttributeDecompositionHead, attention_activation


def test_activation_and_its_slope_equal_the_original(vectors):
    case = vectors("amd_attention_activation")
    x = torch.from_numpy(case["x"]).requires_grad_()
    y = attention_activation(x)
    y.sum().backward()
    torch.testing.assert_close(y.detach(), torch.from_numpy(case["y"]), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(x.grad, torch.from_numpy(case["dy_dx"]), rtol=2e-3, atol=1e-6)


def test_hand_worked_values():
    x = torch.tensor([-math.log(4), 0.0, 8.0], dtype=torch.float64)
    assert attention_activation(x).tolist() == pytest.approx([0.25, 1.0, 3.0])


def test_activation_is_positive_and_increasing_and_keeps_the_digits_of_small_values():
    x = torch.linspace(-80, 1000, 20001)
    y = attention_activation(x)
    assert bool((y > 0).all())
    assert bool((y.diff() > 0).all())
    assert y[0].item() == pytest.approx(math.exp(-80), rel=1e-5)


def test_slopes_are_finite_at_extremes():
    x = torch.tensor([-1e4, -0.0, 0.0, 1e4, 3e38]).requires_grad_()
    attention_activation(x).sum().backward()
    assert bool(x.grad.isfinite().all())
    assert x.grad[1:3].tolist() == [0.5, 0.5]


def test_gradient_agrees_with_differences():
    x = torch.tensor([-3.0, -0.5, 0.5, 4.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(attention_activation, (x,))


def test_head_is_linear_and_has_no_bias():
    head = AttributeDecompositionHead(6, 4, hidden_channels=5)
    x = torch.randn(2, 6, 4, 3)
    assert head(x).shape == (2, 4, 4, 3)
    torch.testing.assert_close(head(2 * x), 2 * head(x))
    torch.testing.assert_close(head(torch.zeros_like(x)), torch.zeros(2, 4, 4, 3))


@pytest.mark.parametrize(("value", "message"), [(np.zeros(3), "from_numpy"), ([0.0], "as_tensor")])
def test_anything_but_a_tensor_is_refused_with_the_fix(value, message):
    with pytest.raises(TypeError, match=message):
        attention_activation(value)


def test_integers_are_refused():
    with pytest.raises(TypeError, match="floating-point"):
        attention_activation(torch.tensor([1, 2]))
