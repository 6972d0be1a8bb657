"""From files to tensors: decode and resize the pictures of a table, once when they fit in memory.

Pedestrian pictures are small (a 128x64 picture is 24 kB as bytes), so a whole training set usually fits in memory as
uint8 and is decoded once; a set that does not fit is decoded again in every pass by a few threads. Both give the same
numbers, and nothing random happens here: augmentation is applied to whole batches later, so the number of threads
never changes a result. Threads (not processes) need no pickling and behave alike on Linux, macOS and Windows; the
decoder releases Python's lock.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms import InterpolationMode, v2
from tqdm import tqdm

if TYPE_CHECKING:
    from whyreid.data.table import ReIDTable

MEMORY_LIMIT = 4 * 2**30
_FETCH_THREADS = min(16, os.cpu_count() or 1)


def read_image(path: Path) -> Image.Image:
    """One picture as RGB.

    Args:
        path: any format that Pillow reads; grey, palette and transparent pictures become RGB.

    Raises:
        ValueError: the file is missing, empty, truncated or no picture.
    """
    try:
        with Image.open(path) as picture:
            return picture.convert("RGB")
    except (OSError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise ValueError(
            f"{path} cannot be read as a picture ({type(error).__name__}: {error}); "
            "replace the file or remove its row from images.csv."
        ) from error


def resize_transform(size: tuple[int, int]) -> Callable[[Image.Image], Tensor]:
    """Picture -> uint8 tensor [3, height, width], bilinear with antialiasing; can be pickled.

    Args:
        size: (height, width) in pixels.
    """
    resize = v2.Resize(list(size), interpolation=InterpolationMode.BILINEAR, antialias=True)
    return v2.Compose([resize, v2.PILToTensor()])


class ImageDataset(Dataset[tuple[Any, int]]):
    """The pictures of a table in its row order: ``dataset[row] -> (transform(picture), row)``.

    Args:
        table: a table; only ``image_paths()`` is used.
        transform: maps a PIL picture (RGB) to what the model takes, for example ``resize_transform((128, 64))``.

    Example:
        ``DataLoader(ImageDataset(table, resize_transform((256, 128))), batch_size=64)``
    """

    def __init__(self, table: ReIDTable, transform: Callable[[Image.Image], Any]) -> None:
        self.paths = [Path(path) for path in table.image_paths()]
        self.transform = transform

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.paths)

    def __getitem__(self, row: int) -> tuple[Any, int]:
        return self.transform(read_image(self.paths[row])), int(row)


class ImageStore:
    """Resized uint8 pictures of a table by row number, kept in memory when they fit.

    Args:
        table: the table whose pictures are wanted.
        size: (height, width) in pixels.
        memory_limit: bytes; at or below it every picture is decoded at the start, above it at each request.
        progress: show a bar while decoding at the start.

    Raises:
        ValueError: a picture cannot be read (at the start, when everything is decoded there).

    Cost: 3 * height * width bytes a picture; decoding takes about 0.3 ms a picture and thread.
    """

    def __init__(
        self,
        table: ReIDTable,
        size: tuple[int, int],
        *,
        memory_limit: int = MEMORY_LIMIT,
        progress: bool = False,
    ) -> None:
        self.dataset = ImageDataset(table, resize_transform(size))
        self.size = size
        self.in_memory = len(self.dataset) * 3 * size[0] * size[1] <= memory_limit
        self._images = self._decode(range(len(self.dataset)), progress) if self.in_memory else None

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self.dataset)

    def fetch(self, rows: Tensor) -> Tensor:
        """Pictures of the given rows: [B] int64 -> uint8 [B, 3, height, width], RGB."""
        return self._decode(rows.tolist()) if self._images is None else self._images[rows]

    def batches(self, rows_of_batches: Iterable[Tensor]) -> Iterator[Tensor]:
        """Pictures batch after batch; when decoding each time, the next batch is decoded while this one is used."""
        if self._images is not None:
            yield from map(self.fetch, rows_of_batches)
            return
        with ThreadPoolExecutor(1) as ahead:
            waiting = None
            for rows in rows_of_batches:
                started, waiting = waiting, ahead.submit(self.fetch, rows)
                if started is not None:
                    yield started.result()
            if waiting is not None:
                yield waiting.result()

    def _decode(self, rows: Iterable[int], progress: bool = False) -> Tensor:
        rows = list(rows)
        images = torch.empty(len(rows), 3, *self.size, dtype=torch.uint8)

        def place(position: int) -> None:
            images[position] = self.dataset[rows[position]][0]

        with ThreadPoolExecutor(_FETCH_THREADS) as pool:
            done = pool.map(place, range(len(rows)))
            for _ in tqdm(done, total=len(rows), desc="decode", unit="img", disable=not progress):
                pass
        return images
