"""Trained targets on disk: weights and the description of the network they belong to."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from whyreid.models.published import resnet_target
from whyreid.models.target import Architecture, ImageInput, TargetModel
from whyreid.models.thin import thin_network

FORMAT = 1
_BUILDERS: dict[str, Callable[..., TargetModel]] = {"thin_network": thin_network, "resnet_target": resnet_target}


def save_target(target: TargetModel, path: Path) -> None:
    """Write a target: weights, picture size and normalisation, distance, and how its network is built.

    Args:
        target: of this library (`thin_network`, ...) or wrapped around any network.
        path: file to write, usually target.pt. `whyreid.training.train_target` writes it for you.
    """
    torch.save(
        {
            "format": FORMAT,
            "architecture": None if target.architecture is None else dataclasses.asdict(target.architecture),
            "image_input": dataclasses.asdict(target.image_input),
            "distance": target.distance,
            "normalise": target.normalise,
            "state": target.state_dict(),
        },
        path,
    )


def load_target(folder: Path, *, target: TargetModel | None = None) -> TargetModel:
    """Read a trained target, in evaluation mode on the CPU.

    Args:
        folder: of a training (holds target.pt), or the file itself.
        target: a freshly built target of the same shape, for networks that this library does not build itself.

    Returns:
        ``target`` with the stored weights, or a new one.

    Raises:
        FileNotFoundError: no target.pt there: the training is not finished.
        ValueError: the file is no target, the network is unknown, or the weights do not fit (the keys are named).
    """
    path = Path(folder) / "target.pt" if Path(folder).is_dir() else Path(folder)
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; finish the training (train_target) first.")
    content = _read(path)
    built = target if target is not None else _build(content["architecture"], path)
    load_state(built, content["state"], str(path))
    built.image_input = ImageInput(**content["image_input"])
    built.distance, built.normalise = content["distance"], content["normalise"]
    return built.eval()


def load_state(target: torch.nn.Module, state: dict[str, Any], source: str) -> None:
    """Strictly load weights; a mismatch names the keys.

    Raises:
        ValueError: keys that are missing, left over, or of another shape.
    """
    own = target.state_dict()
    missing, unexpected = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
    shapes = [
        f"{key} {list(state[key].shape)} instead of {list(own[key].shape)}"
        for key in sorted(own.keys() & state.keys())
        if state[key].shape != own[key].shape
    ]
    if missing or unexpected or shapes:
        raise ValueError(
            f"the weights of {source} do not fit this network: missing {missing or 'none'}; left over "
            f"{unexpected or 'none'}; of another shape {shapes or 'none'}."
        )
    target.load_state_dict(state)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ValueError(f"{path} cannot be read ({type(error).__name__}: {error}); train the target again.") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f"{path} is no target of this library (format {FORMAT}); see save_target.")
    return content


def _build(architecture: dict[str, Any] | None, path: Path) -> TargetModel:
    if architecture is None or architecture["name"] not in _BUILDERS:
        raise ValueError(
            f"{path} holds weights of a network that this library does not build; build it and pass it as target=."
        )
    description = Architecture(**architecture)
    return _BUILDERS[description.name](**description.arguments)
