"""Explanations of pairs and of rank lists."""

from whyreid.explain.pair import KINDS, Kind, PairExplainer, PairExplanation, explain_in_chunks, join_explanations

__all__ = [
    "KINDS",
    "Kind",
    "PairExplainer",
    "PairExplanation",
    "explain_in_chunks",
    "join_explanations",
]
