"""Arithmetic whose bits do not depend on the machine, the batch or the number of threads.

IEEE 754 rounds + − × ÷ √ exactly, so any order of *independent* operations gives the same bits; sine, exponential and
power functions do not (a vectorised loop and its scalar tail may differ in the last bit), nor do sums over an axis or
matrix products (their order of summation depends on the shape). The renderer therefore uses only the functions below:
sines are polynomials, dot products are written out, and random numbers are integer hashes of their coordinates.
"""

from __future__ import annotations

import torch
from torch import Tensor

_MULTIPLIERS = (0x2545F491, 0x1D872B41, 0x3C6EF372 | 1)
_SINE = (6.283185307, -41.34170224, 81.60524928, -76.70585975, 42.05869394)  # Taylor series of sin(2 pi x)


def sine(turns: Tensor) -> Tensor:
    """Sine of an angle in turns (1 = 360 degrees), error below 5e-6. Any shape, floating.

    Example:
        >>> [round(float(x), 3) for x in sine(torch.tensor([0.0, 1 / 12, 0.25, 0.75]))]
        [0.0, 0.5, 1.0, -1.0]
    """
    x = turns - torch.round(turns)
    x = torch.where(x > 0.25, 0.5 - x, torch.where(x < -0.25, -0.5 - x, x))
    square = x * x
    value = torch.full_like(x, _SINE[4])
    for coefficient in reversed(_SINE[:4]):
        value = value * square + coefficient
    return value * x


def cosine(turns: Tensor) -> Tensor:
    """Cosine of an angle in turns; see `sine`."""
    return sine(turns + 0.25)


def bump(turns: Tensor, centre: float, width: float) -> Tensor:
    """A periodic hill: 1 at ``centre``, 0 beyond ``width`` / 2 of it, smooth. Period one turn."""
    distance = turns - centre
    distance = (distance - torch.round(distance)) / width
    return 0.5 + 0.5 * cosine(distance.clamp(-0.5, 0.5))


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Dot product of [..., 3] vectors, summed in a fixed order."""
    return a[..., 0] * b[..., 0] + a[..., 1] * b[..., 1] + a[..., 2] * b[..., 2]


def cross(a: Tensor, b: Tensor) -> Tensor:
    """Cross product of [..., 3] vectors."""
    (ax, ay, az), (bx, by, bz) = a.unbind(-1), b.unbind(-1)
    return torch.stack((ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx), dim=-1)


def unit(a: Tensor) -> Tensor:
    """[..., 3] vectors scaled to length 1; the zero vector stays zero."""
    return a / dot(a, a).sqrt().clamp_min(1e-12).unsqueeze(-1)


def smoothstep(x: Tensor, low: Tensor | float, high: Tensor | float) -> Tensor:
    """0 below ``low``, 1 above ``high``, smooth between."""
    t = ((x - low) / (high - low)).clamp(0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def fourth_root_power(x: Tensor) -> Tensor:
    """The power 3/4 of x for x >= 0, by two square roots."""
    root = x.sqrt()
    return root * root.sqrt()


def hash_bits(*coordinates: Tensor) -> Tensor:
    """24 repeatable random bits for integer coordinates (at most three, broadcast together), int32.

    Multiply and xor-shift on 32-bit integers that wrap around; equal on every device.
    """
    value = coordinates[0].to(torch.int32) * _MULTIPLIERS[0]
    for coordinate, multiplier in zip(coordinates[1:], _MULTIPLIERS[1:], strict=False):
        value = value ^ (coordinate.to(torch.int32) * multiplier)
    for shift, multiplier in ((15, 0x2C1B3C6D), (12, 0x297A2D39)):
        value ^= (value >> shift) & (0x7FFFFFFF >> (shift - 1))
        value *= multiplier
    value ^= (value >> 15) & 0x1FFFF
    return (value >> 8) & 0xFFFFFF


def hash_unit(*coordinates: Tensor) -> Tensor:
    """A repeatable random number in [0, 1) for integer coordinates (int64, broadcast together), float32."""
    return hash_bits(*coordinates).to(torch.float32) / float(1 << 24)


def value_noise(x: Tensor, y: Tensor, seed: Tensor, *, period: Tensor | None = None) -> Tensor:
    """Smooth noise in [0, 1] over the plane: random values on the integer lattice, blended between.

    Args:
        x: first coordinate, floating; features are about one unit wide.
        y: second coordinate.
        seed: int64, broadcast with x and y; another seed is another pattern.
        period: int64; the pattern repeats after so many units of x, so that it closes around a tube.
    """
    column, row = torch.floor(x), torch.floor(y)
    fx, fy = x - column, y - row
    fx, fy = fx * fx * (3.0 - 2.0 * fx), fy * fy * (3.0 - 2.0 * fy)
    i, j = column.to(torch.int64), row.to(torch.int64)
    following = i + 1
    if period is not None:
        i, following = torch.remainder(i, period), torch.remainder(following, period)
    top = hash_unit(i, j, seed) * (1.0 - fx) + hash_unit(following, j, seed) * fx
    bottom = hash_unit(i, j + 1, seed) * (1.0 - fx) + hash_unit(following, j + 1, seed) * fx
    return top * (1.0 - fy) + bottom * fy
