"""The nearest pictures of each picture, in an order that does not depend on the machine."""

from __future__ import annotations

from torch import Tensor


def smallest_in_row(values: Tensor, k: int) -> Tensor:
    """Columns [R, min(k, C)] of the k smallest entries of each row, ascending; ties in order of the columns.

    ``topk`` alone breaks ties as it likes. Here the entries up to the k-th smallest value, ties included, are
    picked by it and then put in order stably.
    """
    k = min(k, values.shape[1])
    threshold = values.topk(k, dim=1, largest=False, sorted=False).values.amax(dim=1, keepdim=True)
    most = int((values <= threshold).sum(dim=1).max())
    column = values.topk(most, dim=1, largest=False, sorted=False).indices.sort(dim=1).values
    order = values.gather(1, column).sort(dim=1, stable=True).indices
    return column.gather(1, order)[:, :k]
