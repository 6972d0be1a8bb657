"""The networks that the study trains as targets, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from whyreid.models import TargetModel, agw_target, bot_target, sbs_target, thin_network

NETWORKS: Mapping[str, str] = MappingProxyType(
    {
        "thin": "residual network of 0.9 M parameters with batch normalisation",
        "thin-ibn": "the same, half of the early channels instance-normalised, 256 features",
        "bot-r18": "Bag of Tricks, ResNet-18",
        "sbs-r50": "stronger baseline, ResNet-50",
        "agw-r50": "AGW, ResNet-50 with non-local blocks",
    }
)
"""Name and description; the published ones start from ImageNet weights when they can be had."""


def new_network(name: str, *, seed: int) -> TargetModel:
    """An untrained target.

    Args:
        name: one of `NETWORKS`.
        seed: of the weights that are drawn.

    Raises:
        ValueError: another name.
    """
    builders: dict[str, Callable[[], TargetModel]] = {
        "thin": lambda: thin_network(seed=seed),
        "thin-ibn": lambda: thin_network(features=256, instance_norm=True, seed=seed),
        "bot-r18": lambda: bot_target(18, imagenet=True, seed=seed),
        "sbs-r50": lambda: sbs_target(50, imagenet=True, seed=seed),
        "agw-r50": lambda: agw_target(imagenet=True, seed=seed),
    }
    if name not in builders:
        raise ValueError(f"network must be one of {', '.join(NETWORKS)}, got {name!r}.")
    return builders[name]()
