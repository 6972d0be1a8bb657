"""Distances between embeddings: lower = closer."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from whyreid.tensor_checks import require_tensor

GALLERY_BLOCK = 8192  # rows of y that are held in double precision at a time, and fewer where x is long:
PRODUCTS = 2**24  # products that are


def euclidean_distances(x: Tensor, y: Tensor) -> Tensor:
    """Euclidean distance (the length itself, not its square) of every row of ``x`` to every row of ``y``.

    From ``|x - y|^2 = |x|^2 + |y|^2 - 2 x.y`` with the products summed in double precision: in single precision
    two close embeddings far from the origin cancel, identical pictures get a distance of about 1e-3, and the
    last digits change with the chunk size and the device.

    Args:
        x: [N, D] floating point, any device.
        y: [M, D], same dtype and device.

    Returns:
        [N, M], >= 0, in the dtype of ``x`` (float32 for half precision). The error is about 1e-8 of the
        embeddings' length. Differentiable except at coinciding embeddings; a loss needs its own form.

    Raises:
        TypeError: not tensors, not floating point, or of two dtypes.
        ValueError: not two matrices of one width on one device.

    Cost: N * M * D multiply-adds in float64; beside the result, ``x``, at most 8192 rows of ``y`` and some
        16 million products in float64.

    Example:
        >>> euclidean_distances(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0], [0.0, 1.0]]))
        tensor([[5., 1.]])
    """
    x, y = _checked_pair(x, y)
    wide = _to_double(x)
    length = wide.square().sum(dim=1, keepdim=True)
    distmat = _empty(x, y)
    for here in _blocks(x, y):
        block = _to_double(y[here])
        squared = torch.addmm(block.square().sum(dim=1), wide, block.T, alpha=-2)
        distmat[:, here] = squared.add_(length).clamp_min_(0).sqrt_()
    return distmat


def cosine_distances(x: Tensor, y: Tensor) -> Tensor:
    """One minus the cosine of the angle between every row of ``x`` and every row of ``y``.

    Summed in double precision, for the reasons given at :func:`euclidean_distances`. For embeddings of length
    one it is half the squared Euclidean distance, so both rank a gallery alike.

    Args:
        x: [N, D] floating point, any device; need not be normalised. A row of zeros has distance 1 to all.
        y: [M, D], same dtype and device.

    Returns:
        [N, M] in [0, 2], in the dtype of ``x`` (float32 for half precision): 0 same direction, 1 orthogonal,
        2 opposite.

    Raises:
        TypeError: not tensors, not floating point, or of two dtypes.
        ValueError: not two matrices of one width on one device.

    Cost: as :func:`euclidean_distances`.

    Example:
        >>> cosine_distances(torch.tensor([[2.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 3.0], [-1.0, 0.0]]))
        tensor([[0., 1., 2.]])
    """
    x, y = _checked_pair(x, y)
    unit = torch.nn.functional.normalize(_to_double(x), dim=1)
    distmat = _empty(x, y)
    for here in _blocks(x, y):
        block = torch.nn.functional.normalize(_to_double(y[here]), dim=1)
        distmat[:, here] = (1 - unit @ block.T).clamp_(0, 2)
    return distmat


def _checked_pair(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    for name, value in (("x", x), ("y", y)):
        require_tensor(name, value)
        if value.ndim != 2:
            raise ValueError(
                f"{name} must be [N, D], got {list(value.shape)}; pool a feature map and flatten it first."
            )
    if not x.is_floating_point() or x.dtype != y.dtype:
        raise TypeError(f"x and y must share one floating dtype, got {x.dtype} and {y.dtype}; cast with .float().")
    if x.shape[1] != y.shape[1] or x.device != y.device:
        raise ValueError(
            "x and y must be [N, D] and [M, D] on one device, "
            f"got {list(x.shape)} on {x.device} and {list(y.shape)} on {y.device}."
        )
    return x, y


def _blocks(x: Tensor, y: Tensor) -> Iterator[slice]:
    step = min(GALLERY_BLOCK, max(1, PRODUCTS // max(1, len(x))))
    for start in range(0, len(y), step):
        yield slice(start, start + step)


def _to_double(x: Tensor) -> Tensor:
    """Float64 where the device has it (Apple's GPU does not), float32 there."""
    return x.to(torch.float32 if x.device.type == "mps" else torch.float64)


def _empty(x: Tensor, y: Tensor) -> Tensor:
    dtype = torch.promote_types(x.dtype, torch.float32)
    return torch.empty(len(x), len(y), dtype=dtype, device=x.device)
