"""Pairs, their re-renderings and the true effects on a target: what every explainer is scored against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor

from whyreid.data import ReIDTable
from whyreid.explain.pair import Kind
from whyreid.explain.pair_score import PairScore, TargetDistance
from whyreid.retrieval import rank_embeddings
from whyreid.study.artifacts import artifact
from whyreid.study.attribute_steps import comparable_embeddings
from whyreid.study.presets import size_of
from whyreid.study.steps import TrainedTarget
from whyreid.truth.counterfactual_effects import CounterfactualEffects, counterfactual_effects, render_counterfactuals
from whyreid.truth.counterfactual_pairs import CounterfactualPairs, impostor_pairs, join_pairs, random_pairs

PAIRS: Mapping[str, int] = MappingProxyType({"smoke": 3, "default": 40, "paper": 200})
"""Random pairs, and as many impostors; training pairs are fewer by `TRAINING_SHARE`."""

TRAINING_SHARE = 0.6
TOP = 10
_DRAW = 0  # the pairs are the same in every run: seeds vary the training, not the question


@dataclass(frozen=True, eq=False)
class TrueEffects:
    """Pairs of test persons, and what the attributes in which they differ do to a model.

    Attributes:
        pairs: half drawn at random, half impostors among the first ten ranks.
        renders: folder of their counterfactuals.
        of: kind of score -> the truth.
        usual: [12] mean |truth| of each group's difference on the distance, among training persons; 0 where unknown.
    """

    pairs: CounterfactualPairs
    renders: Path
    of: Mapping[Kind, CounterfactualEffects]
    usual: Tensor

    def __len__(self) -> int:
        """P, the number of pairs."""
        return len(self.pairs)


def scored_pairs(target: TrainedTarget, table: ReIDTable, *, preset: str, device: str = "auto") -> CounterfactualPairs:
    """Pairs of test persons who differ in at least three groups: half random, half impostors of the target.

    Args:
        target: whose rank lists name the impostors.
        table: Promenade; its splits query and gallery.
        preset: decides how many, see `PAIRS`.
        device: "auto", "cpu" or "cuda".
    """
    count = PAIRS[size_of(preset)]
    query, gallery = table.select("query"), table.select("gallery")
    asked, found = (comparable_embeddings(target, part, device=device) for part in (query, gallery))
    people = (query.pids, gallery.pids, query.camids, gallery.camids)
    ranking = rank_embeddings(asked, found, *people, top_k=TOP).indices
    drawn = random_pairs(query, gallery, count, seed=_DRAW)
    return join_pairs(drawn, impostor_pairs(query, gallery, ranking, count, seed=_DRAW))


def training_pairs(table: ReIDTable, *, preset: str) -> CounterfactualPairs:
    """Random pairs of training persons: what is usual there may be known to a control."""
    train = table.select("train")
    return random_pairs(train, train, round(TRAINING_SHARE * PAIRS[size_of(preset)]), seed=_DRAW)


def rendered(pairs: CounterfactualPairs, *, progress: bool = False) -> Path:
    """The folder with every coalition of the pairs, rendered at the first call.

    Cost: about a second a pair on one CPU thread, 1.5 MB a pair.
    """

    def make(folder: Path) -> None:
        render_counterfactuals(pairs, folder, progress=progress)

    rows = [pairs.query_rows.tolist(), pairs.gallery_rows.tolist()]
    inputs = {"query": pairs.query, "gallery": pairs.gallery, "rows": rows}
    return artifact("counterfactuals", inputs, make, code=["whyreid.truth.render_counterfactuals"])


def true_effects(
    target: TrainedTarget,
    table: ReIDTable,
    *,
    trained_on: ReIDTable | None = None,
    preset: str,
    device: str = "auto",
    progress: bool = False,
) -> TrueEffects:
    """The truth about a target's distance and its square, on test pairs of a table.

    Args:
        target: from `trained_target`.
        table: Promenade; its test persons are asked about.
        trained_on: the table whose training persons tell what is usual; None = ``table``.
        preset: decides how many pairs, see `PAIRS`.
        device: "auto", "cpu" or "cuda"; pictures are rendered on the CPU.
        progress: show a bar.
    """
    scores = [TargetDistance(target.model), TargetDistance(target.model, squared=True)]
    pairs = scored_pairs(target, table, preset=preset, device=device)
    before = training_pairs(trained_on or table, preset=preset)
    usual = measured_effects(target.folder, before, scores[:1], progress=progress)[0].mean_size().nan_to_num(0.0)
    distance, square = measured_effects(target.folder, pairs, scores, progress=progress)
    found: dict[Kind, CounterfactualEffects] = {"distance": distance, "squared_distance": square}
    return TrueEffects(pairs, rendered(pairs), MappingProxyType(found), usual)


def measured_effects(
    model: Path, pairs: CounterfactualPairs, scores: Sequence[PairScore], *, progress: bool = False
) -> tuple[CounterfactualEffects, ...]:
    """`counterfactual_effects` of a stored model, kept after the first call.

    Args:
        model: the artifact that the scores' network came from.
        pairs: any.
        scores: of that network.
        progress: show a bar while rendering.
    """
    renders = rendered(pairs, progress=progress)

    def make(folder: Path) -> None:
        found = counterfactual_effects(pairs, renders, scores)
        torch.save([vars(effects) for effects in found], folder / "effects.pt")

    inputs = {"model": model, "renders": renders, "kinds": [score.kind for score in scores]}
    code = ["whyreid.truth.counterfactual_effects", "whyreid.explain.pair_score"]
    folder = artifact("true-effects", inputs, make, code=code)
    stored = torch.load(folder / "effects.pt", weights_only=True)
    return tuple(CounterfactualEffects(**effects) for effects in stored)
