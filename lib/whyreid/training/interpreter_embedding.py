"""What an interpreter says about every picture of a table."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from tqdm import tqdm

from whyreid.data.loading import ImageStore
from whyreid.data.table import ReIDTable
from whyreid.models.interpreter import Interpreter
from whyreid.training.device import resolve_device


class AttributeEmbeddings(NamedTuple):
    """Embeddings of N pictures, on the CPU, compared by Euclidean distance.

    Attributes:
        embedding: [N, D] float32, the target's (of length one when it compares by cosine).
        attribute_embeddings: [N, A, D], one for each attribute.
        mean_attention: [N, A] float32: the mean of each attention map, 1 = as in the target.
    """

    embedding: Tensor
    attribute_embeddings: Tensor
    mean_attention: Tensor


def embed_attributes(
    interpreter: Interpreter,
    table: ReIDTable,
    *,
    device: str | torch.device = "auto",
    batch_size: int = 128,
    dtype: torch.dtype = torch.float32,
    progress: bool = False,
) -> AttributeEmbeddings:
    """Embed every picture of a table for each attribute, in its row order; no flip averaging.

    Args:
        interpreter: used in evaluation mode; its training flags and device are restored.
        table: the pictures; they are resized to the target's ``image_input``.
        device: "auto", "cpu", "cuda", ...
        batch_size: pictures at a time.
        dtype: of ``attribute_embeddings``; float16 halves the memory, N * A * D numbers.
        progress: show a bar.

    Returns:
        Embeddings of the target and of every attribute, and the mean attention, all on the CPU.

    Raises:
        ValueError: a picture cannot be read.

    Cost: one pass of the target and of the own layers a picture.
    """
    store = ImageStore(table, interpreter.target.image_input.size, memory_limit=0)
    rows = torch.arange(len(store)).split(batch_size)
    flags = [(part, part.training) for part in interpreter.modules()]
    parameter = next(interpreter.parameters())
    before, place = parameter.device, resolve_device(device)
    parts = []
    try:
        interpreter.eval().to(place)
        with torch.inference_mode():
            for images in tqdm(store.batches(rows), total=len(rows), desc="attributes", disable=not progress):
                found = interpreter(interpreter.target.image_input.prepare(images.to(place)))
                mean = found.attention.mean(dim=(2, 3))
                parts.append((found.embedding.cpu(), found.attribute_embeddings.to("cpu", dtype), mean.cpu()))
    finally:
        interpreter.to(before)
        for part, flag in flags:
            part.training = flag
    return AttributeEmbeddings(*(torch.cat(part) for part in zip(*parts, strict=True)))
