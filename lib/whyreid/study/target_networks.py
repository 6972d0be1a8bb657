"""The networks that the commands train and evaluate by name: the study's, and the published ones at any depth."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from whyreid.models import TargetModel, bot_target, sbs_target
from whyreid.models.published import Depth
from whyreid.study.networks import NETWORKS, new_network

_FAMILIES = {"bot": "Bag of Tricks", "sbs": "stronger baseline"}
_DEPTHS: dict[str, Depth] = {"r18": 18, "r34": 34, "r50": 50, "r101": 101}
_PUBLISHED = {
    f"{family}-{size}": f"{name}, ResNet-{depth}"
    for family, name in _FAMILIES.items()
    for size, depth in _DEPTHS.items()
}
TARGETS: Mapping[str, str] = MappingProxyType({**NETWORKS, **_PUBLISHED})
"""Name and description; the published ones start from ImageNet weights when they can be had."""


def new_target(name: str, *, seed: int) -> TargetModel:
    """An untrained target.

    Args:
        name: one of `TARGETS`.
        seed: of the weights that are drawn.

    Raises:
        ValueError: another name.
    """
    require_target(name)
    if name in NETWORKS:
        return new_network(name, seed=seed)
    family, _, size = name.partition("-")
    builder = bot_target if family == "bot" else sbs_target
    return builder(_DEPTHS[size], imagenet=True, seed=seed)


def require_target(name: str) -> None:
    """Refuse a name that is not in `TARGETS`.

    Raises:
        ValueError: lists those that are.
    """
    if name not in TARGETS:
        raise ValueError(f"network must be one of {', '.join(TARGETS)}, got {name!r}.")


def network_name(target: TargetModel) -> str:
    """What a target of this library's builders is called in `TARGETS`.

    Returns:
        The name; "own network" when the library did not build it, or builds nothing like it under a name.

    Example:
        >>> network_name(new_target("thin-ibn", seed=0))
        'thin-ibn'
    """
    if target.architecture is None:
        return "own network"
    name, arguments = target.architecture.name, target.architecture.arguments
    if name == "thin_network":
        return "thin-ibn" if arguments["instance_norm"] else "thin"
    family = "agw" if any(arguments["non_local"]) else "sbs" if arguments["pooling"] == "gem" else "bot"
    found = f"{family}-r{arguments['depth']}"
    return found if found in TARGETS and arguments["neck"] == "batch_norm" else "own network"
