"""The state of a training on disk: what it is a training of, how far it is, and everything needed to go on."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric

from whyreid.data.table import ReIDTable
from whyreid.models.target import TargetModel
from whyreid.training.atomic import write_whole
from whyreid.training.history import EpochRecord
from whyreid.training.recipe import TrainingRecipe

FILE = "checkpoint.pt"
_DECIDES = ("recipe", "seed", "table", "model")


def describe(
    model: TargetModel, table: ReIDTable, recipe: TrainingRecipe, seed: int, device: torch.device, fabric: Fabric
) -> dict[str, Any]:
    """Plain values that say what a training is made from; those of `_DECIDES` must agree when it is continued."""
    shapes = {name: list(value.shape) for name, value in model.state_dict().items()}
    settings = {
        "recipe": recipe.to_dict(),
        "seed": seed,
        "table": {"name": table.name, "digest": table.digest(), "images": len(table.images)},
        "model": {
            "architecture": None if model.architecture is None else dataclasses.asdict(model.architecture),
            "shapes": shapes,
        },
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "identities": int(table.pids.unique().numel()),
        "device": str(device),
        "precision": fabric.strategy.precision.precision,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    plain: dict[str, Any] = json.loads(json.dumps(settings))
    return plain


def refuse_other_settings(folder: Path, settings: dict[str, Any]) -> None:
    """Stop before any work when the folder holds a training of something else.

    Raises:
        ValueError: names what differs.
    """
    if not (folder / FILE).exists():
        return
    earlier = _read(folder)["settings"]
    for name in _DECIDES:
        if earlier[name] != settings[name]:
            raise ValueError(
                f"{folder} holds a training with another {name} ({_difference(earlier[name], settings[name])}); "
                "choose another folder, or remove this one to start again."
            )


def save(folder: Path, objective: Any, optimiser: Any, records: list[EpochRecord], settings: dict[str, Any]) -> None:
    """Replace the checkpoint in one step."""
    state = {
        "objective": objective.state_dict(),
        "optimiser": optimiser.state_dict(),
        "records": [dataclasses.asdict(record) for record in records],
        "settings": settings,
    }
    write_whole(folder / FILE, lambda aside: torch.save(state, aside))


def load(folder: Path, objective: Any, optimiser: Any) -> list[EpochRecord] | None:
    """Put a checkpoint's state into place; the records of the epochs done, or None without a checkpoint."""
    if not (folder / FILE).exists():
        return None
    state = _read(folder)
    objective.load_state_dict(state["objective"])
    optimiser.load_state_dict(state["optimiser"])
    return [EpochRecord(**record) for record in state["records"]]


def _read(folder: Path) -> dict[str, Any]:
    try:
        state: dict[str, Any] = torch.load(folder / FILE, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ValueError(
            f"{folder / FILE} cannot be read ({type(error).__name__}: {error}); remove it to start again."
        ) from error
    return state


def _difference(earlier: Any, now: Any) -> str:
    if isinstance(earlier, dict) and isinstance(now, dict):
        keys = [key for key in {**earlier, **now} if earlier.get(key) != now.get(key)]
        return "; ".join(f"{key}: {_difference(earlier.get(key), now.get(key))}" for key in keys[:5])
    return f"{earlier} there, {now} asked for"
