"""The simplest use of time: pictures taken near the query's own moment are raised."""

from __future__ import annotations

import torch
from torch import Tensor

from whyreid.retrieval.checks import require_matrix


def time_gap_lift(
    simmat: Tensor, query_time: Tensor, gallery_time: Tensor, *, sigma: float = 200.0, alpha: float = 0.2
) -> Tensor:
    """Raise the similarity of pictures taken soon before or after the query: ``temporal_lift`` without companions.

    The weight of `temporal_lift` is a kernel around the moments at which companions seem to have passed a camera;
    here it is the same kernel around the query's own moment: ``exp(-(t_q - t_g)^2 / sigma^2)``. No appearance enters
    it, so it needs people who take about as long from camera to camera as ``sigma``, and cameras whose clocks agree.
    It is no published method but the baseline that temporal lifting has to be compared with.

    Args:
        simmat: [Q, G] >= 0, higher = closer.
        query_time: [Q], on one clock for all cameras, in the unit of ``sigma``.
        gallery_time: [G], likewise.
        sigma: width of the kernel; > 0.
        alpha: what remains of the similarity far from the query's moment; >= 0.

    Returns:
        [Q, G] in [0, (1 + alpha) * max similarity], higher = closer, in the dtype of ``simmat``.

    Raises:
        TypeError: not a tensor.
        ValueError: a similarity below 0, lengths that disagree, an undefined time, sigma or alpha out of range.

    Example:
        >>> simmat, now = torch.tensor([[0.5, 0.5]]), torch.tensor([0.0])
        >>> time_gap_lift(simmat, now, torch.tensor([0.0, 200.0]))
        tensor([[0.6000, 0.2839]])
    """
    simmat = require_matrix("simmat", simmat, axes="[Q, G]", fix="one row per query.")
    if (len(query_time), len(gallery_time)) != tuple(simmat.shape):
        got = f"{len(query_time)} and {len(gallery_time)} times"
        raise ValueError(f"times must be one a query and one a gallery picture, {list(simmat.shape)}, got {got}.")
    if not (sigma > 0 and alpha >= 0 and float(simmat.min()) >= 0):
        raise ValueError(
            f"sigma must be > 0, alpha and similarities >= 0, got sigma={sigma}, alpha={alpha} and a least similarity "
            f"of {float(simmat.min())}."
        )
    gap = query_time.to(torch.float64)[:, None] - gallery_time.to(torch.float64)
    if not bool(gap.isfinite().all()):
        raise ValueError("times must be finite, got undefined ones; leave out the pictures without a time.")
    return simmat * (torch.exp(-((gap / sigma) ** 2)) + alpha).to(device=simmat.device, dtype=simmat.dtype)
