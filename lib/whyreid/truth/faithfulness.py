"""Faithfulness without labels: hide places in the order of a map, and look at what the model says.

Works on any pictures, real ones too. Two orders are compared: from the places that set the pair apart most to those
that hold it together most, and the reverse. Hidden pictures are unlike any that a model has seen, so the curves alone
say little; both orders suffer alike, and a map without information gains nothing in their difference, whatever the
model makes of holes. The random map and the centre prior (`whyreid.explain.controls`) belong beside every result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from whyreid.explain.fill import Fill, filling
from whyreid.explain.pair_score import PairScore, explaining, represent, require_pairs
from whyreid.tensor_checks import require_floats
from whyreid.truth.regions import area_resize

Mode = Literal["deletion", "insertion"]


@dataclass(frozen=True, eq=False)
class FaithfulnessCurves:
    """The response of P pairs while their gallery pictures are hidden, or uncovered, place by place.

    Attributes:
        shares: [N+1] share of the places that are treated, 0 to 1: hidden in a deletion, uncovered in an insertion.
        apart_first: [P, N+1] response when places that set the pair apart are treated first.
        together_first: [P, N+1] when places that hold it together are.
        mode: "deletion" or "insertion".
        higher_is_apart: whether a higher response means further apart (a distance, a rank) or closer (a similarity).
    """

    shares: Tensor
    apart_first: Tensor
    together_first: Tensor
    mode: Mode
    higher_is_apart: bool

    def areas(self) -> tuple[Tensor, Tensor]:
        """[P] mean response along the curve (trapezoids), apart first and together first."""
        return area_under(self.apart_first, self.shares), area_under(self.together_first, self.shares)

    def gain(self) -> Tensor:
        """[P] difference of the two areas in units of the response; > 0 = the map is right about the model.

        Hiding first what holds a pair together keeps it far apart all along, hiding first what sets it apart keeps it
        close; uncovering does the reverse. A map that says nothing about the model has gain 0 on average, a map that
        has it backwards a negative one.
        """
        apart, together = self.areas()
        sign = (1 if self.mode == "deletion" else -1) * (1 if self.higher_is_apart else -1)
        return sign * (together - apart)

    def response(self, higher_is_apart: bool, apart_first: Tensor, together_first: Tensor) -> FaithfulnessCurves:
        """The same curves with another response, such as the rank that the score amounts to."""
        return FaithfulnessCurves(self.shares, apart_first, together_first, self.mode, higher_is_apart)


def faithfulness_curves(
    score: PairScore,
    query: Tensor,
    gallery: Tensor,
    maps: Tensor,
    *,
    mode: Mode = "deletion",
    fill: Fill = "mean",
    blocks: tuple[int, int] = (16, 8),
    steps: int = 16,
    seed: int = 0,
    batch_size: int = 64,
) -> FaithfulnessCurves:
    """Hide (or uncover) the gallery pictures block by block in the order of their maps, and measure the score.

    Uncovering in one order is hiding in the reverse one, run backwards: in both orders together, insertion and deletion
    have the same gain. They differ in which half of a curve is looked at.

    Args:
        score: what the pair is scored by, see `whyreid.explain.as_pair_score`.
        query: [P, 3, H, W] normalised pictures; they stay as they are.
        gallery: [P, 3, H, W].
        maps: [P, 1, h, w] of the gallery pictures, signed: positive raises the score (``gallery_maps`` of any
            `whyreid.explain.PairExplanation` with one map). A block has the mean of the map over it.
        mode: "deletion" hides blocks of the picture; "insertion" starts with the hidden picture and uncovers them.
        fill: what hides them, see `whyreid.explain.fill`.
        blocks: (rows, columns) of blocks; they must divide the picture.
        steps: N, after how many equal shares of the blocks the score is measured.
        seed: of the order of blocks with equal values, which otherwise would go from the top left.
        batch_size: pictures at a time in the network; bounds the memory.

    Returns:
        See `FaithfulnessCurves`; the response is the score.

    Raises:
        TypeError: not floating-point tensors.
        ValueError: shapes disagree, blocks that do not divide the picture, an unknown mode or fill.

    Cost: 2 (N + 1) forward passes a pair. Memory beside the inputs: ``batch_size`` pictures.

    References:
        Petsiuk, Das, Saenko. RISE. BMVC 2018, arXiv 1806.07421, for deletion and insertion. Deviations: the response
        is a pair's score, blocks instead of pixels, both orders instead of one.
    """
    query, gallery = require_pairs(score, query, gallery)
    _check(maps, gallery, mode, blocks, steps)
    order = block_order(maps.to(gallery.device), blocks, seed=seed)  # most of the score first
    filled = filling(gallery, fill, score.image_input)
    kept_first, kept_later = (gallery, filled) if mode == "deletion" else (filled, gallery)
    done = torch.linspace(0, blocks[0] * blocks[1], steps + 1).round().long()
    with explaining(score), torch.no_grad():
        asked = represent(score, query, batch_size)
        curves = [
            _curve(score, asked, kept_first, kept_later, ranked, done, blocks, batch_size)
            for ranked in (order, order.flip(1))
        ]
    distance = score.kind != "similarity"
    shares = done.double() / (blocks[0] * blocks[1])
    apart, together = curves if distance else reversed(curves)
    return FaithfulnessCurves(shares, apart, together, mode, higher_is_apart=distance)


def block_order(maps: Tensor, blocks: tuple[int, int], *, seed: int = 0) -> Tensor:
    """[P, n] the blocks of each picture from the highest to the lowest value; equal ones in random order.

    Example:
        >>> block_order(torch.tensor([[[[1.0, 3.0, 2.0]]]]), (1, 3))
        tensor([[1, 2, 0]])
    """
    values = area_resize(maps[:, 0].double(), blocks).flatten(1)
    generator = torch.Generator().manual_seed(seed)
    shuffled = torch.rand(values.shape, generator=generator).argsort(dim=1).to(values.device)
    return shuffled.gather(1, values.gather(1, shuffled).argsort(dim=1, descending=True, stable=True))


def area_under(curves: Tensor, shares: Tensor) -> Tensor:
    """[P] the mean of curves [P, N+1] over shares [N+1] from 0 to 1, by trapezoids."""
    return torch.trapezoid(curves.double().cpu(), shares.double(), dim=1)


def closer_rivals(distances: Tensor, rivals: Tensor) -> Tensor:
    """The share of other persons' pictures that are closer than a true match at given distances; of ties half.

    Times the number of rivals, plus one, it is the rank of the true match.

    Args:
        distances: [P, N] of the true match, such as one curve of `FaithfulnessCurves`.
        rivals: [P, R] distances of the query to the gallery pictures of other persons; rows with fewer are filled with
            infinity.

    Returns:
        [P, N] in 0..1; 0 = the match is found first.

    Raises:
        TypeError: not floating-point tensors.
        ValueError: other shapes, or a pair without a finite rival.

    Example:
        >>> closer_rivals(torch.tensor([[0.5, 2.5, 3.0]]), torch.tensor([[1.0, 2.0, 3.0, 4.0]])).tolist()
        [[0.0, 0.5, 0.625]]
    """
    require_floats("distances", distances, "[P, N]")
    require_floats("rivals", rivals, "[P, R]")
    if len(distances) != len(rivals) or not bool(rivals.isfinite().any(dim=1).all()):
        raise ValueError(
            f"rivals must be [{len(distances)}, R], at least one finite a pair, got {list(rivals.shape)}; leave out "
            "the query's own pictures only."
        )
    ordered, asked = rivals.contiguous().sort(dim=1).values, distances.to(rivals).contiguous()
    below, up_to = (torch.searchsorted(ordered, asked, right=right) for right in (False, True))
    return (below + up_to).double() / (2 * rivals.isfinite().sum(dim=1, keepdim=True))


def rank_response(curves: FaithfulnessCurves, rivals: Tensor) -> FaithfulnessCurves:
    """The curves of a distance turned into those of `closer_rivals`: what hiding does to the rank of the true match.

    Args:
        curves: of pairs that show the same person, with a distance as response.
        rivals: [P, R] distances of each query to the gallery pictures of other persons, in the same units, see
            `closer_rivals`.

    Returns:
        The same curves with the share of closer rivals as response, 0..1, higher = further down the list.

    Raises:
        ValueError: the response is no distance.
    """
    if not curves.higher_is_apart:
        raise ValueError("curves must be of a distance, got a similarity; use 1 - sigmoid of the logit.")
    sides = (closer_rivals(side, rivals) for side in (curves.apart_first, curves.together_first))
    return curves.response(True, *sides)


def _curve(
    score: PairScore,
    asked: Tensor,
    before: Tensor,
    after: Tensor,
    ranked: Tensor,
    done: Tensor,
    blocks: tuple[int, int],
    batch_size: int,
) -> Tensor:
    """[P, N+1] the score while blocks of ``before`` are replaced by those of ``after`` in the order ``ranked``."""
    place = ranked.argsort(dim=1)  # of each block in the order
    high, wide = before.shape[2] // blocks[0], before.shape[3] // blocks[1]
    pair, step = torch.cartesian_prod(torch.arange(len(asked)), torch.arange(len(done))).T
    values = []
    for p, s in zip(pair.split(batch_size), step.split(batch_size), strict=True):
        treated = place[p.to(place.device)] < done[s, None].to(place.device)
        pixels = treated.view(-1, 1, *blocks).repeat_interleave(high, dim=2).repeat_interleave(wide, dim=3)
        pictures = torch.where(pixels, after[p], before[p])
        values.append(score.compare(asked[p], score.represent(pictures)))
    return torch.cat(values).view(len(asked), len(done)).double().cpu()


def _check(maps: Tensor, gallery: Tensor, mode: str, blocks: tuple[int, int], steps: int) -> None:
    require_floats("maps", maps, "[P, 1, h, w]")
    if maps.shape[:2] != (len(gallery), 1):
        raise ValueError(f"maps must be [{len(gallery)}, 1, h, w], one a pair, got {list(maps.shape)}.")
    if mode not in ("deletion", "insertion"):
        raise ValueError(f'mode must be "deletion" or "insertion", got {mode!r}.')
    sides = zip(gallery.shape[2:], blocks, strict=True)
    if any(count < 1 or length % count for length, count in sides) or not 1 <= steps <= blocks[0] * blocks[1]:
        raise ValueError(
            f"blocks must divide the picture {list(gallery.shape[2:])} and steps be in 1..{blocks[0] * blocks[1]}, "
            f"got blocks {blocks} and {steps} steps."
        )
