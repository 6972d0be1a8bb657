from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from whyreid.pedestrians.jpeg import jpeg_round_trip, quantisation_tables


@pytest.fixture
def picture(generator: torch.Generator) -> torch.Tensor:
    """Smooth shapes, edges and grain, [1, 3, 64, 48]."""
    rows, columns = torch.meshgrid(torch.arange(64.0), torch.arange(48.0), indexing="ij")
    base = torch.stack((rows * 3, 255 - columns * 4, 128 + 80 * torch.sin(rows / 5 + columns / 9)))
    base[:, 20:40, 10:30] = torch.tensor([200.0, 40.0, 60.0]).view(3, 1, 1)
    return (base + 6 * torch.randn(3, 64, 48, generator=generator)).round().clamp(0, 255).unsqueeze(0)


def by_pillow(picture: torch.Tensor, quality: int) -> torch.Tensor:
    file = io.BytesIO()
    array = picture[0].permute(1, 2, 0).to(torch.uint8).numpy()
    Image.fromarray(array).save(file, format="JPEG", quality=quality, subsampling="4:2:0")
    return torch.from_numpy(np.array(Image.open(file)).copy()).permute(2, 0, 1).unsqueeze(0).float()


@pytest.mark.parametrize("quality", [30, 60, 85])
def test_losses_are_those_of_a_codec(picture: torch.Tensor, quality: int) -> None:
    # Grey pictures have no chroma: all that differs is the rounding of the codec's integer transform.
    grey = picture[:, :1].expand(-1, 3, -1, -1)
    ours, theirs = jpeg_round_trip(grey, torch.tensor([quality])), by_pillow(grey, quality)
    assert (ours - theirs).abs().mean() < 0.1 * (theirs - grey).abs().mean()
    # In colour the codec smooths the chroma that it enlarges and we repeat it; the luma stays the same.
    ours, theirs = jpeg_round_trip(picture, torch.tensor([quality])), by_pillow(picture, quality)
    weights = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    assert ((ours - theirs) * weights).sum(dim=1).abs().mean() < 0.6
    assert (ours - theirs).abs().mean() < 0.7 * (theirs - picture).abs().mean()


def test_tables_are_those_that_a_codec_writes() -> None:
    for quality in (20, 50, 75, 95):
        file = io.BytesIO()
        Image.new("RGB", (8, 8)).save(file, format="JPEG", quality=quality)
        written = Image.open(file).quantization
        luminance, chrominance = quantisation_tables(torch.tensor([quality], dtype=torch.float64))
        assert sorted(written[0]) == sorted(luminance[0].flatten().int().tolist())
        assert sorted(written[1]) == sorted(chrominance[0].flatten().int().tolist())


def test_best_quality_changes_greys_by_at_most_rounding(picture: torch.Tensor) -> None:
    grey = picture[:, :1].expand(-1, 3, -1, -1)
    assert (jpeg_round_trip(grey, torch.tensor([100])) - grey).abs().max() <= 2


def test_a_flat_picture_stays_flat() -> None:
    flat = torch.full((1, 3, 20, 12), 131.0)
    assert jpeg_round_trip(flat, torch.tensor([40])).unique().numel() == 1


def test_each_picture_has_its_own_quality_whatever_the_batch(picture: torch.Tensor) -> None:
    both = jpeg_round_trip(picture.repeat(2, 1, 1, 1), torch.tensor([20, 90]))
    assert torch.equal(both[:1], jpeg_round_trip(picture, torch.tensor([20])))
    assert torch.equal(both[1:], jpeg_round_trip(picture, torch.tensor([90])))
    assert not torch.equal(both[0], both[1])
