"""Promenade: procedurally rendered pedestrians of whom everything is known.

`render_promenade` writes a domain as a table folder; `read_identities`, `read_shots`, `read_masks` and `read_visible`
give its truth back; `render` makes any row again, and `counterfactual` makes what it would be with other attributes.
"""

from whyreid.pedestrians.counterfactual import (
    allowed_pixels,
    blend,
    changed_pixels,
    coalitions,
    counterfactual,
    edit,
    effect_region,
)
from whyreid.pedestrians.identity import GROUPS, Identity, differing_groups
from whyreid.pedestrians.parts import CLOSURES, REGIONS, Part
from whyreid.pedestrians.population import Correlation
from whyreid.pedestrians.promenade import render_promenade
from whyreid.pedestrians.promenade_folder import (
    read_families,
    read_identities,
    read_masks,
    read_shots,
    read_visible,
)
from whyreid.pedestrians.rendering import Rendering, attribute_regions, render, visible_pixels
from whyreid.pedestrians.shot import Shot
from whyreid.pedestrians.world import PRESETS, Preset

__all__ = [
    "CLOSURES",
    "GROUPS",
    "PRESETS",
    "REGIONS",
    "Correlation",
    "Identity",
    "Part",
    "Preset",
    "Rendering",
    "Shot",
    "allowed_pixels",
    "attribute_regions",
    "blend",
    "changed_pixels",
    "coalitions",
    "counterfactual",
    "differing_groups",
    "edit",
    "effect_region",
    "read_families",
    "read_identities",
    "read_masks",
    "read_shots",
    "read_visible",
    "render",
    "render_promenade",
    "visible_pixels",
]
