"""What functions on tensors ask of their inputs, and the messages that say how to meet it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def require_tensor(name: str, value: object, axes: str | None = None, *, fix: str = "") -> Tensor:
    """``value`` when it is a tensor with the axes that ``axes`` names, such as ``"[B, C, h, w]"`` (None = any).

    Raises:
        TypeError: not a tensor; the fix is named.
        ValueError: another number of dimensions.
    """
    if isinstance(value, np.ndarray):
        raise TypeError(f"{name} must be a torch.Tensor, got a numpy array; pass torch.from_numpy({name}).")
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} must be a torch.Tensor, got {type(value).__name__}; pass torch.as_tensor({name}).")
    if axes is not None and value.ndim != axes.count(",") + 1:
        raise ValueError(f"{name} must be {axes}, got {list(value.shape)}{'; ' + fix if fix else ''}.")
    return value


def require_floats(name: str, value: object, axes: str | None, *, fix: str = "") -> Tensor:
    """As `require_tensor`, and floating point."""
    tensor = require_tensor(name, value, axes, fix=fix)
    if not tensor.is_floating_point():
        raise TypeError(f"{name} must hold floating-point numbers, got {tensor.dtype}; convert it with .float().")
    return tensor


def require_booleans(name: str, value: object, axes: str) -> Tensor:
    """As `require_tensor`, and boolean: -1/+1 and 0/1 codes are refused because they cannot be told apart."""
    tensor = require_tensor(name, value, axes)
    if tensor.dtype != torch.bool:
        raise TypeError(f"{name} must be bool, got {tensor.dtype}; pass {name} > 0 for labels coded 0/1 or -1/+1.")
    return tensor
