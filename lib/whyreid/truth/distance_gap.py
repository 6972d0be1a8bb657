"""How far an explanation's parts are from adding up to the distance that they explain."""

from __future__ import annotations

from torch import Tensor

from whyreid.tensor_checks import require_floats


def relative_gap(distmat: Tensor, explained_distmat: Tensor) -> float:
    """Mean over pairs of ``|d - explained| / d``: the gap of AMD's code, the ADRE of its tables (there in percent).

    Small is necessary, not sufficient: an explanation that gives every attribute the same share has no gap and says
    nothing. Pairs at distance zero have no relative gap and are left out.

    Args:
        distmat: [Q, G], the target's distances, >= 0.
        explained_distmat: [Q, G], the sum of an explanation's contributions
            (`whyreid.explain.interpreter_distances`).

    Returns:
        Fraction >= 0, NaN when every distance is zero.

    Raises:
        TypeError: not floating-point tensors.
        ValueError: shapes differ or a distance is negative.

    Example:
        >>> import torch
        >>> relative_gap(torch.tensor([[2.0, 4.0]]), torch.tensor([[1.0, 5.0]]))
        0.375
    """
    require_floats("distmat", distmat, "[Q, G]")
    require_floats("explained_distmat", explained_distmat, "[Q, G]")
    if distmat.shape != explained_distmat.shape:
        raise ValueError(
            f"explained_distmat must be {list(distmat.shape)} as distmat is, got {list(explained_distmat.shape)}."
        )
    if bool((distmat < 0).any()):
        raise ValueError("distmat must be >= 0, got negative values; pass distances, not similarities.")
    apart = distmat > 0
    distances, explained = distmat[apart], explained_distmat[apart]
    return ((distances - explained).abs() / distances).double().mean().item()
