from __future__ import annotations

import pytest
import torch

from whyreid.models.colour_histogram import stripe_colour_histogram


def test_two_stripes_of_one_colour_each_fill_one_bin_each():
    image = torch.zeros(1, 3, 4, 2)
    image[:, 0, 2:] = 1.0  # the lower half is red
    histogram = stripe_colour_histogram(image, stripes=2, bins=2)[0]
    # upper stripe: black = bin 0; lower stripe: red = bin 4 of its eight; each holds half of the mass
    expected = torch.zeros(16)
    expected[0] = expected[8 + 4] = 0.5**0.5
    torch.testing.assert_close(histogram, expected)


def test_rows_have_length_one_for_any_height(generator):
    images = torch.rand(3, 3, 13, 5, generator=generator)
    lengths = stripe_colour_histogram(images, stripes=8).norm(dim=1)
    torch.testing.assert_close(lengths, torch.ones(3))


def test_bytes_and_fractions_agree(generator):
    pixels = torch.randint(0, 256, (2, 3, 16, 8), generator=generator, dtype=torch.uint8)
    torch.testing.assert_close(stripe_colour_histogram(pixels), stripe_colour_histogram(pixels.float() / 255))


def test_moving_a_pixel_inside_its_stripe_changes_nothing(generator):
    images = torch.rand(2, 3, 16, 8, generator=generator)
    torch.testing.assert_close(stripe_colour_histogram(images), stripe_colour_histogram(images.flip(3)))


@pytest.mark.parametrize(
    ("images", "message"), [(torch.zeros(3, 8, 4), "B, 3, H, W"), (-torch.ones(1, 3, 8, 4), "0, 1")]
)
def test_bad_input_is_named(images, message):
    with pytest.raises(ValueError, match=message):
        stripe_colour_histogram(images)
