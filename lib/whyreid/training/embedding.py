"""Embeddings of every picture of a table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from whyreid.data.loading import ImageStore
from whyreid.data.table import ReIDTable
from whyreid.models.cutting import restore_training_flags, training_flags
from whyreid.models.target import TargetModel
from whyreid.training.device import resolve_device


def embed_images(
    model: TargetModel,
    table: ReIDTable,
    *,
    device: str | torch.device = "auto",
    batch_size: int = 128,
    flip: bool = True,
    progress: bool = False,
) -> Tensor:
    """Embed every picture of a table, in its row order, in float32.

    Args:
        model: any target; used in evaluation mode, then its training flag and device are restored.
        table: the pictures; they are resized to ``model.image_input``.
        device: "auto", "cpu", "cuda", ...
        batch_size: pictures at a time; bounds the memory.
        flip: average the embeddings of each picture and of its mirror image (scaled to length one again when the model
            normalises).
        progress: show a bar.

    Returns:
        [N, D] float32 on the CPU, to be compared by ``model.distance``.

    Raises:
        ValueError: a picture cannot be read, or embeddings are not finite (their pictures are named).

    Cost: one forward pass a picture, two with ``flip``.
    """
    store = ImageStore(table, model.image_input.size, memory_limit=0)
    rows = torch.arange(len(store)).split(batch_size)
    parts = []
    with _evaluating(model, resolve_device(device)) as place, torch.inference_mode():
        for images in tqdm(store.batches(rows), total=len(rows), desc="embed", unit="batch", disable=not progress):
            parts.append(embed_batch(model, model.image_input.prepare(images.to(place)), flip=flip).cpu())
    embeddings = torch.cat(parts)
    wrong = torch.nonzero(~embeddings.isfinite().all(dim=1)).flatten().tolist()
    if wrong:
        names = [str(store.dataset.paths[row]) for row in wrong[:5]]
        raise ValueError(f"{len(wrong)} embeddings are not finite, the first of {names}; train the model again.")
    return embeddings


def embed_batch(model: TargetModel, images: Tensor, *, flip: bool) -> Tensor:
    """[B, 3, H, W] normalised pictures -> [B, D] float32; with ``flip`` the mean with the mirror images."""
    embedding = model(images).embedding.float()
    if not flip:
        return embedding
    mean = (embedding + model(images.flip(3)).embedding.float()) / 2
    return F.normalize(mean, dim=1) if model.normalise else mean


@contextmanager
def _evaluating(model: TargetModel, device: torch.device) -> Iterator[torch.device]:
    """Evaluation mode on a device; both are restored at the end, also after an error."""
    flags = training_flags(model)
    parameter = next(model.parameters(), None)
    before = device if parameter is None else parameter.device
    try:
        model.eval().to(device)
        yield device
    finally:
        restore_training_flags(model.to(before), flags)
