"""Everything that decides how QAConv is trained, in one frozen record."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from whyreid.models.qaconv_features import Version
from whyreid.training.adaptive_schedule import AdaptiveSchedule
from whyreid.training.qaconv_augmentation import QAConvAugmentation
from whyreid.training.recipe import Preset

VERSIONS: tuple[Version, ...] = ("1.0", "2.0", "2.1")


@dataclass(frozen=True)
class QAConvRecipe:
    """How QAConv is trained; stochastic gradient descent with Nesterov's momentum 0.9 in every version.

    Attributes:
        version: "1.0" matches each picture with a memory of the classes, in random order; "2.0" all pairs of a
            graph-sampled batch; "2.1" the two hardest pairs of each picture of one.
        epochs: length of the training, or its bound where ``adaptive`` ends it.
        images_per_epoch: pictures in an epoch, rounded to whole batches; None = one batch an identity (2.x), every
            picture once (1.0). A shorter epoch takes batches of random anchors.
        batch_size: pictures in a batch.
        images_per_identity: K of the graph sampler; 1.0 has none.
        learning_rate: of neck and matcher at the start.
        base_factor: the network before the neck learns this many times as fast.
        weight_decay: L2 decay of everything that learns.
        milestones: epochs after which the rate falls to a tenth; not with ``adaptive``.
        adaptive: ends the training by its losses, see `AdaptiveSchedule` (its ``max_epochs`` is ``epochs``); 2.1.
        clip: greatest norm of the gradient, of extractor and matcher apart; None = any.
        margin: of the batch-hard loss of 2.1, in units of the logit.
        augmentation: how pictures are varied.
        precision: a precision of Lightning Fabric, or "auto" (`whyreid.training.device.resolve_precision`).
        splits: the splits of the table to learn from.

    Raises:
        ValueError: a number out of range or an unknown name.
    """

    version: Version = "2.1"
    epochs: int = 60
    images_per_epoch: int | None = None
    batch_size: int = 64
    images_per_identity: int = 2
    learning_rate: float = 0.005
    base_factor: float = 0.1
    weight_decay: float = 5e-4
    milestones: tuple[int, ...] = ()
    adaptive: bool = True
    clip: float | None = 8.0
    margin: float = 16.0
    augmentation: QAConvAugmentation = field(default_factory=QAConvAugmentation)
    precision: str = "auto"
    splits: tuple[str, ...] = ("train",)

    def __post_init__(self) -> None:
        """Refuse what would only fail after the first epoch."""
        if self.version not in VERSIONS:
            raise ValueError(f"version must be one of {', '.join(VERSIONS)}, got {self.version!r}.")
        if self.epochs < 1 or self.batch_size < 2:
            raise ValueError(f"epochs must be >= 1 and batch_size >= 2, got {self.epochs} and {self.batch_size}.")
        for name in ("learning_rate", "base_factor", "margin", "images_per_epoch", "clip"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} must be positive, got {value}.")
        if self.adaptive and self.milestones:
            raise ValueError(f"adaptive training has no milestones, got {self.milestones}; leave one of them out.")

    def rate(self, losses: Sequence[float]) -> float:
        """The learning rate of the next epoch, after epochs with these mean losses."""
        if self.adaptive:
            return self.learning_rate * AdaptiveSchedule(self.epochs).rate(losses)
        return self.learning_rate * 0.1 ** sum(len(losses) >= milestone for milestone in self.milestones)

    def last_epoch(self, losses: Sequence[float]) -> int:
        """The epoch (counted from 1) after which the training ends, as far as its losses tell."""
        return AdaptiveSchedule(self.epochs).last_epoch(losses) if self.adaptive else self.epochs

    def batches_in(self, whole: int) -> int:
        """Batches in an epoch of which ``whole`` would be all; at least one."""
        if self.images_per_epoch is None:
            return whole
        return min(whole, max(1, round(self.images_per_epoch / self.batch_size)))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a record of what was run."""
        return dataclasses.asdict(self)


def published_qaconv_recipe(version: Version) -> QAConvRecipe:
    """The schedule of the authors' code, for a GPU and a base with ImageNet weights.

    1.0: 60 epochs of batches of 32, rate 0.01, a tenth after 40. 2.0: 15 epochs of 16 identities x 4 pictures, rate
    0.001, a tenth after 10, gradients clipped at 512. 2.1: at most 60 epochs of 32 x 2, rate 0.005, adaptive, clipped
    at 8. Left out: 1.0 varied its pictures only once its training accuracy had passed a threshold; 2.0 drew its first
    epoch without a graph and re-ranked the distances of the graph.

    Args:
        version: "1.0", "2.0" or "2.1".

    Raises:
        ValueError: another version.
    """
    plain = QAConvAugmentation(padding=0, rotation=0.0, colours=None)
    recipes = {
        "1.0": QAConvRecipe(
            "1.0",
            batch_size=32,
            learning_rate=0.01,
            milestones=(40,),
            adaptive=False,
            clip=None,
            augmentation=plain,
        ),
        "2.0": QAConvRecipe(
            "2.0",
            epochs=15,
            images_per_identity=4,
            learning_rate=0.001,
            milestones=(10,),
            adaptive=False,
            clip=512.0,
        ),
        "2.1": QAConvRecipe("2.1"),
    }
    if version not in recipes:
        raise ValueError(f"version must be one of {', '.join(VERSIONS)}, got {version!r}.")
    return recipes[version]


def qaconv_recipe_for(preset: Preset, version: Version) -> QAConvRecipe:
    """The recipe of a preset: "smoke" (seconds), "default" (minutes on a CPU) or "paper" (as published).

    Deviations of "default": 4 epochs of 1,600 pictures, the rate a tenth after the third, of a fixed length
    instead of the adaptive end; batches of 32; a rate of 0.01 (1.0) or 0.005 (2.x); 5 pixels of padding
    for pictures of half the published height and width; and no colour jitter. Chosen on the validation identities of
    Promenade A, one seed, starting from the trained thin target (mAP 76.0 there): with the published jitter 2.1
    collapses, since look-alikes differ by colours alone (batch-hard accuracy 0.17 and mAP 70.9 after three epochs,
    without jitter 0.70 and 74.8; at the rate 0.01 in batches of 64 the loss
    rests at the margin and nobody is found).

    Raises:
        ValueError: no such preset or version.
    """
    published = published_qaconv_recipe(version)
    small = dataclasses.replace(
        published.augmentation, padding=5 if published.augmentation.padding else 0, colours=None
    )
    short = dataclasses.replace(published, augmentation=small, milestones=(), adaptive=False)
    rate = 0.01 if version == "1.0" else 0.005
    recipes = {
        "smoke": dataclasses.replace(short, epochs=2, images_per_epoch=64, batch_size=16),
        "default": dataclasses.replace(
            short, epochs=4, images_per_epoch=1600, batch_size=32, learning_rate=rate, milestones=(3,)
        ),
        "paper": published,
    }
    if preset not in recipes:
        raise ValueError(f"preset must be one of {', '.join(recipes)}, got {preset!r}.")
    return recipes[preset]
