"""Every claim that the book makes with several seeds."""

from __future__ import annotations

from whyreid.study.claims import Unit
from whyreid.study.correspondences_claim import correspondences_units
from whyreid.study.cross_domain_claim import cross_domain_units
from whyreid.study.faithfulness_claim import faithfulness_units
from whyreid.study.interpreter_claim import interpreter_units
from whyreid.study.lifting_claim import lifting_units
from whyreid.study.matching_truth_claim import matching_truth_units
from whyreid.study.planted_fault_claim import planted_fault_units
from whyreid.study.rarity_claim import rarity_units
from whyreid.study.retrieval_claim import retrieval_units
from whyreid.study.truth_claim import truth_units


def all_units(*, device: str = "auto") -> tuple[Unit, ...]:
    """The units of all claims, in the order in which they are measured.

    Args:
        device: "auto", "cpu" or "cuda".
    """
    return (
        *retrieval_units(device=device),
        *rarity_units(device=device),
        *lifting_units(device=device),
        *interpreter_units(device=device),
        *cross_domain_units(device=device),
        *correspondences_units(device=device),
        *truth_units(device=device),
        *faithfulness_units(device=device),
        *planted_fault_units(device=device),
        *matching_truth_units(device=device),
    )
