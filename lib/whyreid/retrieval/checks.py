"""What every function of this room asks of its inputs, and the messages that say how to meet it."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import torch
from torch import Tensor

from whyreid.tensor_checks import require_tensor

logger = logging.getLogger(__name__)


def require_matrix(name: str, value: object, *, axes: str, fix: str) -> Tensor:
    """A detached 2-d tensor of real numbers that is not empty.

    Raises:
        TypeError: not a tensor of real numbers.
        ValueError: not two axes, or empty.
    """
    matrix = require_tensor(name, value).detach()
    if matrix.ndim != 2 or matrix.numel() == 0:
        raise ValueError(f"{name} must be {axes} and not empty, got {list(matrix.shape)}; {fix}")
    if matrix.is_complex() or matrix.dtype == torch.bool:
        raise TypeError(f"{name} must hold real numbers, got {matrix.dtype}; convert it with .float().")
    return matrix


def require_integers(name: str, value: object, length: int, *, device: torch.device) -> Tensor:
    """An int64 vector of the given length on the given device.

    Raises:
        TypeError: not a tensor of integers.
        ValueError: another length.
    """
    vector = require_tensor(name, value)
    if vector.is_floating_point() or vector.is_complex() or vector.dtype == torch.bool:
        raise TypeError(f"{name} must hold integers, got {vector.dtype}; convert it with .long().")
    if vector.shape != (length,):
        raise ValueError(
            f"{name} must be [{length}], one number per picture of distmat's axis, got {list(vector.shape)}."
        )
    return vector.detach().to(device=device, dtype=torch.int64)


def working_dtype(dtype: torch.dtype) -> torch.dtype:
    """The type in which numbers are compared: float32 for half precision (exact), float64 for integers."""
    if not dtype.is_floating_point:
        return torch.float64
    return torch.promote_types(dtype, torch.float32)


@dataclass(frozen=True)
class RankingLabels:
    """Who is in each picture and which camera took it; made by :func:`ranking_labels` only.

    Attributes:
        query_pid: [Q] int64.
        gallery_pid: [G] int64; negative = junk.
        query_camid: [Q] int64, or None when the protocol is ``"no_camera"``.
        gallery_camid: [G] int64, or None when the protocol is ``"no_camera"``.
    """

    query_pid: Tensor
    gallery_pid: Tensor
    query_camid: Tensor | None
    gallery_camid: Tensor | None

    @property
    def protocol(self) -> str:
        """``"cross_camera"``, or ``"no_camera"`` when no camera is known."""
        return "no_camera" if self.query_camid is None else "cross_camera"


def ranking_labels(
    query_pid: object,
    gallery_pid: object,
    query_camid: object | None,
    gallery_camid: object | None,
    *,
    num_queries: int,
    num_gallery: int,
    device: torch.device,
) -> RankingLabels:
    """Check the four label vectors against the matrix that they describe and bring them to its device.

    Raises:
        TypeError: not tensors of integers.
        ValueError: lengths that do not fit the matrix, or cameras of one side only.
    """
    if (query_camid is None) != (gallery_camid is None):
        given = "gallery_camid" if query_camid is None else "query_camid"
        raise ValueError(
            f"query_camid and gallery_camid go together, got only {given}; "
            "pass both, or None for both (protocol no_camera)."
        )
    labels = RankingLabels(
        require_integers("query_pid", query_pid, num_queries, device=device),
        require_integers("gallery_pid", gallery_pid, num_gallery, device=device),
        None if query_camid is None else require_integers("query_camid", query_camid, num_queries, device=device),
        None if gallery_camid is None else require_integers("gallery_camid", gallery_camid, num_gallery, device=device),
    )
    asked = int((labels.query_pid == 0).sum())
    if asked:
        logger.warning(
            "%d queries have pid 0, which marks distractors on Market-1501; here it counts as a person. "
            "Number the persons 1, 2, 3, ... to keep the two apart.",
            asked,
        )
    return labels
