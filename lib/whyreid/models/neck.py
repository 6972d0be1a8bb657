"""The batch-normalisation neck of BoT, SBS and AGW."""

from __future__ import annotations

from torch import nn


def batch_norm_neck(channels: int) -> nn.BatchNorm1d:
    """Batch normalisation whose shift stays zero, [B, C] -> [B, C].

    The vector before it is compared by the triplet loss, the one after it is classified and used for retrieval
    (Luo et al., arXiv 1903.07071). The shift is frozen so that the classifier's hyperplanes pass through the origin.

    Args:
        channels: C.
    """
    neck = nn.BatchNorm1d(channels)
    neck.bias.requires_grad_(False)
    return neck
