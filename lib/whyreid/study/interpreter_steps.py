"""What the chapters on the metric interpreter share: a trained interpreter, and what it says about every picture."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch

from whyreid.data import ReIDTable, attribute_frequencies
from whyreid.losses.metric_distillation import OverAttributes
from whyreid.models import TargetModel
from whyreid.models.interpreter import Interpreter, Start
from whyreid.study.artifacts import artifact
from whyreid.study.presets import Size
from whyreid.study.steps import TrainedTarget
from whyreid.training import (
    AttributeEmbeddings,
    Augmentation,
    InterpreterRecipe,
    embed_attributes,
    load_interpreter,
    load_target,
    train_interpreter,
)
from whyreid.training.device import resolve_device

logger = logging.getLogger(__name__)

SHARED = {"thin_network": "stage2", "resnet_target": "layer2"}
"""Last module that an interpreter shares with its target, by architecture; "layer2" of a ResNet is the paper's."""
HIDDEN = {"thin_network": 64}
"""Width of the decomposition head by architecture; 256, the official code's, elsewhere."""


@dataclass(frozen=True, eq=False)
class TrainedInterpreter:
    """An interpreter and where it came from.

    Attributes:
        model: in evaluation mode, on the CPU.
        history: one row an epoch: epoch, seconds, learning_rate and the mean of each loss.
        folder: the artifact that holds its weights; its name is the digest of target, recipe, data, seed and code.
        attributes: the names that it explains by, in the order of its maps.
        over_attributes: "mean" or "sum", the form that it was trained with.
    """

    model: Interpreter
    history: pd.DataFrame
    folder: Path
    attributes: tuple[str, ...]
    over_attributes: OverAttributes


def interpreter_recipe_for(preset: Size) -> InterpreterRecipe:
    """The recipe of a preset, for a thin target ("smoke", "default") or a published one ("paper").

    "default" was chosen on the validation identities of Promenade's first town, for the thin target of seed 0 (ranking
    mAP 75.5 %), by gap, exclusive X-mAP and mAP of the interpreter's own ranking, in per cent:

    ==========================================================  ====  =====  ====
    steps of 24 pictures, weight of the distillation, shared     gap  X-mAP   mAP
    ==========================================================  ====  =====  ====
    402, 1, up to stage1                                         5.5   72.0  73.2
    402, 1, up to stage2                                         6.2   73.4  73.3
    402, 1, up to stage2, rate 2e-3                              6.4   72.4  72.9
    1005, 1, up to stage2                                        7.9   79.2  68.4
    402, 20, up to stage2                                        2.9   73.6  75.4
    402, 20, up to stage2, rate 3e-4                             2.4   71.9  75.3
    402, 20, up to stage2, weight decay 0.05                     2.9   73.6  75.4
    804, 20, up to stage2                                        4.6   76.5  74.7
    ==========================================================  ====  =====  ====

    Longer training buys agreement with labels and pays with the gap; 720 steps take about a minute of one CPU core. The
    number of steps does not depend on the size of the table.

    Args:
        preset: "smoke" runs in seconds, "default" in minutes on two CPU cores; "paper" has the length, batch and
            augmentation of AMD's official code, for a GPU.

    Raises:
        ValueError: no such preset.
    """
    recipes = {
        "smoke": InterpreterRecipe(epochs=2, batches_per_epoch=10, learning_rate=1e-3, distillation_weight=20.0),
        "default": InterpreterRecipe(epochs=10, batches_per_epoch=72, learning_rate=1e-3, distillation_weight=20.0),
        "paper": InterpreterRecipe(epochs=60, learning_rate=1e-4, augmentation=Augmentation()),
    }
    if preset not in recipes:
        raise ValueError(f"preset must be one of {', '.join(recipes)}, got {preset!r}.")
    return recipes[preset]


def explained_attributes(table: ReIDTable, *, splits: Sequence[str] = ("train",)) -> tuple[str, ...]:
    """The attributes that an interpreter can learn from a table, in schema order.

    Left out are ages, as in AMD (Chen et al., arXiv 2103.01451: 26 of Market-1501's 30), and attributes in which no two
    of the identities differ: nothing could be put down to them.

    Args:
        table: with attributes.
        splits: those whose identities count.

    Raises:
        ValueError: the table has no attributes, or none is left.
    """
    found = attribute_frequencies(table.select(*splits))
    varies = (found["positive"] > 0) & (found["positive"] < found["known"]) & (found["group"] != "age")
    if not varies.any():
        raise ValueError(f"attributes must differ between identities of {list(splits)}, got none that does.")
    return tuple(found.index[varies])


def trained_interpreter(
    target: TrainedTarget,
    table: ReIDTable,
    recipe: InterpreterRecipe,
    *,
    seed: int,
    share_until: str | None = "default",
    start: Start = "fresh",
    attributes: Sequence[str] | None = None,
    device: str = "auto",
    progress: bool = False,
) -> TrainedInterpreter:
    """An interpreter of a target, trained on the splits that the recipe names; at the second call it is only loaded.

    Pictures of people with an unknown (NA) label are left out of the training: what the prior asks of a pair depends on
    the number of labels that differ. A garment whose colours are all "no" counts as annotated, as in the official code,
    though it means an unknown or mixed colour.

    Args:
        target: from `trained_target`; a copy of its model is frozen.
        table: with attributes.
        recipe: see `InterpreterRecipe`.
        seed: of the new weights and of the order of pictures.
        share_until: last shared module of the target's network; "default" = that of `SHARED`, None = share nothing.
        start: "fresh" or "target", see `Interpreter`.
        attributes: names to explain by; None = `explained_attributes`.
        device: "auto", "cpu" or "cuda".
        progress: show a bar.

    Raises:
        ValueError: no attributes; nobody whose labels are all known.
    """
    names = tuple(attributes or explained_attributes(table, splits=recipe.splits))
    learned = _annotated(table.select(*recipe.splits).select_attributes(names))
    shared = _default_share(target.model) if share_until == "default" else share_until
    hidden = HIDDEN.get(target.model.architecture.name if target.model.architecture else "", 256)

    def build() -> Interpreter:
        own_copy = load_target(target.folder)
        return Interpreter(own_copy, len(names), share_until=shared, start=start, hidden_channels=hidden, seed=seed)

    def make(folder: Path) -> None:
        train_interpreter(build(), learned, recipe, folder=folder, seed=seed, device=device, progress=progress)

    inputs = {"target": target.folder, "table": learned, "recipe": recipe, "seed": seed}
    inputs |= {"share_until": shared, "start": start, "hidden_channels": hidden, "device": resolve_device(device).type}
    code = ["whyreid.training.train_interpreter", "whyreid.models.Interpreter"]
    folder = artifact("interpreter", inputs, make, code=code)
    history = pd.DataFrame(json.loads((folder / "history.json").read_text(encoding="utf-8"))["epochs"])
    return TrainedInterpreter(load_interpreter(folder, build()), history, folder, names, recipe.over_attributes)


def attribute_embeddings_of(
    interpreter: TrainedInterpreter, table: ReIDTable, *, device: str = "auto", progress: bool = False
) -> AttributeEmbeddings:
    """What an interpreter says about every picture of a table, in its row order, and kept; see `AttributeEmbeddings`.

    Args:
        interpreter: from `trained_interpreter`.
        table: the pictures; any data set, its attributes are not looked at.
        device: "auto", "cpu" or "cuda".
        progress: show a bar.
    """

    def make(folder: Path) -> None:
        found = embed_attributes(interpreter.model, table, device=device, progress=progress)
        torch.save(found._asdict(), folder / "attribute-embeddings.pt")

    inputs = {"interpreter": interpreter.folder, "table": table, "device": resolve_device(device).type}
    folder = artifact("attribute-embeddings", inputs, make, code=["whyreid.training.embed_attributes"])
    return AttributeEmbeddings(**torch.load(folder / "attribute-embeddings.pt", weights_only=True))


def _default_share(target: TargetModel) -> str:
    architecture = target.architecture
    if architecture is None or architecture.name not in SHARED:
        raise ValueError(
            'share_until must name a module of the target\'s network, got "default", which is known for '
            f"{', '.join(SHARED)} only; list(target.backbone.named_modules()) shows the names."
        )
    return SHARED[architecture.name]


def _annotated(table: ReIDTable) -> ReIDTable:
    """The pictures of people whose labels are all known."""
    known = table.attribute_known().all(dim=1)
    if bool(known.all()):
        return table
    if not bool(known.any()):
        raise ValueError(f"{table.name} must have people whose attributes are all known, got none; choose attributes.")
    logger.info("%d of %d pictures are left out: a label of their person is unknown", int((~known).sum()), len(known))
    return table.take(known)
