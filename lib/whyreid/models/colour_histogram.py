"""A baseline without learning: colour histograms of horizontal stripes."""

from __future__ import annotations

import torch
from torch import Tensor


def stripe_colour_histogram(images: Tensor, *, stripes: int = 8, bins: int = 4) -> Tensor:
    """How far clothes' colours alone go: one joint RGB histogram for each of several stripes from head to foot.

    Each stripe's histogram sums to 1 / `stripes`; the square root is returned, so that the Euclidean distance of two
    rows is sqrt(2) times the Hellinger distance of the two pictures' histograms, and every row has length 1.

    Args:
        images: [B, 3, H, W] uint8, or floating point in [0, 1]; RGB, not normalised by mean and deviation.
        stripes: number of horizontal stripes; H need not be a multiple.
        bins: bins a colour channel.

    Returns:
        [B, stripes * bins ** 3] float32, non-negative, Euclidean length 1.

    Raises:
        ValueError: another shape, or floating-point values outside [0, 1] (undo the normalisation first).

    Example:
        >>> stripe_colour_histogram(torch.zeros(2, 3, 16, 8), stripes=2, bins=2).shape
        torch.Size([2, 16])

    References:
        Stripe histograms are the colour part of Gray and Tao. Viewpoint Invariant Pedestrian Recognition with an
        Ensemble of Localized Features. ECCV 2008. Deviation: RGB alone, no texture filters, no learnt weights.
    """
    if images.ndim != 4 or images.shape[1] != 3:
        raise ValueError(f"images must be [B, 3, H, W], got {list(images.shape)}")
    values = images.float() / 255 if images.dtype == torch.uint8 else images.float()
    if values.numel() and not (values.min() >= 0 and values.max() <= 1):
        raise ValueError(
            f"images must lie in [0, 1], got [{values.min():.3g}, {values.max():.3g}]; undo the normalisation first"
        )
    batch, _, height, _ = values.shape
    channel = (values * bins).long().clamp_(max=bins - 1)
    colour = (channel[:, 0] * bins + channel[:, 1]) * bins + channel[:, 2]
    stripe = torch.arange(height, device=images.device) * stripes // height
    cell = (stripe[None, :, None] * bins**3 + colour).flatten(1)
    counts = torch.zeros(batch, stripes * bins**3, device=images.device)
    counts.scatter_add_(1, cell, torch.ones_like(cell, dtype=counts.dtype))
    per_stripe = counts.view(batch, stripes, -1)
    shares = per_stripe / per_stripe.sum(dim=2, keepdim=True).clamp_min(1) / stripes
    return shares.flatten(1).sqrt()
