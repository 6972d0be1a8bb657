"""Train a target: one loop on Lightning Fabric, a checkpoint after each epoch, exact continuation after a kill."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor
from tqdm import tqdm

from whyreid.data.loading import MEMORY_LIMIT, ImageStore
from whyreid.data.sampling import IdentityBatches, relabel, seeded_generator
from whyreid.data.table import ReIDTable
from whyreid.models.target import TargetModel
from whyreid.models.target_file import save_target
from whyreid.training import checkpoint
from whyreid.training.atomic import write_whole
from whyreid.training.augmentation import augment
from whyreid.training.device import resolve_device
from whyreid.training.fabric import launch_fabric
from whyreid.training.history import EpochRecord, TrainingHistory
from whyreid.training.objective import Losses, Objective
from whyreid.training.randomness import random_states_kept, seed_everything
from whyreid.training.recipe import TrainingRecipe, learning_rate_at

logger = logging.getLogger(__name__)
_SAMPLER, _AUGMENTATION, _NETWORK, _CLASSIFIER = range(4)


def train_target(
    model: TargetModel,
    table: ReIDTable,
    recipe: TrainingRecipe,
    *,
    folder: Path,
    seed: int,
    device: str | torch.device = "auto",
    devices: int = 1,
    progress: bool = False,
) -> TrainingHistory:
    """Train a target on the pictures of a table, or continue a training that was interrupted.

    After each epoch ``folder/checkpoint.pt`` is replaced in one step. Called again with the same arguments, the
    training goes on from there: every random decision depends on (seed, epoch, step) alone, so on a CPU with the same
    number of threads the final weights are the same bit for bit as without the interruption. When all epochs are done,
    ``target.pt`` (see `load_target`) and history.csv / history.json lie in the folder, and another call only loads
    them.

    Args:
        model: trained in place and left in evaluation mode on its device. Its ``image_input`` takes the recipe's size.
        table: its splits named in ``recipe.splits`` are learned; their identities become classes.
        recipe: see `TrainingRecipe`.
        folder: made when absent; holds one training.
        seed: of the order of pictures, augmentation, classifier and dropout. The initial weights are the model's own as
            it comes in (seed its builder), or those of the checkpoint.
        device: "auto", "cpu", "cuda" or "cuda:1".
        devices: number of GPUs; each takes every n-th batch (Fabric's data-parallel strategy).
        progress: show a bar with loss, accuracy, pictures a second and time left.

    Returns:
        Losses, accuracy, learning rate and time of each epoch.

    Raises:
        ValueError: the folder holds a training with other settings (the difference is named), too few identities,
            an unreadable picture.
        FloatingPointError: the loss is not finite; epoch, batch and its pictures are named.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with random_states_kept():
        training = _Training.prepare(model, table, recipe, folder, seed, resolve_device(device), devices)
        training.restore()
        if training.remaining:
            store = ImageStore(training.table, model.image_input.size, memory_limit=MEMORY_LIMIT, progress=progress)
            with training.bar(progress) as bar:
                for epoch in training.remaining:
                    training.run_epoch(epoch, store, bar)
                    training.save()
        return training.finish()


@dataclass
class _Training:
    """One training in progress: everything the loop needs."""

    fabric: Fabric
    target: TargetModel
    table: ReIDTable
    objective: Any
    optimiser: Any
    batches: IdentityBatches
    labels: Tensor
    recipe: TrainingRecipe
    folder: Path
    seed: int
    settings: dict[str, Any]
    records: list[EpochRecord] = field(default_factory=list)

    @classmethod
    def prepare(
        cls,
        model: TargetModel,
        table: ReIDTable,
        recipe: TrainingRecipe,
        folder: Path,
        seed: int,
        device: torch.device,
        devices: int,
    ) -> _Training:
        """Check the arguments and put the model on its device."""
        table = table.select(*recipe.splits)
        labels, identities = relabel(table.pids)
        batches = _identity_batches(labels, recipe, seed)
        if recipe.image_size is not None:
            height, width = recipe.image_size
            model.image_input = replace(model.image_input, height=height, width=width)
        fabric = launch_fabric(device, recipe.precision, devices=devices)
        seed_everything(seed, _CLASSIFIER)
        objective = Objective(model, len(identities), recipe).to(memory_format=torch.channels_last)
        settings = checkpoint.describe(model, table, recipe, seed, device, fabric)
        checkpoint.refuse_other_settings(folder, settings)
        wrapped, optimiser = fabric.setup(objective, make_optimiser(objective, recipe))
        return cls(fabric, model, table, wrapped, optimiser, batches, labels, recipe, folder, seed, settings)

    @property
    def remaining(self) -> range:
        """Epochs still to do."""
        return range(len(self.records), self.recipe.epochs)

    def restore(self) -> None:
        """Take up an interrupted or finished training of the folder; otherwise record the initial weights."""
        records = checkpoint.load(self.folder, self.objective, self.optimiser)
        self.fabric.barrier()  # every process looks before the first one writes
        if records is None:
            self.save()
        else:
            self.records = records
            logger.info("training in %s continues after epoch %d", self.folder, len(records))

    def save(self) -> None:
        """Replace the checkpoint."""
        if self.fabric.is_global_zero:
            checkpoint.save(self.folder, self.objective, self.optimiser, self.records, self.settings)
        self.fabric.barrier()

    def finish(self) -> TrainingHistory:
        """Write the trained target and the history; leave the model in evaluation mode."""
        self.objective.eval()
        history = TrainingHistory(tuple(self.records), self.settings)
        if self.fabric.is_global_zero and not (self.folder / "history.json").exists():
            write_whole(self.folder / "target.pt", lambda aside: save_target(self.target, aside))
            history.save(self.folder)
        self.fabric.barrier()
        return history

    def bar(self, progress: bool) -> tqdm[Any]:
        """Pictures done and to do over all epochs."""
        epoch = len(self.batches) * self.recipe.batch_size
        total, done = self.recipe.epochs * epoch, len(self.records) * epoch
        shown = progress and self.fabric.is_global_zero
        return tqdm(total=total, initial=done, unit="img", desc="train", disable=not shown, smoothing=0.1)

    def run_epoch(self, epoch: int, store: ImageStore, bar: tqdm[Any]) -> None:
        """One epoch: its batches, and its record."""
        started = time.perf_counter()
        seed_everything(self.seed, _NETWORK, epoch)
        self.objective.train()
        sums, steps, rate = torch.zeros(4), 0, 0.0
        for step, rows, images in self._batches(epoch, store):
            together = epoch * len(self.batches) + step - self.fabric.global_rank  # one rate for all processes
            rate = learning_rate_at(self.recipe, together, len(self.batches))
            losses = self._step(images, rows, rate, epoch, step)
            sums, steps = sums + losses, steps + 1
            bar.update(len(rows) * self.fabric.world_size)
            bar.set_postfix(epoch=epoch + 1, loss=f"{losses[0]:.3f}", accuracy=f"{losses[3]:.2f}", refresh=False)
        total, classification, metric, accuracy = (sums / steps).tolist()
        images_seen = steps * self.recipe.batch_size * self.fabric.world_size
        seconds = time.perf_counter() - started
        self.records.append(EpochRecord(epoch + 1, total, classification, metric, accuracy, rate, images_seen, seconds))

    def _batches(self, epoch: int, store: ImageStore) -> Iterator[tuple[int, Tensor, Tensor]]:
        """(step, rows [B], augmented pictures [B, 3, H, W] on the device) of this process."""
        batches = self.batches.epoch(epoch)
        mine = range(self.fabric.global_rank, len(batches), self.fabric.world_size)
        mine = mine[: len(batches) // self.fabric.world_size]
        pictures = store.batches(batches[step] for step in mine)
        for step, images in zip(mine, pictures, strict=True):
            prepared = self.target.image_input.prepare(images.to(self.fabric.device, non_blocking=True))
            generator = seeded_generator(self.seed, _AUGMENTATION, epoch, step)
            augmented = augment(prepared, self.recipe.augmentation, generator=generator)
            yield step, batches[step], augmented.contiguous(memory_format=torch.channels_last)

    def _step(self, images: Tensor, rows: Tensor, rate: float, epoch: int, step: int) -> Tensor:
        """One optimiser step; [4] losses on the CPU."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        losses: Losses = self.objective(images, self.labels[rows].to(self.fabric.device))
        values = torch.stack([value.detach() for value in losses]).cpu()
        if not bool(values.isfinite().all()):
            raise FloatingPointError(self._not_finite(values, rows, epoch, step))
        self.optimiser.zero_grad()
        self.fabric.backward(losses.total)
        self.optimiser.step()
        return values

    def _not_finite(self, values: Tensor, rows: Tensor, epoch: int, step: int) -> str:
        paths = ", ".join(self.table.images["path"].iloc[rows.tolist()])
        classification, metric = values[1].item(), values[2].item()
        return (
            f"the loss is not finite in epoch {epoch + 1}, batch {step + 1} of {len(self.batches)} (cross-entropy "
            f"{classification}, triplet loss {metric}): lower learning_rate (now {self.recipe.learning_rate}) or use "
            f'precision="32-true"; the last whole epoch is in {self.folder}. Pictures of the batch, under '
            f"{self.table.root}: {paths}"
        )


def make_optimiser(module: torch.nn.Module, recipe: TrainingRecipe) -> torch.optim.Optimizer:
    """AdamW that decays matrices and kernels only (no norms, biases, exponents), or the papers' plain Adam."""
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    if recipe.optimiser == "adam":
        return torch.optim.Adam(parameters, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    matrices = [parameter for parameter in parameters if parameter.ndim > 1]
    vectors = [parameter for parameter in parameters if parameter.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, fused=True)


def _identity_batches(labels: Tensor, recipe: TrainingRecipe, seed: int) -> IdentityBatches:
    return IdentityBatches(
        labels,
        identities_per_batch=recipe.identities_per_batch,
        images_per_identity=recipe.images_per_identity,
        seed=int(torch.randint(2**62, (), generator=seeded_generator(seed, _SAMPLER))),
        batches_per_epoch=recipe.batches_per_epoch,
    )
