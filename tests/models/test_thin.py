from __future__ import annotations

import torch

from whyreid.models import thin_network


def test_it_has_a_map_of_16_by_8_and_less_than_a_million_parameters():
    target = thin_network()
    output = target(torch.zeros(2, 3, 128, 64))
    assert output.feature_map.shape[2:] == (16, 8)
    assert sum(parameter.numel() for parameter in target.parameters()) < 1_000_000
    assert target.image_input.size == (128, 64)


def test_the_seed_decides_the_weights_and_leaves_the_callers_random_state_alone():
    before = torch.get_rng_state()
    a, again, other = thin_network(seed=1), thin_network(seed=1), thin_network(seed=2)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(p, q) for p, q in zip(a.parameters(), again.parameters(), strict=True))
    assert not torch.equal(next(a.parameters()), next(other.parameters()))


def test_it_can_be_cut_after_each_stage():
    target = thin_network(widths=(4, 6, 8, 10), depths=(1, 2, 1)).eval()
    image = torch.randn(2, 3, 32, 16)
    for node in ("stem", "stage1", "stage2", "stage2.0"):
        early, late = target.cut(node)
        torch.testing.assert_close(late(early(image)), target(image).feature_map)


def test_other_sizes_of_pictures_are_fine():
    target = thin_network(widths=(4, 6, 8, 10), depths=(1, 1, 1), image_size=(96, 32))
    assert target.eval()(torch.zeros(1, 3, 96, 32)).feature_map.shape == (1, 10, 12, 4)


def test_every_parameter_gets_a_gradient_except_the_frozen_shift():
    target = thin_network(widths=(4, 6, 8, 10), depths=(1, 1, 1))
    target(torch.randn(4, 3, 32, 16)).embedding.square().sum().backward()
    without = [name for name, parameter in target.named_parameters() if parameter.grad is None]
    assert without == ["neck.bias"]
