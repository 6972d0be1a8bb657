"""Train a metric interpreter: the target is frozen, only the attention for each attribute is learnt."""

from __future__ import annotations

import dataclasses
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor
from tqdm import tqdm

from whyreid.data.loading import MEMORY_LIMIT, ImageStore
from whyreid.data.sampling import IdentityBatches, relabel, seeded_generator
from whyreid.data.table import ReIDTable
from whyreid.models.interpreter import Interpreter
from whyreid.training.atomic import write_text, write_whole
from whyreid.training.augmentation import augment
from whyreid.training.device import resolve_device
from whyreid.training.fabric import launch_fabric
from whyreid.training.interpreter_objective import InterpreterLosses, InterpreterObjective, InterpreterRecipe
from whyreid.training.randomness import random_states_kept, seed_everything

logger = logging.getLogger(__name__)
_SAMPLER, _AUGMENTATION, _NETWORK = range(3)
_CACHE_BATCH = 128


def train_interpreter(
    interpreter: Interpreter,
    table: ReIDTable,
    recipe: InterpreterRecipe,
    *,
    folder: Path,
    seed: int,
    device: str | torch.device = "auto",
    progress: bool = False,
) -> list[dict[str, float]]:
    """Train an interpreter on the pictures and attributes of a table, or continue where an interruption left off.

    Every random decision depends on (seed, epoch, step) alone: on a CPU with the same number of threads the final
    weights are the same bit for bit whether the training was interrupted or not. The finished weights lie in
    ``interpreter.pt`` (`load_interpreter`), the losses in ``history.json``.

    Args:
        interpreter: trained in place and left in evaluation mode on its device.
        table: with attributes, all known for the pictures of ``recipe.splits``.
        recipe: see `InterpreterRecipe`.
        folder: made when absent; holds one training.
        seed: of the order of pictures, augmentation and dropout; the initial weights are the interpreter's own.
        device: "auto", "cpu", "cuda" or "cuda:1".
        progress: show a bar.

    Returns:
        One entry for each epoch: epoch, seconds, learning_rate and the mean of each of `InterpreterLosses`.

    Raises:
        ValueError: the table has another number of attributes or unknown ones; the folder holds another training.
        FloatingPointError: the loss is not finite.

    Cost: without augmentation the target sees every picture once; its activations and feature maps stay in memory when
        they take at most 4 GiB.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with random_states_kept():
        run = _Run.prepare(interpreter, table.select(*recipe.splits), recipe, folder, seed, resolve_device(device))
        run.restore()
        if len(run.records) < recipe.epochs:
            frozen = run.frozen_maps(progress)
            epochs = range(len(run.records), recipe.epochs)
            for epoch in tqdm(epochs, desc="interpreter", unit="epoch", disable=not progress):
                run.run_epoch(epoch, frozen)
                run.save()
        return run.finish()


def load_interpreter(folder: Path, interpreter: Interpreter) -> Interpreter:
    """Put the weights of a finished training into a freshly built interpreter of the same shape and target.

    Raises:
        FileNotFoundError: the training is not finished.
    """
    path = Path(folder) / "interpreter.pt"
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; finish the training (train_interpreter) first.")
    interpreter.own.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return interpreter.eval()


FrozenMaps = Callable[[Tensor, int, int], tuple[Tensor, Tensor]]
"""(rows [B], epoch, step) -> activation and feature map of these pictures."""


@dataclass
class _Run:
    """One training in progress."""

    fabric: Fabric
    interpreter: Interpreter
    objective: Any
    optimiser: Any
    table: ReIDTable
    attributes: Tensor
    batches: IdentityBatches
    recipe: InterpreterRecipe
    folder: Path
    seed: int
    settings: dict[str, Any]
    records: list[dict[str, float]] = field(default_factory=list)

    @classmethod
    def prepare(
        cls,
        interpreter: Interpreter,
        table: ReIDTable,
        recipe: InterpreterRecipe,
        folder: Path,
        seed: int,
        device: torch.device,
    ) -> _Run:
        """Check the arguments and put the interpreter on its device."""
        attributes = table.attribute_tensor()
        if attributes.shape[1] != interpreter.num_attributes:
            raise ValueError(
                f"the table has {attributes.shape[1]} attributes and the interpreter {interpreter.num_attributes}; "
                "build it with len(table.schema.names)."
            )
        labels, _ = relabel(table.pids)
        batches = IdentityBatches(
            labels,
            identities_per_batch=recipe.identities_per_batch,
            images_per_identity=recipe.images_per_identity,
            seed=int(torch.randint(2**62, (), generator=seeded_generator(seed, _SAMPLER))),
            batches_per_epoch=recipe.batches_per_epoch,
        )
        fabric = launch_fabric(device, recipe.precision)
        objective = InterpreterObjective(interpreter, recipe)
        own = interpreter.own.parameters()
        optimiser = torch.optim.AdamW(own, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
        settings = {"recipe": dataclasses.asdict(recipe), "seed": seed, "table": table.digest()}
        settings |= {
            "share_until": interpreter.share_until,
            "attributes": list(table.schema.names if table.schema else ()),
        }
        plain = json.loads(json.dumps(settings))
        wrapped, wrapped_optimiser = fabric.setup(objective, optimiser)
        return cls(
            fabric, interpreter, wrapped, wrapped_optimiser, table, attributes, batches, recipe, folder, seed, plain
        )

    def restore(self) -> None:
        """Take up the folder's training, if there is one."""
        path = self.folder / "checkpoint.pt"
        if not path.exists():
            return
        state = torch.load(path, map_location="cpu", weights_only=True)
        different = [name for name, value in self.settings.items() if state["settings"].get(name) != value]
        if different:
            raise ValueError(
                f"{self.folder} holds a training with another {' and '.join(different)}; choose another folder, or "
                "remove this one to start again."
            )
        self.interpreter.own.load_state_dict(state["own"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.records = state["records"]
        logger.info("training in %s continues after epoch %d", self.folder, len(self.records))

    def save(self) -> None:
        """Replace the checkpoint in one step."""
        state = {
            "own": self.interpreter.own.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "records": self.records,
            "settings": self.settings,
        }
        write_whole(self.folder / "checkpoint.pt", lambda aside: torch.save(state, aside))

    def finish(self) -> list[dict[str, float]]:
        """Write weights and losses; leave the interpreter in evaluation mode."""
        self.interpreter.eval()
        own = self.interpreter.own.state_dict()
        write_whole(self.folder / "interpreter.pt", lambda aside: torch.save(own, aside))
        content = {"settings": self.settings, "epochs": self.records}
        write_text(self.folder / "history.json", json.dumps(content, indent=1) + "\n")
        return self.records

    def frozen_maps(self, progress: bool) -> FrozenMaps:
        """What the target makes of the pictures: kept when nothing varies and memory allows, else computed anew."""
        target = self.interpreter.target
        store = ImageStore(self.table, target.image_input.size, memory_limit=MEMORY_LIMIT, progress=progress)

        def compute(rows: Tensor, epoch: int, step: int) -> tuple[Tensor, Tensor]:
            images = target.image_input.prepare(store.fetch(rows).to(self.fabric.device))
            if self.recipe.augmentation is not None:
                generator = seeded_generator(self.seed, _AUGMENTATION, epoch, step)
                images = augment(images, self.recipe.augmentation, generator=generator)
            with self.fabric.autocast():
                return self.interpreter.frozen(images)

        if self.recipe.augmentation is not None:
            return compute
        sample = compute(torch.arange(1), 0, 0)
        if len(store) * sum(part.numel() * part.element_size() for part in sample) > MEMORY_LIMIT:
            return compute
        parts = [compute(rows, 0, 0) for rows in torch.arange(len(store)).split(_CACHE_BATCH)]
        activations, feature_maps = (torch.cat(part) for part in zip(*parts, strict=True))
        return lambda rows, epoch, step: (activations[rows], feature_maps[rows])

    def run_epoch(self, epoch: int, frozen: FrozenMaps) -> None:
        """One epoch: its batches, and its record."""
        started = time.perf_counter()
        seed_everything(self.seed, _NETWORK, epoch)
        self.objective.train()
        sums, rate, batches = torch.zeros(len(InterpreterLosses._fields)), 0.0, self.batches.epoch(epoch)
        for step, rows in enumerate(batches):
            rate = self._learning_rate(epoch * len(batches) + step, self.recipe.epochs * len(batches))
            sums += self._step(rows, frozen(rows, epoch, step), rate, epoch)
        means = dict(zip(InterpreterLosses._fields, (sums / len(batches)).tolist(), strict=True))
        seconds = time.perf_counter() - started
        self.records.append({"epoch": epoch + 1, "seconds": seconds, "learning_rate": rate, **means})

    def _step(self, rows: Tensor, maps: tuple[Tensor, Tensor], rate: float, epoch: int) -> Tensor:
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        losses: InterpreterLosses = self.objective(*maps, self.attributes[rows].to(self.fabric.device))
        values = torch.stack([value.detach() for value in losses]).cpu()
        if not bool(values.isfinite().all()):
            raise FloatingPointError(
                f"the loss is not finite in epoch {epoch + 1} ({values.tolist()}): lower learning_rate (now "
                f'{self.recipe.learning_rate}) or use precision="32-true".'
            )
        self.optimiser.zero_grad()
        self.fabric.backward(losses.total)
        self.optimiser.step()
        return values

    def _learning_rate(self, step: int, steps: int) -> float:
        """Linear rise over a tenth of the steps, cosine down to zero."""
        position = (step + 1) / (steps + 1)
        fall = 0.5 * (1 + torch.tensor(max(0.0, position - 0.1) / 0.9 * torch.pi).cos().item())
        return self.recipe.learning_rate * min(position / 0.1, fall)
