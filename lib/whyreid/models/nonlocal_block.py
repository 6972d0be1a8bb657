"""The non-local block of AGW: every place of a map looks at every other place."""

from __future__ import annotations

from torch import Tensor, nn


class NonLocalBlock(nn.Module):
    """x + W((theta(x) phi(x)^T / N) g(x)): dot-product attention over the N places of a map.

    Wang et al., arXiv 1711.07971, with the dot-product pairwise function, as in the authors' code of AGW (Ye et
    al., arXiv 2001.04193). There the inner width is written ``reduc_ratio // reduc_ratio`` and so is a single channel:
    that published width is the default here. The normalisation after W starts at zero: the block is the identity.

    Args:
        channels: C of the map.
        inner_channels: width of theta, phi and g.

    Raises:
        ValueError: a width below one.

    Cost: N^2 inner products of ``inner_channels`` numbers a picture.

    Example:
        >>> import torch
        >>> x = torch.randn(2, 16, 8, 4)
        >>> torch.equal(NonLocalBlock(16)(x), x)
        True
    """

    def __init__(self, channels: int, *, inner_channels: int = 1) -> None:
        super().__init__()
        if channels < 1 or inner_channels < 1:
            raise ValueError(f"channels and inner_channels must be at least 1, got {channels} and {inner_channels}.")
        self.g = nn.Conv2d(channels, inner_channels, 1)
        self.theta = nn.Conv2d(channels, inner_channels, 1)
        self.phi = nn.Conv2d(channels, inner_channels, 1)
        norm = nn.BatchNorm2d(channels)
        nn.init.zeros_(norm.weight)
        self.W = nn.Sequential(nn.Conv2d(inner_channels, channels, 1), norm)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, h, w] -> [B, C, h, w]."""
        theta, phi, g = (layer(x).flatten(2) for layer in (self.theta, self.phi, self.g))  # [B, inner, N] each
        attention = theta.transpose(1, 2) @ phi / theta.shape[2]  # [B, N, N]
        gathered = (g @ attention.transpose(1, 2)).unflatten(2, x.shape[2:])  # [B, inner, h, w]
        return self.W(gathered) + x
