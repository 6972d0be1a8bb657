"""AMD's by-product: does pushing pairs apart by their predicted differences rank better, and is it the interpreter?"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor

from whyreid.data import ReIDTable
from whyreid.explain import exclusive_shares
from whyreid.retrieval import PairedGain, RankingReport, euclidean_distances, evaluate_ranking, paired_gain
from whyreid.study.attribute_steps import AttributeReading, attribute_reading
from whyreid.study.interpreter_report import predicted_attributes
from whyreid.study.interpreter_steps import TrainedInterpreter, attribute_embeddings_of
from whyreid.study.steps import TrainedTarget

STRENGTHS: tuple[float, ...] = tuple(round(0.1 * step, 1) for step in range(21))
"""From 0 (the target's own distance) to 2, as far as AMD's code sweeps, there on the test set."""


@dataclass(frozen=True, eq=False)
class Reweighting:
    """A strength that was chosen on validation identities, and what it gains on test identities.

    Attributes:
        strength: the one with the highest mAP on validation identities, the smallest of equals.
        validation: mAP there for each of `STRENGTHS`, index strength.
        before: the target's ranking of the test set.
        after: the re-weighted one.
        gain: in mAP, with its interval over persons.
    """

    strength: float
    validation: pd.Series
    before: RankingReport
    after: RankingReport
    gain: PairedGain


@dataclass(frozen=True, eq=False)
class _Side:
    """Distances of one set of queries and gallery, the shares to re-weight by, and who is on the pictures."""

    distmat: Tensor
    shares: dict[str, Tensor]
    people: tuple[Tensor, Tensor, Tensor | None, Tensor | None]

    def ranking(self, kind: str, strength: float) -> RankingReport:
        return evaluate_ranking(self.distmat * (1 + strength * self.shares[kind]), *self.people)


def interpreter_reweighting(
    interpreter: TrainedInterpreter, target: TrainedTarget, table: ReIDTable, *, device: str = "auto"
) -> dict[str, Reweighting]:
    """``d (1 + strength * w)`` with differences predicted from both pictures; no label of a test person is used.

    Args:
        interpreter: trained on ``table``.
        target: its target; the attributes are predicted from its embeddings.
        table: with "val", "query" and "gallery".
        device: "auto", "cpu" or "cuda".

    Returns:
        By the weight w: "interpreter's shares" (see `reweighted_distances`) and, as its control, "number of
        differences" (how many attributes are predicted to differ, of all), which needs no interpreter.
    """
    reading = attribute_reading(target, table, device=device)
    validation = _side(interpreter, target, table, reading, ("val", "val"), device)
    test = _side(interpreter, target, table, reading, ("query", "gallery"), device)
    return {kind: _choose(validation, test, kind) for kind in test.shares}


def _choose(validation: _Side, test: _Side, kind: str) -> Reweighting:
    scores = pd.Series({s: validation.ranking(kind, s).mean_ap for s in STRENGTHS}, name="mAP").rename_axis("strength")
    strength = float(scores.index[int(scores.to_numpy().argmax())])
    before, after = (test.ranking(kind, s) for s in (0.0, strength))
    pids = test.people[0][before.valid_queries]
    gain = paired_gain(before.average_precision, after.average_precision, pids)
    return Reweighting(strength, scores, before, after, gain)


def _side(
    interpreter: TrainedInterpreter,
    target: TrainedTarget,
    table: ReIDTable,
    reading: AttributeReading,
    parts: tuple[str, str],
    device: str,
) -> _Side:
    query, gallery = (table.select(part) for part in parts)
    asked, found = (attribute_embeddings_of(interpreter, part, device=device) for part in (query, gallery))
    sees, seen = (
        predicted_attributes(reading, target, table, part, interpreter.attributes, device=device) > 0.5
        for part in (query, gallery)
    )
    embedded = (asked.attribute_embeddings, found.attribute_embeddings)
    shares = {
        "interpreter's shares": exclusive_shares(*embedded, sees, seen),
        "number of differences": torch.cdist(sees.float(), seen.float(), p=1) / sees.shape[1],
    }
    cameras = (query.camids, gallery.camids)
    if parts[0] == parts[1] and cameras[0] is None:  # no camera is known: only the picture itself is not searched
        cameras = (torch.arange(len(query)), torch.arange(len(query)))
    return _Side(euclidean_distances(asked.embedding, found.embedding), shares, (query.pids, gallery.pids, *cameras))
