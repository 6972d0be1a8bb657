"""What each attribute in which two persons differ really does to a model's score: Shapley values by re-rendering.

The players of a pair are the attribute groups in which its two persons differ. The value of a set of groups is the
model's score after one picture is rendered again with those groups copied from the other person, garments and all;
both directions are averaged. The truth of a group is minus its Shapley value: the part of the score that its
difference makes. What remains when all are copied (pose, camera, body, shades of the same colour) is the remainder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from whyreid.data.loading import read_image
from whyreid.explain.pair import Kind
from whyreid.explain.pair_score import PairScore, explaining, represent
from whyreid.pedestrians import GROUPS, Identity, Shot, coalitions, read_identities, read_shots
from whyreid.training.atomic import write_whole
from whyreid.truth.counterfactual_pairs import CounterfactualPairs
from whyreid.truth.shapley import CoalitionPlan, plan_coalitions

MOST_EXACT_PLAYERS = 6
SAMPLES = 24


@dataclass(frozen=True, eq=False)
class CounterfactualEffects:
    """The truth about P pairs: ``score = truth.nansum(1) + remainder``.

    Attributes:
        score: [P] float64, of the pictures as they are.
        kind: what the score is: "distance", "squared_distance" or "similarity".
        groups: the 12 attribute groups.
        truth: [P, 12] float64 in units of the score, signed: positive = the difference in this group makes a distance
            larger (and a similarity, too, where kind says so). NaN where the two persons do not differ.
        standard_errors: [P, 12] of the truth; 0 where it is exact.
        remainder: [P] what the score still is when all differing groups have been copied.
    """

    score: Tensor
    kind: Kind
    groups: tuple[str, ...]
    truth: Tensor
    standard_errors: Tensor
    remainder: Tensor

    def __len__(self) -> int:
        """P, the number of pairs."""
        return len(self.score)

    @property
    def differs(self) -> Tensor:
        """[P, 12] bool: the groups that are players."""
        return ~self.truth.isnan()

    def mean_size(self) -> Tensor:
        """[12] mean of |truth| over the pairs in which the group differs; NaN where it never does."""
        return self.truth.abs().nanmean(dim=0)


@dataclass(frozen=True, eq=False)
class PairRenders:
    """One pair's two pictures, rendered again for every coalition.

    Attributes:
        plan: the coalitions; ``plan.members`` is [S, n].
        query: uint8 [S, 3, H, W], the query picture with the groups of each coalition taken from the other person; the
            first one is the picture as it is.
        gallery: uint8 [S, 3, H, W], likewise.
    """

    plan: CoalitionPlan
    query: Tensor
    gallery: Tensor


def render_counterfactuals(
    pairs: CounterfactualPairs,
    folder: Path,
    *,
    most_exact: int = MOST_EXACT_PLAYERS,
    samples: int = SAMPLES,
    seed: int = 0,
    progress: bool = False,
) -> None:
    """Render every coalition of every pair into a folder, one file a pair; files that are there are kept.

    Args:
        pairs: of Promenade.
        folder: exists; gets ``00000.pt`` and so on.
        most_exact: pairs with more players get the coalitions of ``samples`` random permutations instead of all.
        samples: permutations.
        seed: of the permutations; each pair has its own.
        progress: show a bar.

    Cost: about 15 ms a picture and CPU thread; 2 * 2 ** n pictures of a pair with n players (at most ``most_exact``).
    """
    people = read_identities(pairs.query.root)
    query_shots = read_shots(pairs.query.images.iloc[pairs.query_rows.tolist()], people)
    gallery_shots = read_shots(pairs.gallery.images.iloc[pairs.gallery_rows.tolist()], people)
    size = read_image(pairs.query.image_paths()[0]).size
    todo = zip(pairs.persons(), pairs.players(), query_shots, gallery_shots, strict=True)
    for number, ((one, other), players, shot, other_shot) in enumerate(
        tqdm(todo, total=len(pairs), desc="counterfactuals", disable=not progress)
    ):
        file = folder / f"{number:05d}.pt"
        if file.is_file():
            continue
        generator = torch.Generator().manual_seed(seed * 1_000_003 + number)
        plan = plan_coalitions(
            len(players), samples=None if len(players) <= most_exact else samples, generator=generator
        )
        sides = ((one, other, shot), (other, one, other_shot))
        _save(plan, [_coalitions(*side, plan.members, players, size) for side in sides], file)


def read_counterfactuals(folder: Path, number: int) -> PairRenders:
    """One pair of what `render_counterfactuals` wrote."""
    stored = torch.load(folder / f"{number:05d}.pt", weights_only=True)
    plan = CoalitionPlan(stored["members"], stored["steps"], stored["order"])
    return PairRenders(plan, stored["query"], stored["gallery"])


def counterfactual_effects(
    pairs: CounterfactualPairs, folder: Path, scores: Sequence[PairScore], *, batch_size: int = 64
) -> tuple[CounterfactualEffects, ...]:
    """The true effects of the differing groups on one or more scores of one network.

    Args:
        pairs: those that were rendered.
        folder: of `render_counterfactuals`.
        scores: at least one; they share the network and represent pictures alike (a distance and its square), so that
            each picture is represented once.
        batch_size: pictures at a time in the network.

    Returns:
        One for each score, in their order.

    Raises:
        ValueError: no pairs, no score, or scores of two networks.

    Cost: one forward pass a rendered picture; the memory of one pair's pictures.
    """
    if not len(pairs) or not scores:
        raise ValueError(
            f"there must be pairs and scores, got {len(pairs)} and {len(scores)}; check the choice of pairs."
        )
    if any(score.network is not scores[0].network for score in scores):
        raise ValueError("scores must share one network; call this once for each network.")
    values, plans = [], []
    with explaining(scores[0]), torch.no_grad():
        for number in range(len(pairs)):
            renders = read_counterfactuals(folder, number)
            values.append(coalition_values(renders, scores, batch_size=batch_size))
            plans.append(renders.plan)
    players = pairs.players()
    return tuple(
        _effects(score.kind, [value[:, column] for value in values], plans, players)
        for column, score in enumerate(scores)
    )


def coalition_values(renders: PairRenders, scores: Sequence[PairScore], *, batch_size: int = 64) -> Tensor:
    """[S, K] float64: K scores of one pair for every coalition, the mean of both directions.

    To be called inside `whyreid.explain.pair_score.explaining`.
    """
    device = next((parameter.device for parameter in scores[0].network.parameters()), None)
    prepared = (scores[0].image_input.prepare(images.to(device)) for images in (renders.query, renders.gallery))
    query, gallery = (represent(scores[0], images, batch_size) for images in prepared)
    columns = []
    for score in scores:
        one_way = score.compare(query, gallery[:1].expand_as(query))
        other_way = score.compare(query[:1].expand_as(gallery), gallery)
        columns.append((one_way.double() + other_way.double()).cpu() / 2)
    return torch.stack(columns, dim=1)


def _coalitions(
    person: Identity, donor: Identity, shot: Shot, members: Tensor, players: tuple[str, ...], size: tuple[int, int]
) -> Tensor:
    """uint8 [S, 3, H, W]; ``size`` is (width, height)."""
    return coalitions(person, shot, donor, members, players, height=size[1], width=size[0])


def _save(plan: CoalitionPlan, images: Sequence[Tensor], file: Path) -> None:
    content = vars(plan) | {"query": images[0], "gallery": images[1]}
    write_whole(file, lambda aside: torch.save(content, aside))


def _effects(
    kind: Kind, values: Sequence[Tensor], plans: Sequence[CoalitionPlan], players: Sequence[tuple[str, ...]]
) -> CounterfactualEffects:
    truth = torch.full((len(values), len(GROUPS)), torch.nan, dtype=torch.float64)
    errors = truth.clone()
    for row, (value, plan, names) in enumerate(zip(values, plans, players, strict=True)):
        columns = [GROUPS.index(name) for name in names]
        found = plan.shapley(value)
        truth[row, columns], errors[row, columns] = -found.values, found.standard_errors
    score, remainder = (torch.stack([value[place] for value in values]) for place in (0, -1))
    return CounterfactualEffects(score, kind, GROUPS, truth, errors, remainder)
