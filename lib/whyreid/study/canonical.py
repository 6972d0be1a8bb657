"""Inputs of a step as text: the same inputs give the same text, in every process and on every machine."""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def canonical_json(inputs: Mapping[str, Any]) -> str:
    """Write the inputs of a step as JSON with sorted keys, refusing what has no lasting text.

    Numbers, text, booleans and None stand for themselves; lists and tuples are the same thing; a dataclass is its
    name and its fields; a thing with a ``digest()`` (a `ReIDTable`) is its name and that digest; the folder of an
    artifact is its step and its digest, wherever it lies.

    Args:
        inputs: names and values; mappings inside need text keys.

    Returns:
        One line of JSON. Equal inputs give equal text, and 1, 1.0 and True are three different inputs.

    Raises:
        TypeError: a value of another type (a tensor, an array, a set, a function), with what to pass instead.
        ValueError: a path that is no artifact, or a number that is not finite.

    Example:
        >>> canonical_json({"widths": (32, 64), "seed": 0})
        '{"seed":0,"widths":[32,64]}'
    """
    return json.dumps(_plain(inputs, "inputs"), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest_text(text: str) -> str:
    """64 hexadecimal digits (SHA-256) of a text.

    Example:
        >>> digest_text("")[:8]
        'e3b0c442'
    """
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any, where: str) -> Any:
    if value is None or (isinstance(value, bool | str) and not isinstance(value, enum.Enum)):
        return value
    if type(value) in (int, float):
        if not math.isfinite(value):
            raise ValueError(f"{where} must be a finite number, got {value}; use None for 'not given'.")
        return value
    if isinstance(value, Path):
        return _artifact_path(value, where)
    if isinstance(value, Mapping):
        return {_text_key(key, where): _plain(item, f"{where}[{key!r}]") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, f"{where}[{index}]") for index, item in enumerate(value)]
    return _plain_object(value, where)


def _plain_object(value: Any, where: str) -> Any:
    name = type(value).__qualname__
    if isinstance(value, enum.Enum):
        return {"enum": name, "member": value.name}
    if not isinstance(value, type) and callable(getattr(value, "digest", None)):
        return {"class": name, "digest": value.digest()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {
            "class": name,
            "fields": {field.name: _plain(getattr(value, field.name), f"{where}.{field.name}") for field in fields},
        }
    raise TypeError(
        f"{where} must be numbers, text, lists, mappings or dataclasses of them, got {name}; {_hint(value)}"
    )


def _hint(value: Any) -> str:
    if type(value).__module__.startswith("torch"):
        return "pass what the tensor was made from, or the folder of the artifact that holds it."
    if type(value).__module__.startswith("numpy"):
        return "pass a scalar as int(x) or float(x), and an array as the artifact that holds it."
    if isinstance(value, set | frozenset):
        return "pass sorted(the set)."
    return "pass the numbers and names that describe it."


def _artifact_path(path: Path, where: str) -> dict[str, str]:
    record = path / "provenance.json"
    if not record.is_file():
        raise ValueError(f"{where} must not be a path, got {path}: it says where something lies, not what it is. "
                         "Pass the folder of an artifact, or a table or a digest of the file's content.")  # fmt: skip
    made = json.loads(record.read_text(encoding="utf-8"))
    return {"artifact": made["step"], "digest": made["digest"]}


def _text_key(key: Any, where: str) -> str:
    if not isinstance(key, str):
        raise TypeError(f"{where} must have text keys, got {key!r}; write str(key).")
    return key
