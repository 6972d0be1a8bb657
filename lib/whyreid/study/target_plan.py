"""Which network is trained how in a preset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from whyreid.study.presets import size_of
from whyreid.study.target_networks import require_target
from whyreid.training import TrainingRecipe, published_recipe, recipe_for

_FAMILIES: tuple[Literal["bot", "sbs", "agw"], ...] = ("bot", "sbs", "agw")


@dataclass(frozen=True)
class TargetPlan:
    """A network and its training.

    Attributes:
        network: a name of `whyreid.study.target_networks.TARGETS`.
        recipe: schedule, losses and augmentation.
    """

    network: str
    recipe: TrainingRecipe


def target_plan(preset: str, network: str | None = None) -> TargetPlan:
    """The target of a preset: the thin network with a short recipe, or a published one as published.

    Args:
        preset: "smoke", "default", "full" or "paper".
        network: another one than the preset's own: thin networks take the preset's recipe (under "paper" that of
            "default", nothing being published for them), published ones their paper's, whatever the preset.

    Returns:
        ``paper`` is SBS on a ResNet-50, the target that AMD explains; all others are the thin network.

    Measured: "thin" and "thin-ibn" by the recipe of "default" with three seeds on Promenade, in and across its towns,
    see ``book/results/retrieval``. "thin" on the real pictures of a sample of Market-1501 (400 identities, 80 of them
    kept for validation; 645 queries of 150 others), one seed, 227 s of training on two cores: rank-1 79.1, mAP 64.4,
    mINP 33.7 %, re-ranked 84.2, 81.1, 65.4 %. The published schedules have not been run to their end: they want a
    GPU.

    Raises:
        ValueError: no such preset or network.

    Example:
        >>> target_plan("full").network, target_plan("paper").network, target_plan("paper").recipe.epochs
        ('thin', 'sbs-r50', 60)
    """
    size = size_of(preset)
    chosen = network or ("sbs-r50" if size == "paper" else "thin")
    require_target(chosen)
    family = chosen.partition("-")[0]
    if family == "thin":
        return TargetPlan(chosen, recipe_for("default" if size == "paper" else size))
    recipes: dict[str, TrainingRecipe] = {name: published_recipe(name) for name in _FAMILIES}
    return TargetPlan(chosen, recipes[family])
