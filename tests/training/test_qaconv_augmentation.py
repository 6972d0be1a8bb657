"""How QAConv varies pictures: in range, by the generator alone, each step as its range says."""

from __future__ import annotations

import pytest
import torch

from whyreid.training.qaconv_augmentation import (
    ColourJitter,
    QAConvAugmentation,
    cover,
    jitter_colours,
    turn,
    vary_pictures,
)


def drawn(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(count: int = 6) -> torch.Tensor:
    return torch.rand(count, 3, 32, 16, generator=drawn(7))


def test_the_generator_decides_everything_and_nothing_leaves_the_range():
    images = pictures()
    kept = images.clone()
    varied = vary_pictures(images, QAConvAugmentation(), generator=drawn())
    assert torch.equal(varied, vary_pictures(images, QAConvAugmentation(), generator=drawn()))
    assert not torch.equal(varied, vary_pictures(images, QAConvAugmentation(), generator=drawn(1)))
    assert torch.equal(images, kept)
    assert varied.min() >= 0
    assert varied.max() <= 1


def test_nothing_changes_when_everything_is_off():
    off = QAConvAugmentation(padding=0, flip=0.0, rotation=0.0, colours=None, square=None)
    assert torch.equal(vary_pictures(pictures(), off, generator=drawn()), pictures())


def test_each_picture_gets_one_white_square_inside_the_published_range():
    covered = cover(torch.zeros(200, 3, 32, 16), (0.0, 0.8), generator=drawn())
    assert set(covered.unique().tolist()) == {0.0, 1.0}
    white = covered[:, 0].bool()
    tall, wide = white.any(dim=2).sum(dim=1), white.any(dim=1).sum(dim=1)
    assert torch.equal(tall, wide)
    assert torch.equal(white.sum(dim=(1, 2)), tall * wide)
    assert (int(tall.min()), int(tall.max())) == (1, 11)  # from 1 to below 0.8 x 16 = 12


def test_jitter_of_no_width_changes_nothing_and_brightness_scales():
    still = ColourJitter((1.0, 1.0), (1.0, 1.0), (1.0, 1.0), (0.0, 0.0))
    torch.testing.assert_close(jitter_colours(pictures(), still, generator=drawn()), pictures(), atol=1e-5, rtol=0)
    half = ColourJitter((0.5, 0.5), (1.0, 1.0), (1.0, 1.0), (0.0, 0.0))
    torch.testing.assert_close(jitter_colours(pictures(), half, generator=drawn()), pictures() / 2, atol=1e-5, rtol=0)


def test_rotation_leaves_the_middle_and_blackens_corners():
    turned = turn(torch.ones(50, 3, 33, 17), 5.0, generator=drawn())
    assert bool((turned[:, :, 16, 8] == 1).all())
    assert bool((turned[:, :, 0, 0] == 0).any())


def test_normalised_pictures_are_refused():
    with pytest.raises(ValueError, match=r"images must lie in 0\.\.1, .*normalise after the augmentation"):
        vary_pictures(pictures() - 0.5, QAConvAugmentation(), generator=drawn())
