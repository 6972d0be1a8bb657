"""Which pictures meet in one training batch: P identities x K pictures, and the graph sampler's neighbours.

Metric losses need several pictures of each identity in a batch. Everything here is a pure function of the labels, a
seed and a position, so a training that was killed finds its order of pictures again without stored random states.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils.data import Sampler

_SEED_RANGE = 2**63 - 1


def seeded_generator(*numbers: int) -> torch.Generator:
    """A CPU generator whose state depends on all the numbers and on nothing else.

    Args:
        numbers: integers such as (seed, epoch, step); their order matters.

    Returns:
        A fresh generator. Neighbouring numbers give unrelated streams.

    Example:
        >>> torch.rand(1, generator=seeded_generator(0, 1)) == torch.rand(1, generator=seeded_generator(0, 1))
        tensor([True])
    """
    mixed = 0x9E3779B97F4A7C15
    for number in numbers:
        mixed = (mixed ^ (int(number) & (2**64 - 1))) * 0xBF58476D1CE4E5B9 % 2**64
        mixed ^= mixed >> 29
        mixed = mixed * 0x94D049BB133111EB % 2**64
        mixed ^= mixed >> 32
    return torch.Generator().manual_seed(mixed % _SEED_RANGE)


def relabel(pids: Tensor) -> tuple[Tensor, Tensor]:
    """Training labels 0..n-1 for identities named by any integers.

    Args:
        pids: [N] int64.

    Returns:
        labels [N] int64 in 0..n-1, and the pid of each label [n], ascending.

    Example:
        >>> relabel(torch.tensor([7, 2, 7]))
        (tensor([1, 0, 1]), tensor([2, 7]))
    """
    identities, labels = torch.unique(pids, sorted=True, return_inverse=True)
    return labels, identities


class IdentityBatches(Sampler[list[int]]):
    """P identities x K pictures of each, every picture once a pass: a batch sampler for metric learning.

    One pass: the pictures of each identity are shuffled and cut into groups of K; a last, shorter group is filled with
    other pictures of the same identity (an identity with fewer than K pictures repeats them, one with a single picture
    shows it K times). Batches take P different identities, those with most groups left first, ties at random, and
    their order is shuffled at the end. A batch that finds fewer than P identities left is filled with groups
    of identities that it does not hold yet. So a pass shows every picture at least once, its number of batches depends
    only on the numbers of pictures per identity, and identities with very many pictures cost extra batches.

    An epoch is ``batches_per_epoch`` consecutive batches of the endless stream of passes, or one pass. Its batches
    are a function of (labels, seed, epoch) alone: the same after an interruption, on any machine.

    Deviation from the usual sampler of re-identification, which draws identities at random and drops what
    is left over when fewer than P identities remain: nothing is dropped and the number of steps is known beforehand.

    Args:
        labels: [N] int64, the identity of each row.
        identities_per_batch: P.
        images_per_identity: K.
        seed: names the order of pictures.
        batches_per_epoch: length of an epoch; None = one pass.

    Raises:
        ValueError: fewer than P identities, or P or K below one.

    Example:
        >>> batches = IdentityBatches(torch.tensor([0, 0, 1, 2, 2, 2]), identities_per_batch=2, images_per_identity=2)
        >>> [len(rows) for rows in batches.epoch(0)]
        [4, 4]
    """

    def __init__(
        self,
        labels: Tensor,
        *,
        identities_per_batch: int = 16,
        images_per_identity: int = 4,
        seed: int = 0,
        batches_per_epoch: int | None = None,
    ) -> None:
        labels, identities = relabel(labels.cpu())
        if identities_per_batch < 1 or images_per_identity < 1:
            raise ValueError(f"P x K must be at least 1 x 1, got {identities_per_batch} x {images_per_identity}.")
        if len(identities) < identities_per_batch:
            raise ValueError(
                f"identities_per_batch={identities_per_batch} but the table has {len(identities)} training identities; "
                "lower identities_per_batch in the recipe or train on more identities."
            )
        self.identities_per_batch, self.images_per_identity, self.seed = identities_per_batch, images_per_identity, seed
        self._rows = [torch.nonzero(labels == label).flatten() for label in range(len(identities))]
        groups = torch.tensor([-(-len(rows) // images_per_identity) for rows in self._rows])
        self.batches_per_pass = _batches_of_a_pass(groups, identities_per_batch)
        self._epoch_length = batches_per_epoch or self.batches_per_pass
        self._epoch = 0

    def __len__(self) -> int:
        """Batches in an epoch."""
        return self._epoch_length

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that iteration gives (the name that PyTorch's samplers use)."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[list[int]]:
        return (rows.tolist() for rows in self.epoch(self._epoch))

    def epoch(self, epoch: int) -> list[Tensor]:
        """The batches of one epoch: row numbers, each [P*K] int64, the K pictures of an identity side by side."""
        first = epoch * self._epoch_length
        passes = range(first // self.batches_per_pass, (first + self._epoch_length - 1) // self.batches_per_pass + 1)
        stream = [rows for number in passes for rows in self._one_pass(number)]
        offset = first - passes[0] * self.batches_per_pass
        return stream[offset : offset + self._epoch_length]

    def _one_pass(self, number: int) -> list[Tensor]:
        generator = seeded_generator(self.seed, number)
        groups = [self._groups(rows, generator) for rows in self._rows]
        left = torch.tensor([len(of_identity) for of_identity in groups])
        batches = []
        while bool((left > 0).any()):
            order = torch.randperm(len(groups), generator=generator)
            chosen = order[torch.argsort(left[order], descending=True, stable=True)][: self.identities_per_batch]
            batches.append(torch.cat([groups[label][max(int(left[label]) - 1, 0)] for label in chosen.tolist()]))
            left[chosen] = (left[chosen] - 1).clamp(min=0)
        return [batches[i] for i in torch.randperm(len(batches), generator=generator).tolist()]

    def _groups(self, rows: Tensor, generator: torch.Generator) -> list[Tensor]:
        """Shuffled pictures of one identity in groups of K, the last one filled from the others."""
        size = self.images_per_identity
        shuffled = rows[torch.randperm(len(rows), generator=generator)]
        missing = -len(rows) % size
        filled = torch.cat([shuffled, shuffled.repeat(-(-missing // len(rows)))[:missing]])
        return list(filled.split(size))


def _batches_of_a_pass(groups: Tensor, identities_per_batch: int) -> int:
    """Largest-first packing reaches the lower bound: all groups over P, but no identity twice in a batch."""
    return max(-(-int(groups.sum()) // identities_per_batch), int(groups.max()))


def nearest_identities(distmat: Tensor, k: int) -> Tensor:
    """The k identities most similar to each identity: the neighbours of the graph sampler.

    The graph sampler (Liao and Shao, arXiv 2104.01546) builds each batch from an anchor identity and its nearest
    ones, by the distances of one random picture of each. An identity is never its own neighbour.

    Args:
        distmat: [I, I] distances between identities, lower = more similar; the diagonal is not looked at.
        k: neighbours of each identity, 1..I-1.

    Returns:
        [I, k] int64, nearest first; ties in the order of the identities.

    Raises:
        ValueError: not square, or k out of range.

    Cost: I sorts of I numbers.

    Example:
        >>> nearest_identities(torch.tensor([[0.0, 2.0, 1.0], [2.0, 0.0, 3.0], [1.0, 3.0, 0.0]]), 1).flatten()
        tensor([2, 0, 0])
    """
    if not isinstance(distmat, Tensor):
        raise TypeError(f"distmat must be a torch.Tensor, got {type(distmat).__name__}; use torch.as_tensor(distmat).")
    if distmat.ndim != 2 or distmat.shape[0] != distmat.shape[1]:
        raise ValueError(f"distmat must be [I, I], got {list(distmat.shape)}; pass identity-to-identity distances.")
    if not 1 <= k < distmat.shape[0]:
        raise ValueError(f"k must be in 1..{distmat.shape[0] - 1} for {distmat.shape[0]} identities, got {k}.")
    itself = torch.eye(len(distmat), dtype=torch.bool, device=distmat.device)
    return distmat.masked_fill(itself, float("inf")).sort(dim=1, stable=True).indices[:, :k]
