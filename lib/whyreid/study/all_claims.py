"""Every claim that the book makes with several seeds."""

from __future__ import annotations

from whyreid.study.claims import Unit
from whyreid.study.lifting_claim import lifting_units
from whyreid.study.rarity_claim import rarity_units
from whyreid.study.retrieval_claim import retrieval_units


def all_units(*, device: str = "auto") -> tuple[Unit, ...]:
    """The units of all claims, in the order in which they are measured.

    Args:
        device: "auto", "cpu" or "cuda".
    """
    return (*retrieval_units(device=device), *rarity_units(device=device), *lifting_units(device=device))
