"""The maps that QAConv matches, of every picture of a table."""

from __future__ import annotations

import torch
from torch import Tensor
from tqdm import tqdm

from whyreid.data.loading import ImageStore
from whyreid.data.table import ReIDTable
from whyreid.models.qaconv_features import QAConvModel
from whyreid.models.qaconv_scoring import evaluating
from whyreid.training.device import resolve_device


def embed_maps(
    model: QAConvModel,
    table: ReIDTable,
    *,
    device: str | torch.device = "auto",
    batch_size: int = 128,
    dtype: torch.dtype = torch.float32,
    progress: bool = False,
) -> Tensor:
    """The maps of every picture of a table, in its row order; mirror images are not averaged, as published.

    Args:
        model: used in evaluation mode, then its training flags and device are restored.
        table: the pictures; they are resized to ``model.image_input``.
        device: "auto", "cpu", "cuda", ...
        batch_size: pictures at a time; bounds the memory beside the result.
        dtype: of the result; torch.float16 halves it.
        progress: show a bar.

    Returns:
        [N, C, h, w] on the CPU, of length one over C; for `whyreid.models.score_gallery`.

    Raises:
        ValueError: a picture cannot be read, or maps are not finite (their pictures are named).
    """
    store = ImageStore(table, model.image_input.size, memory_limit=0)
    rows, place, before = torch.arange(len(store)).split(batch_size), resolve_device(device), _device_of(model)
    parts = []
    try:
        model.to(place)
        with evaluating(model), torch.inference_mode():
            for images in tqdm(store.batches(rows), total=len(rows), desc="maps", unit="batch", disable=not progress):
                parts.append(model(model.image_input.prepare(images.to(place))).to("cpu", dtype))
    finally:
        model.to(before)
    maps = torch.cat(parts)
    wrong = torch.nonzero(~maps.flatten(1).isfinite().all(dim=1)).flatten().tolist()
    if wrong:
        names = [str(store.dataset.paths[row]) for row in wrong[:5]]
        raise ValueError(f"{len(wrong)} maps are not finite, the first of {names}; train the model again.")
    return maps


def _device_of(model: QAConvModel) -> torch.device:
    return model.matcher.fc.weight.device
