"""Which network is trained how in a preset."""

from __future__ import annotations

from dataclasses import dataclass

from whyreid.study.networks import NETWORKS
from whyreid.study.presets import size_of
from whyreid.training import TrainingRecipe, published_recipe, recipe_for


@dataclass(frozen=True)
class TargetPlan:
    """A network and its training.

    Attributes:
        network: a name of `NETWORKS`.
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

    Raises:
        ValueError: no such preset or network.

    Example:
        >>> target_plan("full").network, target_plan("paper").network, target_plan("paper").recipe.epochs
        ('thin', 'sbs-r50', 60)
    """
    size = size_of(preset)
    chosen = network or ("sbs-r50" if size == "paper" else "thin")
    if chosen not in NETWORKS:
        raise ValueError(f"network must be one of {', '.join(NETWORKS)}, got {chosen!r}.")
    if chosen.startswith("thin"):
        return TargetPlan(chosen, recipe_for("default" if size == "paper" else size))
    recipes = {
        "bot-r18": published_recipe("bot"),
        "sbs-r50": published_recipe("sbs"),
        "agw-r50": published_recipe("agw"),
    }
    return TargetPlan(chosen, recipes[chosen])
