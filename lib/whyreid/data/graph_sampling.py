"""Graph sampling: each batch holds one identity and those that the model now confuses it with most."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from whyreid.data.sampling import nearest_identities, relabel, seeded_generator

_REPRESENTATIVES, _BATCHES = range(2)


@dataclass(frozen=True, eq=False)
class GraphBatches:
    """Batches of the graph sampler (Liao and Shao, arXiv 2104.01546, as in the authors' code).

    At the start of an epoch one random picture of each identity is matched against the others' (`representatives`, with
    the model in evaluation mode and without augmentation). Each identity is then the anchor of one batch, together
    with its ``batch_size / images_per_identity - 1`` nearest identities; each brings ``images_per_identity`` pictures,
    taken in turn from its shuffled list, which is shuffled again whenever it is used up. The batches come in random
    order.

    Deviation: each epoch starts with freshly shuffled lists instead of going on where the last one stopped. An identity
    is drawn by about ``batch_size / images_per_identity`` batches an epoch, so the lists are gone through anyway, and
    an epoch is a function of (labels, distances, seed, epoch) alone: an interrupted training finds it again.

    Attributes:
        labels: [N] int64, the identity of each row.
        batch_size: pictures in a batch, a multiple of ``images_per_identity``.
        images_per_identity: K; 2 in QAConv 2.1, 4 in 2.0.
        seed: names the order of pictures.

    Raises:
        ValueError: sizes that do not divide, or fewer identities than a batch holds.

    Example:
        >>> batches = GraphBatches(torch.tensor([5, 5, 7, 7, 9, 9]), batch_size=4, images_per_identity=2)
        >>> near = torch.tensor([[0.0, 1.0, 9.0], [1.0, 0.0, 9.0], [9.0, 8.0, 0.0]])
        >>> sorted(sorted(rows.tolist()) for rows in batches.epoch(0, near))
        [[0, 1, 2, 3], [0, 1, 2, 3], [2, 3, 4, 5]]
    """

    labels: Tensor
    batch_size: int = 64
    images_per_identity: int = 2
    seed: int = 0
    _rows: tuple[Tensor, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Check the sizes and list the rows of each identity."""
        labels, identities = relabel(self.labels.cpu())
        object.__setattr__(self, "_rows", tuple(torch.nonzero(labels == i).flatten() for i in range(len(identities))))
        if self.images_per_identity < 1 or self.batch_size % self.images_per_identity or self.identities_per_batch < 2:
            raise ValueError(
                "batch_size must be a multiple of images_per_identity and hold at least two identities, got "
                f"{self.batch_size} and {self.images_per_identity}."
            )
        if len(self._rows) < self.identities_per_batch:
            raise ValueError(
                f"a batch of {self.batch_size} with {self.images_per_identity} pictures each needs "
                f"{self.identities_per_batch} identities, got {len(self._rows)}; lower batch_size."
            )

    @property
    def identities_per_batch(self) -> int:
        """Anchor and neighbours together."""
        return self.batch_size // self.images_per_identity

    def __len__(self) -> int:
        """Batches in an epoch: one an identity."""
        return len(self._rows)

    def representatives(self, epoch: int) -> Tensor:
        """One random row of each identity, [I] int64, in ascending order of the identities."""
        generator = seeded_generator(self.seed, epoch, _REPRESENTATIVES)
        return torch.stack([rows[_below(len(rows), generator)] for rows in self._rows])

    def epoch(self, epoch: int, distmat: Tensor) -> list[Tensor]:
        """The batches of one epoch.

        Args:
            epoch: its number.
            distmat: [I, I] distances between the representatives, lower = closer (for logits: their negative).

        Returns:
            I batches of row numbers, [batch_size] int64 each; the pictures of an identity side by side, the anchor
            last.

        Raises:
            ValueError: distmat is not [I, I].
        """
        if tuple(distmat.shape) != (len(self), len(self)):
            raise ValueError(
                f"distmat must be [{len(self)}, {len(self)}], identity to identity, got {list(distmat.shape)}; "
                "match the pictures of representatives(epoch)."
            )
        neighbours = nearest_identities(distmat, self.identities_per_batch - 1).cpu()
        generator = seeded_generator(self.seed, epoch, _BATCHES)
        queues = [_Queue(rows, generator) for rows in self._rows]
        batches = []
        for anchor, near in enumerate(neighbours.tolist()):
            batches.append(torch.cat([queues[i].take(self.images_per_identity) for i in (*near, anchor)]))
        return [batches[i] for i in torch.randperm(len(batches), generator=generator).tolist()]


class _Queue:
    """The pictures of one identity in random order, again and again."""

    def __init__(self, rows: Tensor, generator: torch.Generator) -> None:
        self.rows, self.generator = rows, generator
        self.waiting = rows[:0]

    def take(self, count: int) -> Tensor:
        """The next pictures; a list that is used up is shuffled again (so few pictures repeat within a batch)."""
        while len(self.waiting) < count:
            order = torch.randperm(len(self.rows), generator=self.generator)
            self.waiting = torch.cat([self.waiting, self.rows[order]])
        taken, self.waiting = self.waiting[:count], self.waiting[count:]
        return taken


def _below(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(count, (), generator=generator))
