from __future__ import annotations

import dataclasses

import pytest
import torch
from torch.nn import functional as F

from whyreid.training import Augmentation
from whyreid.training.augmentation import augment, erase, shift_and_flip

NOTHING = Augmentation(flip=0.0, padding=0, erase=0.0)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_switched_off_it_changes_nothing(generator):
    images = torch.randn(4, 3, 16, 8, generator=generator)
    assert torch.equal(augment(images, NOTHING, generator=generator), images)


def test_a_certain_flip_mirrors_every_picture(generator):
    images = torch.randn(4, 3, 16, 8, generator=generator)
    flipped = augment(images, dataclasses.replace(NOTHING, flip=1.0), generator=generator)
    assert torch.equal(flipped, images.flip(3))


def test_each_picture_is_one_of_the_crops_of_its_padded_self_mirrored_or_not(generator):
    images = torch.randn(32, 3, 6, 4, generator=generator)
    changed = shift_and_flip(images, Augmentation(padding=2), generator=generator)
    found = set()
    for image, result in zip(F.pad(images, (2,) * 4), changed, strict=True):
        crops = {(y, x, m): image[:, y : y + 6, x : x + 4] for y in range(5) for x in range(5) for m in (0, 1)}
        matches = [k for k, crop in crops.items() if torch.equal(crop.flip(2) if k[2] else crop, result)]
        assert len(matches) == 1
        found.update(matches)
    assert len(found) > 15  # of 50: pictures are decided one by one


def test_the_erased_part_is_one_rectangle_of_the_share_and_shape_asked_for():
    images = torch.ones(400, 3, 64, 32)
    erased = erase(images, Augmentation(erase=0.5), generator=seeded()) == 0
    assert torch.equal(erased[:, 0], erased[:, 1])
    shares, some = erased[:, 0].float().mean(dim=(1, 2)), erased[:, 0].any(dim=2).any(dim=1)
    assert 0.4 < some.float().mean() < 0.6
    for mask in erased[some, 0]:
        rows, columns = mask.any(dim=1), mask.any(dim=0)
        assert torch.equal(mask, rows[:, None] & columns[None, :])
        assert rows.nonzero().flatten().diff().eq(1).all()
        assert columns.nonzero().flatten().diff().eq(1).all()
        assert 0.25 < rows.sum() / columns.sum() < 4.0
    assert shares[some].min() > 0.01
    assert shares[some].max() < 0.42
    assert shares[some].mean().item() == pytest.approx(0.2, abs=0.04)


def test_rectangles_that_cannot_fit_erase_nothing(generator):
    images = torch.ones(8, 3, 40, 2)
    wide = Augmentation(erase=1.0, erase_area=(0.9, 0.95), erase_aspect=0.999)
    assert torch.equal(erase(images, wide, generator=generator), images)


def test_the_generator_decides_everything():
    images = torch.randn(8, 3, 16, 8, generator=seeded(1))
    a, b, other = (augment(images, Augmentation(), generator=seeded(s)) for s in (3, 3, 4))
    assert torch.equal(a, b)
    assert not torch.equal(a, other)


def test_every_device_gives_the_same_pictures(device):
    images = torch.randn(8, 3, 16, 8, generator=seeded(1))
    here = augment(images, Augmentation(colour=0.3), generator=seeded(3))
    there = augment(images.to(device), Augmentation(colour=0.3), generator=seeded(3))
    assert there.device.type == device.type
    torch.testing.assert_close(there.cpu(), here)


def test_any_memory_format_gives_the_same_pictures():
    images = torch.randn(8, 3, 16, 8, generator=seeded(1))
    last = images.contiguous(memory_format=torch.channels_last)
    assert torch.equal(*(augment(x, Augmentation(), generator=seeded(3)) for x in (images, last)))
