"""Temporal lifting (TLift): people who were near each other at one camera are so again at the next."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from whyreid.retrieval.checks import require_integers, require_matrix, working_dtype
from whyreid.tensor_checks import require_tensor

CHUNK = 2**22  # window entries, and kernel entries, that are held at a time


def temporal_lift(
    simmat: Tensor,
    query_camid: Tensor,
    gallery_camid: Tensor,
    query_time: Tensor,
    gallery_time: Tensor,
    *,
    tau: float = 100.0,
    sigma: float = 200.0,
    k: int = 10,
    alpha: float = 0.2,
) -> Tensor:
    """Raise the similarity of gallery pictures that were taken when a query's companions passed the same camera.

    The companions of a query are the queries of its camera less than ``tau`` away in time, itself included. In
    each gallery camera the pivots are their k best scored (companion, picture) pairs, every pair that ties with
    the k-th included. A gallery picture of that camera at time t gets the weight w = mean over the pivots of
    exp(-(t - t_pivot)^2 / sigma^2), and the result is (w + alpha) * similarity. Follows TLift of [1] as its
    official code runs it. Deviations: a camera without gallery pictures is passed over (the original fails), and
    negative similarities are refused (multiplying by a weight would lift a worse match less).

    Args:
        simmat: [Q, G] >= 0, higher = closer; best spread over [0, 1] with non-matches near 0, as
            sigmoid(logit / 10) or 1 - re-ranked distance.
        query_camid: [Q] integers; only equality counts.
        gallery_camid: [G] integers, the same numbering.
        query_time: [Q] integers or floats on one clock for all cameras, in any unit, that of ``tau`` and ``sigma``. The
            official readers of Market-1501 and DukeMTMC-reID hand over seconds, so for the published 100 and 200
            pass ``table.times / table.fps``.
        gallery_time: [G], the same clock and unit.
        tau: companions are less than this far apart in time; > 0.
        sigma: width of the kernel in time; > 0.
        k: pivots per query and gallery camera; where fewer pairs exist, all are pivots.
        alpha: what remains of the similarity far from every pivot; >= 0.

    Returns:
        [Q, G] in [0, (1 + alpha) * max similarity], higher = closer, in the dtype of ``simmat`` (float32 for half
        precision).

    Raises:
        TypeError: an input is not a tensor or has the wrong kind of numbers.
        ValueError: a negative or undefined similarity, missing or undefined times, a hyper-parameter out of range.

    Cost: O(Q G log k) for the candidates, Q * companions * k for the pivots and Q * G * k additions for the
    weights; two copies of the matrix and some 50 MB.

    Example:
        >>> camid, time = torch.tensor([0]), torch.tensor([0.0])
        >>> simmat = torch.tensor([[0.8, 0.5]])  # pivot: the first picture; the second was taken 200 later
        >>> temporal_lift(simmat, camid, torch.tensor([1, 1]), time, torch.tensor([900.0, 1100.0]), k=1)
        tensor([[0.9600, 0.2839]])

    References:
        [1] Liao and Shao. Interpretable and Generalizable Person Re-Identification with Query-Adaptive
            Convolution and Temporal Lifting. ECCV 2020. arXiv 1904.10424; code reid/tlift.py.
    """
    simmat = _similarities(simmat)
    num_queries, num_gallery = simmat.shape
    _require_range(tau=tau, sigma=sigma, k=k, alpha=alpha)
    query_camid = _cameras("query_camid", query_camid, num_queries, simmat.device)
    gallery_camid = _cameras("gallery_camid", gallery_camid, num_gallery, simmat.device)
    query_time = _times("query_time", query_time, num_queries, simmat.device)
    gallery_time = _times("gallery_time", gallery_time, num_gallery, simmat.device)
    order, first, last = companion_windows(query_camid, query_time, tau=tau)
    by_camera = torch.argsort(gallery_camid, stable=True)
    lifted = simmat.index_select(0, order).index_select(1, by_camera)
    start = 0
    for size in gallery_camid.unique(return_counts=True)[1].tolist():
        scores = lifted[:, start : start + size]
        time = gallery_time[by_camera[start : start + size]]
        scores.mul_(_camera_weights(scores, time, first, last, sigma=sigma, k=k).add_(alpha))
        start += size
    return lifted.index_select(1, by_camera.argsort()).index_select(0, order.argsort())


def companion_windows(camid: Tensor, time: Tensor, *, tau: float) -> tuple[Tensor, Tensor, Tensor]:
    """Put queries in order of camera and time, in which the companions of each are one contiguous run.

    Args:
        camid: [Q] int64.
        time: [Q] float64.
        tau: companions are of one camera and less than this apart.

    Returns:
        ``order`` [Q], and for each place i in that order the run [first[i], last[i]) of its companions.
    """
    order = torch.argsort(time, stable=True)
    order = order[torch.argsort(camid[order], stable=True)]
    camid, time = camid[order], time[order]
    first, last = torch.empty_like(order), torch.empty_like(order)
    for value in camid.unique():
        here = torch.nonzero(camid == value)[:, 0]
        clock = time[here]
        first[here] = here[0] + torch.searchsorted(clock, clock - tau, right=True)
        last[here] = here[0] + torch.searchsorted(clock, clock + tau)
    place = torch.arange(len(order), device=order.device)
    return order, torch.minimum(first, place), torch.maximum(last, place + 1)


def _camera_weights(scores: Tensor, time: Tensor, first: Tensor, last: Tensor, *, sigma: float, k: int) -> Tensor:
    """The weight [Q, g] of each picture of one gallery camera, for queries in the order of their windows."""
    values, columns = _candidates(scores, k)
    weights = torch.empty_like(scores)
    for rows in _window_chunks(last - first, values.shape[1]):
        pivots, counts = _pivots(values, columns, first[rows], last[rows], k=k)
        weights[rows] = _mean_kernel(time, pivots, counts, sigma=sigma, dtype=scores.dtype)
    return weights


def _candidates(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The entries [Q, L] of each row that can be among the k best of any window with that row, ties included.

    The k-th best of a window is at least the k-th best of each of its rows. L exceeds k only where entries tie
    with a row's k-th; a row then carries some smaller entries, which no window takes.
    """
    k = min(k, scores.shape[1])
    best = scores.topk(min(k + 1, scores.shape[1]), dim=1)
    if bool((best.values[:, k:] == best.values[:, k - 1 : k]).any()):
        most = int((scores >= best.values[:, k - 1 : k]).sum(dim=1).max())
        best = scores.topk(most, dim=1)
        return best.values, best.indices
    return best.values[:, :k], best.indices[:, :k]


def _window_chunks(width: Tensor, num_candidates: int) -> Iterator[slice]:
    """Runs of queries whose windows, padded to the widest of all, hold about four million candidates."""
    step = max(1, CHUNK // (int(width.max()) * num_candidates))
    for start in range(0, len(width), step):
        yield slice(start, start + step)


def _pivots(values: Tensor, columns: Tensor, first: Tensor, last: Tensor, *, k: int) -> tuple[Tensor, Tensor]:
    """Columns of all pivots, query after query, and how many each query has; a column may come more than once."""
    offset = torch.arange(int((last - first).max()), device=first.device)
    row = first[:, None] + offset
    inside = row < last[:, None]
    row = torch.where(inside, row, 0)
    scores = torch.where(inside[:, :, None], values[row], -torch.inf).flatten(1)
    threshold = scores.topk(min(k, scores.shape[1]), dim=1).values[:, -1:]
    is_pivot = (scores >= threshold) & (scores >= 0)
    return columns[row].flatten(1)[is_pivot], is_pivot.sum(dim=1)


def _mean_kernel(time: Tensor, pivots: Tensor, counts: Tensor, *, sigma: float, dtype: torch.dtype) -> Tensor:
    """Mean over each query's pivots of exp(-(t - t_pivot)^2 / sigma^2), for every t: [queries, g]."""
    is_used = torch.zeros(len(time), dtype=torch.bool, device=time.device).index_fill_(0, pivots, True)
    distinct = torch.nonzero(is_used)[:, 0]
    bag = (is_used.cumsum(dim=0) - 1)[pivots]
    offsets = counts.cumsum(dim=0) - counts
    step = max(1, CHUNK // len(distinct))
    blocks = []
    for start in range(0, len(time), step):
        elapsed = (time[distinct][:, None] - time[start : start + step]).to(dtype)
        kernel = elapsed.square_().div_(-(sigma**2)).exp_()
        blocks.append(torch.nn.functional.embedding_bag(bag, kernel, offsets, mode="sum"))
    return torch.cat(blocks, dim=1).div_(counts[:, None])


def _similarities(simmat: Tensor) -> Tensor:
    simmat = require_matrix("simmat", simmat, axes="[Q, G]", fix="one row per query.")
    simmat = simmat.to(working_dtype(simmat.dtype))
    lowest, highest = (float(bound) for bound in simmat.aminmax())
    if not (lowest >= 0 and highest < torch.inf):
        raise ValueError(
            f"simmat must hold finite similarities >= 0, got values from {lowest} to {highest}; "
            "pass torch.sigmoid(logit / 10) of QAConv's logits, or 1 - distance for distances within [0, 1]."
        )
    return simmat


def _cameras(name: str, camid: Tensor, length: int, device: torch.device) -> Tensor:
    if camid is None:
        raise ValueError(f"{name} must be [{length}], got None; temporal lifting needs to know the cameras.")
    return require_integers(name, camid, length, device=device)


def _times(name: str, time: Tensor, length: int, device: torch.device) -> Tensor:
    """Float64, so that differences of unsigned numbers can be negative and large ones stay exact."""
    hint = "temporal lifting needs a time for every picture, and this data set may have none."
    if time is None:
        raise ValueError(f"{name} must be [{length}], got None; {hint}")
    time = require_tensor(name, time).detach()
    if time.is_complex() or time.dtype == torch.bool:
        raise TypeError(f"{name} must hold times as integers or floats, got {time.dtype}.")
    time = time.to(dtype=torch.float64).to(device=device)
    if time.shape != (length,):
        raise ValueError(f"{name} must be [{length}], one time per picture, got {list(time.shape)}.")
    missing = int((~time.isfinite()).sum())
    if missing:
        raise ValueError(f"{name} must be finite, got {missing} of {length} undefined; {hint}")
    return time


def _require_range(*, tau: float, sigma: float, k: int, alpha: float) -> None:
    for name, value, fits, wanted in (
        ("tau", tau, tau > 0, "> 0"),
        ("sigma", sigma, sigma > 0, "> 0"),
        ("k", k, k >= 1 and k == int(k), "an integer >= 1"),
        ("alpha", alpha, alpha >= 0, ">= 0"),
    ):
        if not fits:
            raise ValueError(f"{name} must be {wanted}, got {value}.")
