"""Pictures of Promenade rendered again with some attributes changed, and what the target makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from whyreid.data import ReIDTable
from whyreid.data.loading import read_image
from whyreid.explain.attribute_error_explainer import comparable
from whyreid.models import TargetModel
from whyreid.pedestrians import blend, read_identities, read_shots, render
from whyreid.training.embedding import embed_batch


@dataclass(frozen=True, eq=False)
class Rerendered:
    """Pictures with an edit, and their embeddings.

    Attributes:
        images: uint8 [N, 3, H, W].
        vectors: [N, D] comparable embeddings, averaged with those of the mirror images as the stored ones are.
    """

    images: Tensor
    vectors: Tensor


def rerender(
    target: TargetModel,
    table: ReIDTable,
    rows: Sequence[int],
    values: Mapping[str, str | bool | int],
    *,
    batch_size: int = 64,
) -> Rerendered:
    """The same shots of the same persons with some attributes set by hand.

    Args:
        target: in evaluation mode.
        table: Promenade, or a selection of it.
        rows: positions in ``table.images``.
        values: as for `whyreid.pedestrians.edit`: {"backpack": 0}; none = the pictures as they are, bit for bit.
        batch_size: pictures at a time.

    Returns:
        See `Rerendered`.

    Raises:
        ValueError: no rows, or a table that was not rendered.

    Cost: about 15 ms a picture of 128 x 64 on one CPU thread, and two forward passes.
    """
    if not rows:
        raise ValueError("rows must name at least one picture, got none; check the rule that chose them.")
    if "person" not in table.images.columns:
        raise ValueError(f"table {table.name!r} must be rendered, got no column person; only Promenade can do this.")
    people = read_identities(table.root)
    chosen = table.images.iloc[list(rows)]
    identities = [blend(people[person], values) for person in chosen["person"].tolist()]
    width, height = read_image(table.root / chosen["path"].iloc[0]).size
    images = render(identities, read_shots(chosen, people), height=height, width=width).images
    with torch.inference_mode():
        parts = [
            embed_batch(target, target.image_input.prepare(batch), flip=True) for batch in images.split(batch_size)
        ]
    return Rerendered(images, comparable(torch.cat(parts), target.distance).clone())
