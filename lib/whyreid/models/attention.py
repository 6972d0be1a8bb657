"""How the interpreter turns an unbounded map into attention that is always positive."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from whyreid.tensor_checks import require_floats


def attention_activation(x: Tensor) -> Tensor:
    """``exp(x)`` below zero, ``sqrt(1 + x)`` from zero on: positive, increasing, continuous, 1 at 0.

    A network that starts near zero starts with attention 1 everywhere, which leaves the feature map as it is. Source:
    the official code of AMD (Chen et al., arXiv 2103.01451), which writes it as one sum; here it is evaluated on the
    branch that applies, so that ``exp(x)`` of very negative numbers keeps its digits and only underflows below -87
    (float32).

    Args:
        x: floating point, any shape.

    Returns:
        Same shape, > 0 (0 where ``exp`` underflows). The slope at 0 is 1/2, the right-hand one.

    Raises:
        TypeError: not a floating-point tensor.

    Example:
        >>> attention_activation(torch.tensor([-1.0, 0.0, 3.0]))
        tensor([0.3679, 1.0000, 2.0000])
    """
    require_floats("x", x, None)
    positive = x >= 0
    rising = x.where(positive, 0.0).add(1.0).sqrt()
    falling = x.masked_fill(positive, 0.0).exp()
    return torch.where(positive, rising, falling)


class AttributeDecompositionHead(nn.Module):
    """Feature map [B, C, h, w] to one raw attention map for each attribute, [B, A, h, w], before the activation.

    A 3x3 and a 1x1 convolution, without bias and with nothing between them, as in the official code of AMD.

    Args:
        channels: C.
        num_attributes: A.
        hidden_channels: channels between the two convolutions.
    """

    def __init__(self, channels: int, num_attributes: int, *, hidden_channels: int = 256) -> None:
        super().__init__()
        self.spread = nn.Conv2d(channels, hidden_channels, 3, padding=1, bias=False)
        self.decide = nn.Conv2d(hidden_channels, num_attributes, 1, bias=False)

    def forward(self, feature_map: Tensor) -> Tensor:
        """[B, C, h, w] -> [B, A, h, w]."""
        maps: Tensor = self.decide(self.spread(feature_map))
        return maps
