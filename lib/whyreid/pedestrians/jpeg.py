"""What JPEG does to a picture, in torch: the losses of the format without the file.

Entropy coding loses nothing, so colour conversion, 4:2:0 chroma, the 8×8 cosine transform and its quantisation are
all that a picture feels. Being our own arithmetic, the result depends on no library's version, runs on a GPU, and is
exact: the transform is a matrix of multiples of 2^-13 applied to multiples of 2^-6 in float64, so that every sum is
exact in any order.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import pad

# ITU-T T.81, Annex K, tables K.1 and K.2.
_LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61), (12, 12, 14, 19, 26, 58, 60, 55), (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62), (18, 22, 37, 56, 68, 109, 103, 77), (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101), (72, 92, 95, 98, 112, 100, 103, 99),
)  # fmt: skip
_CHROMINANCE = (
    (17, 18, 24, 47, 99, 99, 99, 99), (18, 21, 26, 66, 99, 99, 99, 99), (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99), *((99,) * 8,) * 4,
)  # fmt: skip
_DCT = tuple(
    tuple(
        round(math.sqrt((1 if k == 0 else 2) / 8) * math.cos((2 * n + 1) * k * math.pi / 16) * 8192) / 8192
        for n in range(8)
    )
    for k in range(8)
)
_STEP = 64.0  # values between the two passes of the transform are multiples of 1 / 64


def quantisation_tables(quality: Tensor) -> tuple[Tensor, Tensor]:
    """Luminance and chrominance step sizes [B, 8, 8] for qualities [B] in 1..100, scaled as codecs do."""
    scale = torch.where(quality < 50, torch.floor(5000.0 / quality), 200.0 - 2.0 * quality).view(-1, 1, 1)
    tables = (torch.tensor(table, dtype=torch.float64, device=quality.device) for table in (_LUMINANCE, _CHROMINANCE))
    luminance, chrominance = (torch.floor((table * scale + 50.0) / 100.0).clamp(1.0, 255.0) for table in tables)
    return luminance, chrominance


def _transform(blocks: Tensor, matrix: Tensor) -> Tensor:
    """The product matrix · block · matrixᵀ for blocks [..., 8, 8], exact after rounding to multiples of 1 / 64."""
    once = torch.round(matrix @ blocks * _STEP) / _STEP
    return torch.round(once @ matrix.T * _STEP) / _STEP


def _quantise(plane: Tensor, table: Tensor) -> Tensor:
    """One colour plane [B, H, W], sides multiples of 8, through the transform and back."""
    batch, height, width = plane.shape
    blocks = plane.view(batch, height // 8, 8, width // 8, 8).permute(0, 1, 3, 2, 4)
    matrix = torch.tensor(_DCT, dtype=plane.dtype, device=plane.device)
    steps = table.view(batch, 1, 1, 8, 8)
    kept = torch.round(_transform(blocks, matrix) / steps) * steps
    return _transform(kept, matrix.T.contiguous()).permute(0, 1, 3, 2, 4).reshape(batch, height, width)


def jpeg_round_trip(images: Tensor, quality: Tensor) -> Tensor:
    """Pictures after JPEG compression and decompression (4:2:0 chroma, chroma repeated when decoded).

    Args:
        images: [B, 3, H, W] float, RGB in whole steps 0..255.
        quality: [B] in 1..100, on the usual scale.

    Returns:
        [B, 3, H, W] float32, whole steps 0..255. Differs from a codec's output by rounding and its chroma filter.
    """
    height, width = images.shape[-2:]
    padded = pad(images.to(torch.float64), (0, -width % 16, 0, -height % 16), mode="replicate")
    red, green, blue = padded.unbind(1)
    luma = torch.round(0.299 * red + 0.587 * green + 0.114 * blue)
    chroma = [torch.round((channel - luma) * factor) for channel, factor in ((blue, 0.564), (red, 0.713))]
    luminance, chrominance = quantisation_tables(quality.to(torch.float64))
    luma = _quantise(luma - 128.0, luminance) + 128.0
    halved = [torch.round(_quarter(plane) * 0.25) for plane in chroma]
    cb, cr = (_quantise(plane, chrominance).repeat_interleave(2, dim=1).repeat_interleave(2, dim=2) for plane in halved)
    decoded = torch.stack((luma + 1.402 * cr, luma - 0.344136 * cb - 0.714136 * cr, luma + 1.772 * cb), dim=1)
    return torch.round(decoded).clamp(0.0, 255.0)[..., :height, :width].to(torch.float32)


def _quarter(plane: Tensor) -> Tensor:
    """Sums of 2×2 blocks."""
    return plane[:, ::2, ::2] + plane[:, 1::2, ::2] + plane[:, ::2, 1::2] + plane[:, 1::2, 1::2]
