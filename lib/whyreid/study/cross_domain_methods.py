"""QAConv and the global embedding as methods that rank: trained, turned into distances, and tested on any table.

Every version of QAConv starts from the network of the thin target that was trained on the same pictures with the same
seed. The target is therefore shown twice: as it is, and trained on for as many pictures as QAConv 2.1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from torch import Tensor

from whyreid.data import ReIDTable
from whyreid.models import distance_from_logits
from whyreid.models.qaconv_features import Version
from whyreid.retrieval import cosine_distances, evaluate_ranking, k_reciprocal_rerank, temporal_lift
from whyreid.study.claims import Row
from whyreid.study.presets import size_of
from whyreid.study.qaconv_steps import TrainedQAConv, qaconv_scores, trained_qaconv
from whyreid.study.ranking_row import ranking_row
from whyreid.study.steps import TrainedTarget, embeddings, trained_target
from whyreid.study.target_trained_on import target_trained_on
from whyreid.training import recipe_for

METHODS: Mapping[str, Version | None] = MappingProxyType(
    {
        "QAConv 2.1": "2.1",
        "thin target": None,
        "thin target, trained on": None,
        "QAConv 1.0": "1.0",
        "QAConv 2.0": "2.0",
    }
)
"""Names in the rows, in the order in which they are measured, and the version where it is QAConv."""


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


TrainedMethod = Callable[[ReIDTable, ReIDTable], PairDistances]
"""(query, gallery) -> their distances by one trained method."""


def trained_method(method: str, table: ReIDTable, *, preset: str, seed: int, device: str = "auto") -> TrainedMethod:
    """A method that learned a table, trained now or found again; it gives the distances of any queries and gallery.

    Args:
        method: of `METHODS`.
        table: the data set to learn.
        preset: network and schedule.
        seed: of the training.
        device: "auto", "cpu" or "cuda".

    Raises:
        ValueError: no such method.
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}.")
    version = METHODS[method]
    if version is not None:
        qaconv = trained_qaconv(table, version=version, preset=preset, seed=seed, device=device)
        return partial(qaconv_distances, qaconv, device=device)
    if method == "thin target":
        target = trained_target(table, recipe_for(size_of(preset)), seed=seed, device=device)
    else:
        target = target_trained_on(table, preset=preset, seed=seed, device=device)
    return partial(target_distances, target, device=device)


def method_rows(
    method: str, learned: ReIDTable, tested: Sequence[ReIDTable], *, preset: str, seed: int, device: str = "auto"
) -> list[Row]:
    """One training of a method, scored on the queries and gallery of some tables by each of the `rankings`.

    Args:
        method: of `METHODS`.
        learned: the data set that it learns.
        tested: data sets, the learned one or others; the rows call all of them by their names.
        preset: network and schedule.
        seed: of the training.
        device: "auto", "cpu" or "cuda".

    Returns:
        One row a table and ranking: method, re-ranked, lifted, trained on, tested on, seed, rank-1, rank-5, mAP, mINP
        (fractions), and the number of queries that have a match.

    Raises:
        ValueError: no such method.
    """
    distances_on = trained_method(method, learned, preset=preset, seed=seed, device=device)
    rows: list[Row] = []
    for table in tested:
        query, gallery = table.select("query"), table.select("gallery")
        towns: Row = {"trained on": learned.name, "tested on": table.name, "seed": seed}
        for reranked, lifted, distmat in rankings(distances_on(query, gallery), query, gallery):
            report = evaluate_ranking(distmat, query.pids, gallery.pids, query.camids, gallery.camids)
            kind: Row = {"method": method, "re-ranked": reranked, "lifted": lifted}
            rows.append({**kind, **towns, **ranking_row(report)})
    return rows


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


def target_distances(
    target: TrainedTarget, query: ReIDTable, gallery: ReIDTable, *, device: str = "auto"
) -> PairDistances:
    """`embedding_distances` of the embeddings that a target gives to queries and gallery; they are stored."""
    return embedding_distances(*(embeddings(target, part, device=device) for part in (query, gallery)))


def embedding_distances(query: Tensor, gallery: Tensor) -> PairDistances:
    """Half the cosine distance of embeddings [Q, D] and [G, D]: 0..1, so that 1 - it is a similarity that is >= 0."""

    def distances(one: Tensor, two: Tensor) -> Tensor:
        return (cosine_distances(one, two) / 2).clamp(0, 1)

    return PairDistances(distances(query, gallery), distances(query, query), distances(gallery, gallery))
