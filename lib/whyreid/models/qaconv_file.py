"""QAConv on disk: our own files, and the checkpoints that the authors' code writes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from whyreid.models.published import resnet_target
from whyreid.models.qaconv_features import QAConvModel, qaconv_from_target, resnet50_qaconv, thin_qaconv
from whyreid.models.target import Architecture, ImageInput, TargetModel
from whyreid.models.target_file import load_state
from whyreid.models.thin import thin_network

FORMAT = "whyreid-qaconv-1"
_UNUSED_LAYERS = ("base.layer4.", "base.fc.")  # the authors keep the whole ResNet and use it up to layer3
_MEMORY = ("class_memory", "valid_class")


def save_qaconv(model: QAConvModel, path: Path) -> None:
    """Write extractor and matcher: weights, picture size, and how they are built.

    Args:
        model: of this library's builders, or of any network.
        path: file to write, usually qaconv.pt.
    """
    architecture = None if model.architecture is None else dataclasses.asdict(model.architecture)
    content = {"format": FORMAT, "architecture": architecture, "state": model.state_dict()}
    torch.save({**content, "image_input": dataclasses.asdict(model.image_input)}, path)


def load_qaconv(path: Path, *, model: QAConvModel | None = None) -> QAConvModel:
    """Read what `save_qaconv` wrote, in evaluation mode on the CPU.

    Args:
        path: the file.
        model: a freshly built model of the same shape, for networks that this library does not build itself.

    Returns:
        ``model`` with the stored weights, or a new one.

    Raises:
        FileNotFoundError: no such file.
        ValueError: another kind of file, an unknown network, or weights that do not fit (the keys are named).
    """
    content = _read(Path(path))
    if content.get("format") != FORMAT:
        raise ValueError(f"{path} is no file of save_qaconv; a checkpoint of the authors needs load_published_qaconv.")
    built = model or _build(content["architecture"], Path(path))
    load_state(built, content["state"], str(path))
    built.features.image_input = ImageInput(**content["image_input"])
    return built.eval()


def load_published_qaconv(path: Path, model: QAConvModel) -> QAConvModel:
    """Take the weights of a checkpoint that the authors' code wrote (checkpoint.pth.tar, versions 1.0 to 2.1).

    The extractor lies under "model", the matcher under "criterion", by itself (1.x) or inside a loss (2.x). Layers
    after the cut, the class memory and the optimiser are left out.

    Args:
        path: the checkpoint; read without running code from it.
        model: of the same version, neck and network, for example ``resnet50_qaconv(version="1.0")``.

    Returns:
        ``model`` with these weights, in evaluation mode.

    Raises:
        FileNotFoundError: no such file.
        ValueError: no checkpoint of QAConv, or weights that do not fit (the keys are named).
    """
    content = _read(Path(path))
    if not {"model", "criterion"} <= content.keys():
        raise ValueError(
            f"{path} must hold model and criterion, as the authors' code writes them, got {sorted(content)}; a file of "
            "save_qaconv needs load_qaconv."
        )
    extractor = _without_prefix(content["model"], "module.")
    matcher = _without_prefix(_without_prefix(content["criterion"], "module."), "matcher.")
    used = {key: value for key, value in extractor.items() if not key.startswith(_UNUSED_LAYERS)}
    load_state(model.features, used, f'"model" of {path}')
    load_state(model.matcher, {k: v for k, v in matcher.items() if k not in _MEMORY}, f'"criterion" of {path}')
    return model.eval()


def _without_prefix(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in state.items()}


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; train QAConv first, or name its checkpoint.")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a torn file can fail in many ways
        raise ValueError(f"{path} cannot be read ({type(error).__name__}: {error}); write it again.") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds {type(content).__name__}, no weights of QAConv.")
    return content


def _build(architecture: dict[str, Any] | None, path: Path) -> QAConvModel:
    if architecture is None or architecture["name"] not in _BUILDERS:
        raise ValueError(
            f"{path} holds weights of a network that this library does not build; build it and pass it as model=."
        )
    return _BUILDERS[architecture["name"]](**architecture["arguments"])


def _from_target(*, target: dict[str, Any], image_size: tuple[int, int], **arguments: Any) -> QAConvModel:
    """QAConv on a target of this library, built anew; the weights come from the file."""
    described = Architecture(**target)
    base = _TARGETS[described.name](**described.arguments)
    base.image_input = ImageInput(*image_size)
    return qaconv_from_target(base, **arguments)


_TARGETS: dict[str, Callable[..., TargetModel]] = {"thin_network": thin_network, "resnet_target": resnet_target}
_BUILDERS: dict[str, Callable[..., QAConvModel]] = {
    "thin_qaconv": thin_qaconv,
    "resnet50_qaconv": resnet50_qaconv,
    "qaconv_from_target": _from_target,
}
