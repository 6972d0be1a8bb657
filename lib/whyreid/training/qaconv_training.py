"""Train QAConv: a checkpoint after each epoch, exact continuation after a kill, in all three versions."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torchvision.transforms.v2 import functional as vision
from tqdm import tqdm

from whyreid.data.graph_sampling import GraphBatches
from whyreid.data.loading import MEMORY_LIMIT, ImageStore
from whyreid.data.sampling import relabel, seeded_generator
from whyreid.data.table import ReIDTable
from whyreid.models.qaconv_features import QAConvModel
from whyreid.models.qaconv_file import save_qaconv
from whyreid.models.qaconv_scoring import evaluating, score_gallery
from whyreid.training import checkpoint
from whyreid.training.atomic import write_whole
from whyreid.training.device import resolve_device
from whyreid.training.fabric import launch_fabric
from whyreid.training.history import EpochRecord, TrainingHistory
from whyreid.training.objective import Losses
from whyreid.training.qaconv_augmentation import vary_pictures
from whyreid.training.qaconv_objective import QAConvObjective
from whyreid.training.qaconv_recipe import QAConvRecipe
from whyreid.training.randomness import random_states_kept, seed_everything

logger = logging.getLogger(__name__)
FILE = "qaconv.pt"
_SAMPLER, _AUGMENTATION, _NETWORK = range(3)
_EMBED_BATCH = 128


def train_qaconv(
    model: QAConvModel,
    table: ReIDTable,
    recipe: QAConvRecipe,
    *,
    folder: Path,
    seed: int,
    device: str | torch.device = "auto",
    progress: bool = False,
) -> TrainingHistory:
    """Train QAConv on the pictures of a table, or continue a training that was interrupted.

    After each epoch ``folder/checkpoint.pt`` is replaced in one step. Called again with the same arguments, the
    training goes on from there: every random decision depends on (seed, epoch, step) alone, the graph of an epoch on
    the weights at its start, so on a CPU with the same number of threads the final weights are the same bit for bit as
    without the interruption. At the end ``qaconv.pt`` (`whyreid.models.qaconv_file.load_qaconv`) and history.csv /
    history.json lie in the folder, and another call only loads them.

    Args:
        model: trained in place and left in evaluation mode on its device; of the recipe's version. Where its base's
            batch normalisation is frozen (2.1), the base must have been trained before.
        table: its splits named in ``recipe.splits`` are learned.
        recipe: see `QAConvRecipe`.
        folder: made when absent; holds one training.
        seed: of the order of pictures and the augmentation. The initial weights are the model's own as it comes in, or
            those of the checkpoint.
        device: "auto", "cpu", "cuda" or "cuda:1".
        progress: show a bar with loss, accuracy, pictures a second and time left.

    Returns:
        Loss, accuracy, learning rate (of neck and matcher) and time of each epoch; the time of the graph is in it.

    Raises:
        ValueError: a model of another version, a base that is frozen before it has learned anything, too few
            identities, an unreadable picture, or a folder with a training of other settings (the difference is named).
        FloatingPointError: the loss is not finite; epoch, batch and its pictures are named.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with random_states_kept():
        training = _Training.prepare(model, table, recipe, folder, seed, resolve_device(device))
        training.restore()
        if not training.finished:
            store = ImageStore(training.table, model.image_input.size, memory_limit=MEMORY_LIMIT, progress=progress)
            with training.bar(progress) as bar:
                while not training.finished:
                    training.run_epoch(store, bar)
                    training.save()
        return training.finish()


@dataclass
class _Training:
    """One training in progress: everything the loop needs."""

    fabric: Fabric
    model: QAConvModel
    table: ReIDTable
    objective: Any
    optimiser: Any
    labels: Tensor
    recipe: QAConvRecipe
    folder: Path
    seed: int
    settings: dict[str, Any]
    records: list[EpochRecord] = field(default_factory=list)

    @classmethod
    def prepare(
        cls,
        model: QAConvModel,
        table: ReIDTable,
        recipe: QAConvRecipe,
        folder: Path,
        seed: int,
        device: torch.device,
    ) -> _Training:
        """Check the arguments and put the model on its device."""
        _require_version(model, recipe)
        _require_trained_statistics(model)
        table = table.select(*recipe.splits)
        labels, identities = relabel(table.pids)
        fabric = launch_fabric(device, recipe.precision)
        objective = QAConvObjective(model, len(identities), recipe).to(memory_format=torch.channels_last)
        # Their types name targets; of a model they read the weights and the architecture, of a recipe to_dict().
        settings = checkpoint.describe(cast(Any, model), table, cast(Any, recipe), seed, device, fabric)
        checkpoint.refuse_other_settings(folder, settings)
        wrapped, optimiser = fabric.setup(objective, make_sgd(model, recipe))
        training = cls(fabric, model, table, wrapped, optimiser, labels, recipe, folder, seed, settings)
        training.sampler()  # too few identities are an error before the first epoch
        return training

    @property
    def losses(self) -> list[float]:
        """Mean loss of each epoch so far."""
        return [record.loss for record in self.records]

    @property
    def finished(self) -> bool:
        """Whether no epoch follows."""
        return len(self.records) >= self.recipe.last_epoch(self.losses)

    def restore(self) -> None:
        """Take up an interrupted or finished training of the folder; otherwise record the initial weights."""
        records = checkpoint.load(self.folder, self.objective, self.optimiser)
        if records is None:
            self.save()
        else:
            self.records = records
            logger.info("training in %s continues after epoch %d", self.folder, len(records))

    def save(self) -> None:
        """Replace the checkpoint."""
        checkpoint.save(self.folder, self.objective, self.optimiser, self.records, self.settings)

    def finish(self) -> TrainingHistory:
        """Write the trained model and the history; leave the model in evaluation mode."""
        self.objective.eval()
        history = TrainingHistory(tuple(self.records), self.settings)
        if not (self.folder / "history.json").exists():
            write_whole(self.folder / FILE, lambda aside: save_qaconv(self.model, aside))
            history.save(self.folder)
        return history

    def bar(self, progress: bool) -> tqdm[Any]:
        """Pictures done, and to do at most."""
        done = sum(record.images for record in self.records)
        epoch = self.recipe.batches_in(self.whole_epoch) * self.recipe.batch_size
        total = done + (self.recipe.epochs - len(self.records)) * epoch
        return tqdm(total=total, initial=done, unit="img", desc="qaconv", disable=not progress, smoothing=0.1)

    @property
    def whole_epoch(self) -> int:
        """Batches in an epoch that nothing shortens: one an identity, or every picture once."""
        if self.recipe.version == "1.0":
            return len(self.labels) // self.recipe.batch_size
        return int(self.labels.max()) + 1

    def sampler(self) -> GraphBatches | None:
        """The graph sampler of 2.x; checks that there are enough pictures or identities for a batch."""
        if self.recipe.version != "1.0":
            seed = int(torch.randint(2**62, (), generator=seeded_generator(self.seed, _SAMPLER)))
            return GraphBatches(self.labels, self.recipe.batch_size, self.recipe.images_per_identity, seed)
        if len(self.labels) < self.recipe.batch_size:
            raise ValueError(
                f"a batch needs {self.recipe.batch_size} pictures, the table has {len(self.labels)} to learn from; "
                "lower batch_size."
            )
        return None

    def batches(self, epoch: int, store: ImageStore) -> list[Tensor]:
        """Rows of each batch of an epoch: around the identities now confused with each other, or at random."""
        sampler, length = self.sampler(), self.recipe.batches_in(self.whole_epoch)
        if sampler is not None:
            return sampler.epoch(epoch, self._distances(sampler.representatives(epoch), store))[:length]
        order = torch.randperm(len(self.labels), generator=seeded_generator(self.seed, _SAMPLER, epoch))
        return list(order.split(self.recipe.batch_size))[:length]

    def _distances(self, rows: Tensor, store: ImageStore) -> Tensor:
        """[I, I] distances of pictures to each other, in evaluation mode and without augmentation: minus the logit."""
        with evaluating(self.objective), torch.inference_mode():
            parts = []
            for images in store.batches(rows.split(_EMBED_BATCH)):
                prepared = self.model.image_input.prepare(images.to(self.fabric.device))
                with self.fabric.autocast():
                    parts.append(self.model(prepared.contiguous(memory_format=torch.channels_last)))
            maps = torch.cat(parts)
            with self.fabric.autocast():
                return -score_gallery(self.model.matcher, maps, maps)

    def run_epoch(self, store: ImageStore, bar: tqdm[Any]) -> None:
        """One epoch: its batches, and its record."""
        started, epoch, rate = time.perf_counter(), len(self.records), self.recipe.rate(self.losses)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["factor"]
        batches = self.batches(epoch, store)
        seed_everything(self.seed, _NETWORK, epoch)
        self.objective.train()
        sums = torch.zeros(4)
        for step, images in enumerate(self._pictures(epoch, batches, store)):
            losses = self._step(images, batches[step], epoch, step)
            sums += losses
            bar.update(len(images))
            bar.set_postfix(epoch=epoch + 1, loss=f"{losses[0]:.3f}", accuracy=f"{losses[3]:.2f}", refresh=False)
        total, classification, metric, accuracy = (sums / len(batches)).tolist()
        images_seen = len(batches) * self.recipe.batch_size
        seconds = time.perf_counter() - started
        self.records.append(EpochRecord(epoch + 1, total, classification, metric, accuracy, rate, images_seen, seconds))

    def _pictures(self, epoch: int, batches: list[Tensor], store: ImageStore) -> Iterator[Tensor]:
        """Varied and prepared pictures [B, 3, H, W] on the device, batch after batch."""
        mean, std = list(self.model.image_input.mean), list(self.model.image_input.std)
        for step, images in enumerate(store.batches(batches)):
            images = images.to(self.fabric.device, non_blocking=True).float().div_(255.0)
            generator = seeded_generator(self.seed, _AUGMENTATION, epoch, step)
            varied = vary_pictures(images, self.recipe.augmentation, generator=generator)
            yield vision.normalize(varied, mean, std).contiguous(memory_format=torch.channels_last)

    def _step(self, images: Tensor, rows: Tensor, epoch: int, step: int) -> Tensor:
        """One optimiser step; [4] losses on the CPU."""
        losses: Losses = self.objective(images, self.labels[rows].to(self.fabric.device))
        values = torch.stack([value.detach().float() for value in losses]).cpu()
        if not bool(values.isfinite().all()):
            raise FloatingPointError(self._not_finite(rows, epoch, step))
        self.optimiser.zero_grad()
        self.fabric.backward(losses.total)
        self._clip()
        self.optimiser.step()
        return values

    def _clip(self) -> None:
        """Bound the gradients of extractor and matcher apart; half precision is unscaled once, by the first call."""
        if self.recipe.clip is not None:
            self.fabric.clip_gradients(
                self.model.features, self.optimiser, max_norm=self.recipe.clip, error_if_nonfinite=False
            )
            nn.utils.clip_grad_norm_(self.model.matcher.parameters(), self.recipe.clip)

    def _not_finite(self, rows: Tensor, epoch: int, step: int) -> str:
        paths = ", ".join(self.table.images["path"].iloc[rows.tolist()])
        return (
            f"the loss is not finite in epoch {epoch + 1}, batch {step + 1}: lower learning_rate (now "
            f'{self.recipe.learning_rate}) or use precision="32-true"; the last whole epoch is in {self.folder}. '
            f"Pictures of the batch, under {self.table.root}: {paths}"
        )


def make_sgd(model: QAConvModel, recipe: QAConvRecipe) -> torch.optim.Optimizer:
    """SGD with Nesterov's momentum, as in all versions; each group knows its "factor" of the learning rate."""
    groups = model.parameter_groups(recipe.learning_rate, base_factor=recipe.base_factor)
    factors = (recipe.base_factor, 1.0)
    named = [{**group, "factor": factor} for group, factor in zip(groups, factors, strict=True)]
    return torch.optim.SGD(named, momentum=0.9, nesterov=True, weight_decay=recipe.weight_decay)


def statistics_are_trained(model: QAConvModel) -> bool:
    """Whether the batch normalisation of the base has ever seen a picture (not all its running means are zero).

    Also true for a base without batch normalisation.
    """
    norms = [part for part in model.features.base.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]
    means = [norm.running_mean for norm in norms if norm.running_mean is not None]
    return not means or any(bool(mean.any()) for mean in means)


def _require_trained_statistics(model: QAConvModel) -> None:
    if model.features.frozen_statistics and not statistics_are_trained(model):
        raise ValueError(
            "the base's batch normalisation is frozen, but has never seen a picture; start from a trained network "
            "(qaconv_from_target, or ImageNet weights), or set model.features.frozen_statistics = False."
        )


def _require_version(model: QAConvModel, recipe: QAConvRecipe) -> None:
    if model.features.version != recipe.version:
        raise ValueError(
            f"the model is of version {model.features.version} and the recipe of {recipe.version}; build the model "
            f"with version={recipe.version!r}."
        )
