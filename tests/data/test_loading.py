from __future__ import annotations

import pickle
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from whyreid.data.loading import ImageDataset, ImageStore, read_image, resize_transform


def folder_of(paths: list[Path]) -> SimpleNamespace:
    """The part of a table that loading looks at."""
    return SimpleNamespace(image_paths=lambda: paths)


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """Seven noisy pictures of different sizes."""
    noise, paths = np.random.default_rng(0), []
    for number in range(7):
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(noise.integers(0, 256, (24 + number, 13, 3), dtype=np.uint8)).save(paths[-1])
    return paths


@pytest.mark.parametrize(("mode", "colour", "seen"), [("L", 7, (7, 7, 7)), ("RGBA", (9, 8, 7, 0), (9, 8, 7))])
def test_grey_and_transparent_pictures_become_rgb(tmp_path, mode, colour, seen):
    Image.new(mode, (2, 3), colour).save(tmp_path / "x.png")
    picture = read_image(tmp_path / "x.png")
    assert (picture.mode, picture.size, picture.getpixel((0, 0))) == ("RGB", (2, 3), seen)


def test_palette_pictures_become_rgb(tmp_path):
    Image.new("RGB", (2, 3), (255, 0, 0)).convert("P").save(tmp_path / "x.png")
    assert read_image(tmp_path / "x.png").getpixel((1, 2)) == (255, 0, 0)


def test_unreadable_pictures_are_named(tmp_path, pictures):
    broken = tmp_path / "broken.png"
    broken.write_bytes(pictures[0].read_bytes()[:200])
    no_picture = tmp_path / "text.jpg"
    no_picture.write_text("not a picture")
    empty = tmp_path / "empty.jpg"
    empty.touch()
    for path in (broken, no_picture, empty, tmp_path / "absent.jpg"):
        with pytest.raises(ValueError, match=rf"{path.name} cannot be read as a picture .*images\.csv"):
            read_image(path)


def test_pictures_are_resized_to_height_by_width_as_rgb_bytes(tmp_path):
    Image.new("RGB", (10, 40), (1, 2, 3)).save(tmp_path / "x.png")
    image = resize_transform((16, 8))(read_image(tmp_path / "x.png"))
    assert image.shape == (3, 16, 8)
    assert image.dtype == torch.uint8
    assert image[:, 5, 5].tolist() == [1, 2, 3]


def test_the_dataset_gives_picture_and_row_and_can_be_pickled(pictures):
    dataset = pickle.loads(pickle.dumps(ImageDataset(folder_of(pictures), resize_transform((16, 8)))))
    image, row = dataset[5]
    assert len(dataset) == 7
    assert row == 5
    assert torch.equal(image, resize_transform((16, 8))(read_image(pictures[5])))


def test_decoding_each_time_gives_the_same_bytes_as_memory(pictures):
    kept = ImageStore(folder_of(pictures), (16, 8))
    streamed = ImageStore(folder_of(pictures), (16, 8), memory_limit=7 * 3 * 16 * 8 - 1)
    assert kept.in_memory
    assert not streamed.in_memory
    rows = [torch.tensor([4, 0, 4]), torch.tensor([6]), torch.tensor([1, 2])]
    for a, b, expected in zip(kept.batches(rows), streamed.batches(rows), rows, strict=True):
        assert a.shape == (len(expected), 3, 16, 8)
        assert torch.equal(a, b)
        assert torch.equal(a[0], kept.dataset[int(expected[0])][0])


@pytest.mark.parametrize("memory_limit", [0, 10**9])
def test_no_batches_give_nothing(pictures, memory_limit):
    assert list(ImageStore(folder_of(pictures), (16, 8), memory_limit=memory_limit).batches([])) == []


def test_a_broken_picture_stops_before_the_training_when_all_are_decoded_at_the_start(pictures):
    pictures[3].write_bytes(b"")
    with pytest.raises(ValueError, match=r"3\.png cannot be read"):
        ImageStore(folder_of(pictures), (16, 8))
    streamed = ImageStore(folder_of(pictures), (16, 8), memory_limit=0)
    with pytest.raises(ValueError, match=r"3\.png cannot be read"):
        list(streamed.batches([torch.tensor([0]), torch.tensor([3])]))
