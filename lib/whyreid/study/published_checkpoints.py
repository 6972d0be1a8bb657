"""Checkpoint files of other repositories, read by the name of the model that they are said to hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from whyreid.models import TargetModel, target_from_checkpoint
from whyreid.models.converters import Source, bare_state
from whyreid.models.published import DEPTHS

# torchreid writes the rank-1 so far beside the weights, as a number of numpy (under its name of version 1 or 2).
_SCALAR: Any = np.float64(0).__reduce__()[0]
_NUMBERS: list[Any] = [_SCALAR, (_SCALAR, "numpy.core.multiarray.scalar"), np.dtype]
_NUMBERS += [np.dtypes.Float32DType, np.dtypes.Float64DType]


@dataclass(frozen=True)
class PublishedModel:
    """What a checkpoint of a published model holds.

    Attributes:
        depth: of the ResNet.
        poolings: "gem" or "average"; both where its repositories have both.
        non_local: whether it has non-local blocks; None = with or without.
        image_size: (height, width) at which it was trained; no checkpoint says it.
    """

    depth: int
    poolings: tuple[str, ...]
    non_local: bool | None
    image_size: tuple[int, int] = (256, 128)

    def misfits(self, arguments: Mapping[str, Any]) -> list[str]:
        """What about a `resnet_target` with these arguments contradicts the name; nothing when they agree."""
        has_blocks = any(arguments["non_local"])
        checks = {
            f"a ResNet-{arguments['depth']}": arguments["depth"] == self.depth,
            f"{arguments['pooling']} pooling": arguments["pooling"] in self.poolings,
            "non-local blocks" if has_blocks else "no non-local blocks": self.non_local in (None, has_blocks),
        }
        return [found for found, agrees in checks.items() if not agrees]


CHECKPOINTS: Mapping[str, PublishedModel] = MappingProxyType(
    {
        **{f"bot-r{depth}": PublishedModel(depth, ("average",), False) for depth in DEPTHS},
        **{f"sbs-r{depth}": PublishedModel(depth, ("gem",), None, (384, 128)) for depth in DEPTHS},
        "agw-r50": PublishedModel(50, ("gem",), True),
        "torchreid-r50": PublishedModel(50, ("average",), False),
    }
)
"""BoT and SBS as fast-reid or (BoT) the AGW repository wrote them, AGW of either, and torchreid's two ResNet-50."""


def load_published(path: Path, network: str, *, image_size: tuple[int, int] | None = None) -> TargetModel:
    """A target with the weights of a published checkpoint; the repository that wrote it is told from its keys.

    Args:
        path: the file. It is read without running any code in it.
        network: what it is said to hold, one of `CHECKPOINTS`. fast-reid's SBS may have non-local blocks.
        image_size: (height, width) at which it was trained; None = as published.

    Returns:
        The target in evaluation mode, see `target_from_checkpoint`.

    Raises:
        FileNotFoundError: no such file.
        ValueError: an unknown name, a file that is no checkpoint of these repositories, weights of another network than
            the name says, or keys that do not fit (they are named).
    """
    if network not in CHECKPOINTS:
        raise ValueError(f"a checkpoint's network must be one of {', '.join(CHECKPOINTS)}, got {network!r}.")
    state, model = bare_state(_read(path)), CHECKPOINTS[network]
    source = _source(state, path)
    if (source == "torchreid") != network.startswith("torchreid"):
        raise ValueError(f"{path} has the keys of a {source} model, which is no {network}; name another network.")
    target = target_from_checkpoint(state, source=source, image_size=image_size or model.image_size)
    misfits = model.misfits(target.architecture.arguments) if target.architecture else []
    if misfits:
        raise ValueError(f"{path} holds {' and '.join(misfits)}, which is no {network}; name another network.")
    return target


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is no file; name the checkpoint itself.")
    try:
        with torch.serialization.safe_globals(_NUMBERS):
            content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ValueError(
            f"{path} cannot be read as weights ({type(error).__name__}); where it holds a pickled model, open it in "
            "the repository that wrote it and save its state_dict(); otherwise fetch the file again."
        ) from error
    if not isinstance(content, Mapping):
        raise ValueError(f"{path} must hold a state dict, got {type(content).__name__}; save the model's state_dict().")
    return dict(content)


def _source(state: Mapping[str, Any], path: Path) -> Source:
    """Which repository names its keys like this."""
    marks: dict[Source, str] = {"fastreid": "backbone.", "agw": "base.", "torchreid": "conv1."}
    for source, mark in marks.items():
        if any(key.startswith(mark) for key in state):
            return source
    raise ValueError(
        f"the keys of {path} are not those of fast-reid, torchreid or the AGW repository: {sorted(state)[:5]}; build "
        "the network, load its weights and wrap it in a TargetModel."
    )
