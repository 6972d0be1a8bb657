"""The nearest pictures of each picture, in an order that does not depend on the machine."""

from __future__ import annotations

from torch import Tensor


def smallest_in_row(values: Tensor, k: int) -> Tensor:
    """Columns [R, min(k, C)] of the k smallest entries of each row, ascending; ties in order of the columns.

    ``topk`` alone breaks ties as it likes. Only where the k-th and the next entry of some row tie does it matter
    which are picked; then all entries up to the k-th smallest value are.
    """
    k = min(k, values.shape[1])
    best = values.topk(min(k + 1, values.shape[1]), dim=1, largest=False)
    column = best.indices[:, :k]
    threshold = best.values[:, k - 1 : k]
    if bool((best.values[:, k:] == threshold).any()):
        most = int((values <= threshold).sum(dim=1).max())
        column = values.topk(most, dim=1, largest=False, sorted=False).indices
    column = column.sort(dim=1).values
    order = values.gather(1, column).sort(dim=1, stable=True).indices
    return column.gather(1, order)[:, :k]
