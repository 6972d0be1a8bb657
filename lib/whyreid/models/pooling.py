"""From a feature map to a vector: generalised-mean pooling, between average and maximum."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def generalized_mean(feature_map: Tensor, p: Tensor | float, *, eps: float = 1e-6) -> Tensor:
    """(mean over places of max(x, eps)^p)^(1/p): p = 1 is the mean, p -> infinity the maximum.

    Radenovic et al., arXiv 1711.02512. Deviation, as in every re-identification code: values below ``eps`` are
    raised to it, so negative values do not count.

    Args:
        feature_map: [B, C, h, w].
        p: exponent, > 0.
        eps: smallest value, in units of the map.

    Returns:
        [B, C], at least ``eps``.

    Raises:
        ValueError: the map is not four-dimensional.
    """
    if feature_map.ndim != 4:
        raise ValueError(
            f"feature_map must be [B, C, h, w], got {list(feature_map.shape)}; see whyreid.models.TokenGrid."
        )
    return feature_map.clamp(min=eps).pow(p).mean(dim=(2, 3)).pow(1.0 / p)


class GeneralizedMeanPooling(nn.Module):
    """Generalised-mean pooling with a learnable exponent, [B, C, h, w] -> [B, C].

    Args:
        p: start of the exponent (3 in BoT, SBS and AGW).
        eps: smallest value of the map that counts.

    Example:
        >>> GeneralizedMeanPooling(1.0)(torch.tensor([[[[1.0, 3.0]]]])).tolist()
        [[2.0]]
    """

    def __init__(self, p: float = 3.0, eps: float = 1e-6) -> None:
        super().__init__()
        self.p = nn.Parameter(torch.full((1,), float(p)))
        self.eps = eps

    def forward(self, feature_map: Tensor) -> Tensor:
        """See `generalized_mean`."""
        return generalized_mean(feature_map, self.p, eps=self.eps)

    def extra_repr(self) -> str:
        """The exponent as it is now."""
        return f"p={self.p.item():.3f}, eps={self.eps}"
