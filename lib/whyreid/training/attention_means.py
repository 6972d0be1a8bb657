"""Where an interpreter looks on average: the mean attention map of pictures with and without each attribute."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from whyreid.data.loading import ImageStore
from whyreid.data.table import ReIDTable
from whyreid.models.interpreter import Interpreter
from whyreid.tensor_checks import require_booleans
from whyreid.training.device import resolve_device


class AttentionMeans(NamedTuple):
    """Mean attention maps, on the CPU.

    Attributes:
        present: [A, h, w] float32, over the pictures of people with the attribute; NaN without any.
        absent: [A, h, w], over those without it; NaN without any.
        num_present: [A] int64, pictures in ``present``.
    """

    present: Tensor
    absent: Tensor
    num_present: Tensor


def attention_means(
    interpreter: Interpreter,
    table: ReIDTable,
    labels: Tensor,
    *,
    device: str | torch.device = "auto",
    batch_size: int = 128,
) -> AttentionMeans:
    """Average every attention map over pictures with its attribute, and over those without.

    Args:
        interpreter: used in evaluation mode; its training flags and device are restored.
        table: the pictures.
        labels: [N, A] bool, rows as in ``table.images``, columns as the interpreter's maps.
        device: "auto", "cpu", "cuda", ...
        batch_size: pictures at a time.

    Returns:
        The mean maps, and how many pictures each is of.

    Raises:
        TypeError: labels are no bool tensor.
        ValueError: another shape of labels.

    Cost: one pass of the target and of the own layers a picture.
    """
    require_booleans("labels", labels, "[N, A]")
    expected = (len(table), interpreter.num_attributes)
    if labels.shape != expected:
        raise ValueError(f"labels must be {list(expected)}, pictures x attributes, got {list(labels.shape)}.")
    store = ImageStore(table, interpreter.target.image_input.size, memory_limit=0)
    rows = torch.arange(len(store)).split(batch_size)
    flags = [(part, part.training) for part in interpreter.modules()]
    before, place = next(interpreter.parameters()).device, resolve_device(device)
    sums: list[Tensor] = []
    try:
        interpreter.eval().to(place)
        with torch.inference_mode():
            for images, numbers in zip(store.batches(rows), rows, strict=True):
                maps = interpreter(interpreter.target.image_input.prepare(images.to(place))).attention.cpu().double()
                has = labels[numbers].double()
                sums.append(torch.stack([torch.einsum("ba,bahw->ahw", weight, maps) for weight in (has, 1 - has)]))
    finally:
        interpreter.to(before)
        for part, flag in flags:
            part.training = flag
    present, absent = torch.stack(sums).sum(dim=0)
    count = labels.sum(dim=0)
    with_it, without = (number.double()[:, None, None] for number in (count, len(labels) - count))
    return AttentionMeans((present / with_it).float(), (absent / without).float(), count)
