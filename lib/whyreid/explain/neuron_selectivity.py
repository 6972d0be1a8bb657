"""Does a neuron answer to an attribute, or to one person? Judged by the pictures that excite it most."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from scipy.stats import binom
from torch import Tensor

from whyreid.tensor_checks import require_tensor


def strongest_pictures(embeddings: Tensor, *, count: int = 10) -> Tensor:
    """The pictures that excite each neuron most: [N, D] -> [D, count] row numbers, strongest first, ties by row.

    Raises:
        TypeError: not a tensor.
        ValueError: not two-dimensional, or fewer than ``count`` pictures.
    """
    require_tensor("embeddings", embeddings)
    if embeddings.ndim != 2 or not 1 <= count <= len(embeddings):
        raise ValueError(f"embeddings must be [N, D] with N >= count = {count}, got {list(embeddings.shape)}.")
    return embeddings.detach().T.sort(dim=1, descending=True, stable=True).indices[:, :count]


def neuron_selectivity(
    embeddings: Tensor,
    pids: Tensor,
    attributes: Tensor,
    *,
    names: Sequence[str],
    count: int = 10,
    level: float = 0.05,
) -> pd.DataFrame:
    """What the ``count`` strongest pictures of each neuron have in common: a person, an attribute, or nothing.

    Specker (section 4.3) supposes that some neurons answer to single identities. Here a neuron's kind is

    * ``"person"``: at least half of its strongest pictures show one person;
    * ``"attribute"``: no such person, and among the *persons* in its strongest pictures an attribute value is more
      frequent than among all persons, by a binomial test at ``level``, corrected (Bonferroni) for the 2 A values
      that are tried. Persons are counted, not pictures: pictures of one person are no independent witnesses;
    * ``"neither"``: the rest. Few persons among the strongest pictures leave the test without power.

    How many neurons of each kind there are says little alone: compare with directions drawn at random in the same
    space (`random_rotation`).

    Args:
        embeddings: [N, D] of pictures that nothing was fitted on.
        pids: [N] int64.
        attributes: [N, A] bool, all known, the same for all pictures of a person.
        names: the A attributes.
        count: strongest pictures that are looked at.
        level: of the test, over all attributes of a neuron together.

    Returns:
        One row a neuron: neuron, person (the most frequent pid), person_share (of the strongest pictures), persons
        (how many different ones), attribute (with a "!" before it when its absence is meant), attribute_share
        (among these persons), base_share (among all persons), p_value (corrected, at most 1), kind.

    Raises:
        TypeError: not tensors.
        ValueError: shapes disagree, or a person's pictures differ in attributes.
    """
    rows = strongest_pictures(embeddings, count=count)
    _check(embeddings, pids, attributes, names)
    persons, owner = torch.unique(pids, return_inverse=True)
    of_person = _attributes_of_persons(attributes, owner, len(persons))
    values = np.concatenate([of_person, ~of_person], axis=1)
    labels = [*names, *(f"!{name}" for name in names)]
    base = values.mean(axis=0)
    return pd.DataFrame(
        [
            {"neuron": d} | _describe(owner[strongest].cpu().numpy(), persons, values, base, labels, level)
            for d, strongest in enumerate(rows)
        ]
    )


def random_rotation(dimensions: int, *, generator: torch.Generator) -> Tensor:
    """A random orthogonal matrix [D, D] float64 (uniform), to ask whether neurons are better axes than any others.

    Distances and linear classifiers are the same after a rotation, so whatever a statistic of single neurons shows
    after it, too, it does not owe to the neurons.

    Example:
        >>> turn = random_rotation(3, generator=torch.Generator().manual_seed(0))
        >>> torch.allclose(turn @ turn.T, torch.eye(3, dtype=torch.float64))
        True
    """
    gaussian = torch.randn(dimensions, dimensions, dtype=torch.float64, generator=generator)
    q, r = torch.linalg.qr(gaussian)
    return q * r.diagonal().sign()


def _describe(
    owners: np.ndarray, persons: Tensor, values: np.ndarray, base: np.ndarray, labels: list[str], level: float
) -> dict[str, object]:
    """One neuron's row: ``owners`` are the positions in ``persons`` of its strongest pictures."""
    found, pictures = np.unique(owners, return_counts=True)
    main = int(pictures.argmax())
    have = values[found].sum(axis=0)
    chance = binom.sf(have - 1, len(found), base)
    chance[(base == 0) | (base == 1)] = 1.0  # what everybody or nobody has tells nothing
    best = int(chance.argmin())
    p_value = min(1.0, float(chance[best]) * len(labels))
    person_share = float(pictures[main] / len(owners))
    kind = "person" if person_share >= 0.5 else "attribute" if p_value < level else "neither"
    return {
        "person": int(persons[found[main]]), "person_share": person_share, "persons": len(found),
        "attribute": labels[best], "attribute_share": float(have[best] / len(found)), "base_share": float(base[best]),
        "p_value": p_value, "kind": kind,
    }  # fmt: skip


def _attributes_of_persons(attributes: Tensor, owner: Tensor, persons: int) -> np.ndarray:
    """[persons, A] bool."""
    pictures = torch.bincount(owner, minlength=persons)[:, None]
    have = torch.zeros(persons, attributes.shape[1], dtype=torch.int64, device=owner.device)
    have.index_add_(0, owner, attributes.long())
    if bool(((have != 0) & (have != pictures)).any()):
        raise ValueError(
            "attributes must be the same on all pictures of a person, got some that differ; see ReIDTable."
        )
    return (have > 0).cpu().numpy()


def _check(embeddings: Tensor, pids: Tensor, attributes: Tensor, names: Sequence[str]) -> None:
    require_tensor("pids", pids)
    require_tensor("attributes", attributes)
    if pids.shape != (len(embeddings),) or attributes.shape != (len(embeddings), len(names)):
        raise ValueError(
            f"pids must be [{len(embeddings)}] and attributes [{len(embeddings)}, {len(names)}], one row a picture, "
            f"got {list(pids.shape)} and {list(attributes.shape)}."
        )
