"""Promenade: procedurally rendered pedestrians of whom everything is known."""

from whyreid.pedestrians.population import Correlation
from whyreid.pedestrians.promenade import render_promenade

__all__ = ["Correlation", "render_promenade"]
