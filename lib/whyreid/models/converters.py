"""Published checkpoints by key mapping: fast-reid's BoT, SBS and AGW, torchreid's ResNet-50, the AGW repository's.

The key lists are those of the originals' sources: fast-reid (JDAI-CV/fast-reid 4f90197, fastreid/modeling/backbones/
resnet.py, and heads/embedding_head.py), torchreid (KaiyangZhou/deep-person-reid 03d0674, torchreid/models/resnet.py)
and AGW (mangye16/ReID-Survey 0a1cb38, modeling/baseline.py, with backbones/resnet_nl.py). What the file says about the
network (depth, non-local blocks, pooling, neck) is read from its keys; the classifier of the training identities is
left out. A key that has no place, or a place without a key, is an error that names it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from torch import Tensor

from whyreid.models.published import resnet_target
from whyreid.models.target import TargetModel
from whyreid.models.target_file import load_state

Source = Literal["fastreid", "torchreid", "agw"]
_WRAPPERS = ("model", "state_dict")
_BLOCKS = {(2, False): 18, (6, False): 34, (6, True): 50, (23, True): 101}  # blocks of layer3, bottlenecks


def target_from_checkpoint(
    state: Mapping[str, Any], *, source: Source, image_size: tuple[int, int] = (256, 128)
) -> TargetModel:
    """A target with the weights of a published checkpoint.

    Args:
        state: the state dict, bare or under "model" or "state_dict", with or without "module." before each key. Read
            the file with ``torch.load(path, map_location="cpu", weights_only=True)``; a file that holds a whole pickled
            module needs its own repository to be opened: do that there and pass ``module.state_dict()``.
        source: "fastreid" (ResNet-18/34/50/101 of BoT, SBS or AGW, without IBN and SE), "torchreid" (``resnet50`` or
            ``resnet50_fc512``) or "agw" (the repository of the AGW paper, ``resnet50`` or ``resnet50_nl``).
        image_size: (height, width) that the model was trained at; no checkpoint says it.

    Returns:
        The target in evaluation mode, with the original's pooling, neck and way of comparing: cosine distance for
        fast-reid and AGW, Euclidean for torchreid.

    Raises:
        ValueError: an unknown source, a network that is not a plain ResNet, or keys that do not fit (all are named).
    """
    if source not in _CONVERTERS:
        raise ValueError(f"source must be one of {', '.join(_CONVERTERS)}, got {source!r}.")
    bare = bare_state(state)
    arguments, renamed = _CONVERTERS[source](bare)
    target = resnet_target(**arguments, image_size=image_size)
    for name, value in target.state_dict().items():
        if name.endswith("num_batches_tracked"):  # not in files written before PyTorch 0.4.1, and of no use here
            renamed.setdefault(name, value)
    load_state(target, renamed, f"a {source} checkpoint")
    return target.eval()


def bare_state(state: Mapping[str, Any]) -> dict[str, Tensor]:
    """The state dict of a checkpoint itself, without wrapping and without DataParallel's "module.".

    Args:
        state: as `target_from_checkpoint` takes it.

    Raises:
        ValueError: no tensors, or other values among them (their names are given).
    """
    for name in _WRAPPERS:
        if isinstance(state.get(name), Mapping):
            state = state[name]
    bare = {key.removeprefix("module."): value for key, value in state.items()}
    wrong = [key for key, value in bare.items() if not isinstance(value, Tensor)]
    if wrong or not bare:
        raise ValueError(
            f"state must map names to tensors, got other values at {wrong[:5]}; pass the state dict itself."
        )
    return bare


def _fastreid(state: dict[str, Tensor]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    backbone, rest = _split(state, "backbone.")
    heads, left = _split(rest, "heads.")
    head: dict[str, Tensor] = {}
    for key, value in heads.items():
        if key == "weight" or key.startswith("classifier."):
            continue
        name = key.replace("bottleneck.0.", "neck.").replace("bnneck.", "neck.").replace("pool_layer.p", "pooling.p")
        head[name] = value
    left = {key: value for key, value in left.items() if key not in ("pixel_mean", "pixel_std")}
    arguments = _describe(backbone) | {
        "pooling": "gem" if "pooling.p" in head else "average",
        "padded_max_pool": False,
    }
    return arguments, _backbone(backbone, arguments) | head | left


def _torchreid(state: dict[str, Tensor]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    kept = {key: value for key, value in state.items() if not key.startswith("classifier.")}
    connected, backbone = _split(kept, "fc.")
    arguments = _describe(backbone) | {
        "pooling": "average",
        "neck": "linear_512" if connected else "none",
        "last_stride": 1 if connected else 2,
        "distance": "euclidean",
    }
    return arguments, _backbone(backbone, arguments) | {f"neck.{key}": value for key, value in connected.items()}


def _agw(state: dict[str, Tensor]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    backbone, rest = _split(state, "base.")
    head = {
        key.replace("bottleneck.", "neck.").replace("global_pool.p", "pooling.p"): value
        for key, value in rest.items()
        if not key.startswith("classifier.")
    }
    arguments = _describe(backbone) | {
        "pooling": "gem" if "pooling.p" in head else "average",
        "first_relu": False,
    }
    return arguments, _backbone(backbone, arguments) | head


_CONVERTERS = {"fastreid": _fastreid, "torchreid": _torchreid, "agw": _agw}


def _split(state: dict[str, Tensor], prefix: str) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Keys below the prefix (without it), and the others."""
    inside = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    return inside, {key: value for key, value in state.items() if not key.startswith(prefix)}


def _describe(backbone: dict[str, Tensor]) -> dict[str, Any]:
    """Depth and non-local blocks, from the keys of a ResNet."""
    unsupported = sorted(key for key in backbone if re.search(r"\.(IN|BN|se)\.", key))
    if unsupported:
        raise ValueError(
            f"only plain ResNets can be converted, got instance normalisation or squeeze-and-excitation "
            f"({', '.join(unsupported[:3])}, ... {len(unsupported)} keys); wrap the original module in a TargetModel."
        )
    blocks = {int(match[1]) for key in backbone if (match := re.match(r"layer3\.(\d+)\.", key))}
    depth = _BLOCKS.get((len(blocks), "layer3.0.conv3.weight" in backbone))
    if depth is None:
        raise ValueError(
            f"the keys are not those of a ResNet-18, 34, 50 or 101 (layer3 has {len(blocks)} blocks): "
            f"{sorted(backbone)[:5]}; check the source, or wrap the original module in a TargetModel."
        )
    counts = [len({key.split(".")[1] for key in backbone if key.startswith(f"NL_{n}.")}) for n in (1, 2, 3, 4)]
    return {"depth": depth, "non_local": tuple(counts)}


def _backbone(state: dict[str, Tensor], arguments: dict[str, Any]) -> dict[str, Tensor]:
    """Names below ``backbone.``; the i-th non-local block of a layer follows the i-th of its last blocks."""
    renamed = {}
    for key, value in state.items():
        match = re.match(r"NL_(\d)\.(\d+)\.(.*)", key)
        if match:
            layer, number = int(match[1]), int(match[2])
            blocks = len({k.split(".")[1] for k in state if k.startswith(f"layer{layer}.")})
            place = blocks - arguments["non_local"][layer - 1] + number
            key = f"layer{layer}.non_local{place}.{match[3]}"
        renamed[f"backbone.{key}"] = value
    return renamed
