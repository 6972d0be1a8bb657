"""The claim *local matching crosses domains*: QAConv and the global embedding, at home and in the other town.

Every version of QAConv starts from the network of the thin target that was trained on the same pictures with the same
seed. The target is therefore shown twice: as it is, and trained on for as many pictures as QAConv 2.1.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from torch import Tensor

from whyreid.data import ReIDTable
from whyreid.models import distance_from_logits
from whyreid.models.qaconv_features import Version
from whyreid.retrieval import RankingReport, cosine_distances, evaluate_ranking, k_reciprocal_rerank, temporal_lift
from whyreid.study.artifacts import artifact
from whyreid.study.claims import Row, Unit
from whyreid.study.datasets import PROMENADE_DOMAINS, load_dataset
from whyreid.study.presets import size_of
from whyreid.study.qaconv_steps import TrainedQAConv, qaconv_scores, trained_qaconv
from whyreid.study.steps import TrainedTarget, embeddings, trained_target
from whyreid.training import TrainingHistory, load_target, recipe_for, train_target
from whyreid.training.device import resolve_device
from whyreid.training.qaconv_recipe import qaconv_recipe_for

CLAIM = "cross-domain"
SEEDS = (0, 1, 2)
METHODS: dict[str, Version | None] = {
    "QAConv 2.1": "2.1",
    "thin target": None,
    "thin target, trained on": None,
    "QAConv 1.0": "1.0",
    "QAConv 2.0": "2.0",
}
"""Names in the rows, in the order in which they are measured, and the version where it is QAConv."""
_CODE = ("whyreid.study.cross_domain_claim", "whyreid.pedestrians.render_promenade")


@dataclass(frozen=True, eq=False)
class PairDistances:
    """What re-ranking and lifting need: distances in 0..1, lower = closer.

    Attributes:
        query_gallery: [Q, G].
        query_query: [Q, Q].
        gallery_gallery: [G, G].
    """

    query_gallery: Tensor
    query_query: Tensor
    gallery_gallery: Tensor


def cross_domain_units(*, preset: str = "full", device: str = "auto") -> tuple[Unit, ...]:
    """Each method trained on each domain of Promenade with three seeds, scored on both; methods in order."""
    units = []
    for method in METHODS:
        for seed in SEEDS:
            for dataset in PROMENADE_DOMAINS:
                inputs = {"method": method, "trained_on": dataset, "preset": size_of(preset), "seed": seed}
                name = f"{method.lower().replace(', ', '-').replace(' ', '-')}-{dataset}-seed{seed}"
                units.append(Unit(CLAIM, name, inputs, partial(_measure, method, dataset, preset, seed, device), _CODE))
    return tuple(units)


def rankings(distances: PairDistances, query: ReIDTable, gallery: ReIDTable) -> Iterator[tuple[bool, bool, Tensor]]:
    """The four rankings of one model: alone, re-ranked, lifted by time, and re-ranked before it is lifted.

    Times are handed over in seconds (frames / fps), so that tau = 100 and sigma = 200 are the published ones. In an
    hour of Promenade a camera takes a query every forty seconds, so a query has about five companions.

    Args:
        distances: of the model.
        query: the queries; without times nothing is lifted.
        gallery: the gallery.

    Yields:
        Whether re-ranked, whether lifted, and distances [Q, G], lower = closer.
    """
    reranked = k_reciprocal_rerank(distances.query_gallery, distances.query_query, distances.gallery_gallery)
    for is_reranked, distmat in ((False, distances.query_gallery), (True, reranked)):
        yield is_reranked, False, distmat
        if query.times is None or gallery.times is None or query.camids is None or gallery.camids is None:
            continue
        clocks = [table.times / float(table.fps or 1.0) for table in (query, gallery) if table.times is not None]
        simmat = (1 - distmat).clamp_min(0)
        yield is_reranked, True, 1.2 - temporal_lift(simmat, query.camids, gallery.camids, *clocks)


def qaconv_distances(
    trained: TrainedQAConv, query: ReIDTable, gallery: ReIDTable, *, device: str = "auto"
) -> PairDistances:
    """1 - sigmoid(logit / 10) of all pairs; re-ranking takes a picture's distance to itself as it is."""

    def distances(one: ReIDTable, two: ReIDTable) -> Tensor:
        return distance_from_logits(qaconv_scores(trained, one, two, device=device))

    return PairDistances(distances(query, gallery), distances(query, query), distances(gallery, gallery))


def embedding_distances(query: Tensor, gallery: Tensor) -> PairDistances:
    """Half the cosine distance of embeddings [Q, D] and [G, D]: 0..1, so that 1 - it is a similarity that is >= 0."""

    def distances(one: Tensor, two: Tensor) -> Tensor:
        return (cosine_distances(one, two) / 2).clamp(0, 1)

    return PairDistances(distances(query, gallery), distances(query, query), distances(gallery, gallery))


def target_trained_on(table: ReIDTable, *, preset: str, seed: int, device: str = "auto") -> TrainedTarget:
    """The thin target after as many further pictures as QAConv 2.1 sees, by its own losses; an artifact.

    The recipe of the target with a fresh one-cycle schedule at a tenth of its rate, as QAConv's base learns at a tenth.

    Args:
        table: the data set.
        preset: as for `trained_qaconv`.
        seed: of the target; the continuation draws other pictures than the start.
        device: "auto", "cpu" or "cuda".
    """
    size = size_of(preset)
    recipe, budget = recipe_for(size), qaconv_recipe_for(size, "2.1")
    start = trained_target(table, recipe, seed=seed, device=device)
    per_epoch = budget.images_per_epoch or len(table.select(*recipe.splits))
    recipe = dataclasses.replace(
        recipe, epochs=budget.epochs, images_per_epoch=per_epoch, learning_rate=recipe.learning_rate / 10
    )

    def make(folder: Path) -> None:
        train_target(load_target(start.folder), table, recipe, folder=folder, seed=seed + 1000, device=device)

    inputs = {"start": start.folder, "table": table.select(*recipe.splits), "recipe": recipe, "seed": seed}
    inputs["device"] = resolve_device(device).type
    folder = artifact("target-trained-on", inputs, make, code=["whyreid.training.train_target"])
    return TrainedTarget(load_target(folder), TrainingHistory.load(folder), folder)


def _measure(method: str, dataset: str, preset: str, seed: int, device: str) -> Sequence[Row]:
    distances_on = _trained(method, load_dataset(dataset, preset=preset), preset, seed, device)
    rows = []
    for tested_on in PROMENADE_DOMAINS:
        table = load_dataset(tested_on, preset=preset)
        query, gallery = table.select("query"), table.select("gallery")
        for reranked, lifted, distmat in rankings(distances_on(query, gallery), query, gallery):
            report = evaluate_ranking(distmat, query.pids, gallery.pids, query.camids, gallery.camids)
            rows.append(_row(method, reranked, lifted, dataset, tested_on, seed, report))
    return rows


def _trained(
    method: str, table: ReIDTable, preset: str, seed: int, device: str
) -> Callable[[ReIDTable, ReIDTable], PairDistances]:
    version = METHODS[method]
    if version is not None:
        return partial(
            qaconv_distances, trained_qaconv(table, version=version, preset=preset, seed=seed, device=device)
        )
    if method == "thin target":
        target = trained_target(table, recipe_for(size_of(preset)), seed=seed, device=device)
    else:
        target = target_trained_on(table, preset=preset, seed=seed, device=device)

    def distances(query: ReIDTable, gallery: ReIDTable) -> PairDistances:
        return embedding_distances(*(embeddings(target, part, device=device) for part in (query, gallery)))

    return distances


def _row(
    method: str, reranked: bool, lifted: bool, trained_on: str, tested_on: str, seed: int, report: RankingReport
) -> Row:
    return {
        "method": method,
        "re-ranked": reranked,
        "lifted": lifted,
        "trained on": trained_on,
        "tested on": tested_on,
        "seed": seed,
        "rank-1": round(report.rank1, 5),
        "rank-5": round(float(report.cmc[4]), 5),
        "mAP": round(report.mean_ap, 5),
        "mINP": round(report.mean_inp, 5),
        "queries": report.num_valid_queries,
    }
