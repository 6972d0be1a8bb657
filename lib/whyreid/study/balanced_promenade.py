"""Promenade in which every value of an attribute group is as frequent as the others."""

from __future__ import annotations

from pathlib import Path

from whyreid.data import ReIDTable
from whyreid.pedestrians import render_promenade
from whyreid.study.artifacts import artifact
from whyreid.study.presets import size_of


def balanced_promenade(*, preset: str) -> ReIDTable:
    """Domain A with balanced attribute frequencies instead of Market-1501's; rendered once, found again afterwards.

    Args:
        preset: size of the data.
    """
    size = size_of(preset)

    def make(folder: Path) -> None:
        render_promenade(folder, domain="A", preset=size, seed=0, frequencies="balanced")

    inputs = {"domain": "A", "preset": size, "seed": 0, "frequencies": "balanced"}
    return ReIDTable.load(artifact("promenade", inputs, make, code=["whyreid.pedestrians.render_promenade"]))
