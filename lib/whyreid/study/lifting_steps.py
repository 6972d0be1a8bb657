"""Temporal lifting of a target's rankings: similarities that can be lifted, times in seconds, times that are wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from whyreid.data import ReIDTable
from whyreid.retrieval import RankingReport, cosine_distances, evaluate_ranking, temporal_lift
from whyreid.study.steps import TrainedTarget, embeddings
from whyreid.study.target_ranking import reranked_distances
from whyreid.truth.time_controls import TIME_CONTROLS

AUTHORS_ORDER = "1 - re-ranked distance"
"""The authors re-rank first and lift what comes out."""
SIMILARITIES = (AUTHORS_ORDER, "cosine, 0 where negative", "(1 + cosine) / 2")


@dataclass(frozen=True, eq=False)
class LiftingCase:
    """Queries and a gallery with what temporal lifting needs; pictures without a time are left out.

    Attributes:
        query: Q pictures.
        gallery: G pictures.
        query_time: [Q] float64, seconds.
        gallery_time: [G] float64, seconds.
        similarities: `SIMILARITIES` -> [Q, G] in [0, 1], higher = closer.
    """

    query: ReIDTable
    gallery: ReIDTable
    query_time: Tensor
    gallery_time: Tensor
    similarities: Mapping[str, Tensor]

    @property
    def camids(self) -> tuple[Tensor, Tensor]:
        """Of queries and gallery.

        Raises:
            ValueError: the cameras are not known.
        """
        asked, found = self.query.camids, self.gallery.camids
        if asked is None or found is None:
            raise ValueError(f"{self.query.name} must know its cameras for temporal lifting, got protocol no_camera.")
        return asked, found

    def lifted(self, simmat: Tensor, **settings: float) -> Tensor:
        """`temporal_lift` of a similarity matrix with this case's cameras and times; settings as there."""
        return temporal_lift(simmat, *self.camids, self.query_time, self.gallery_time, **settings)  # type: ignore[arg-type]

    def report(self, simmat: Tensor) -> RankingReport:
        """How well similarities rank."""
        people = (self.query.pids, self.gallery.pids, *self.camids)
        simmat = simmat.double()
        return evaluate_ranking(simmat.max() - simmat, *people)

    def with_wrong_times(self, control: str, generator: torch.Generator) -> LiftingCase:
        """The same case with the times of one of `TIME_CONTROLS`."""
        count = len(self.query)
        together = torch.cat([self.query_time, self.gallery_time])
        camid = torch.cat(self.camids)
        person = torch.cat([walkers(self.query), walkers(self.gallery)])
        time = TIME_CONTROLS[control](together, camid, person, generator)
        return replace(self, query_time=time[:count], gallery_time=time[count:])


def lifting_case(target: TrainedTarget, query: ReIDTable, gallery: ReIDTable, *, device: str = "auto") -> LiftingCase:
    """What a target says about queries and a gallery, ready to be lifted.

    Args:
        target: from `trained_target`.
        query: the queries; the same table twice ranks one set of pictures against itself.
        gallery: the gallery.
        device: "auto", "cpu" or "cuda".

    Raises:
        ValueError: no picture of a side has a time.
    """
    parts = [(table, timed_rows(table)) for table in (query, gallery)]
    asked, found = (embeddings(target, table, device=device)[rows] for table, rows in parts)
    timed_query, timed_gallery = (table.take(rows) for table, rows in parts)
    similarities = liftable_similarities(asked, found)
    return LiftingCase(timed_query, timed_gallery, seconds(timed_query), seconds(timed_gallery), similarities)


def timed_rows(table: ReIDTable) -> Tensor:
    """Positions of the pictures whose time is known.

    Raises:
        ValueError: there is none.
    """
    if table.times is None:
        raise ValueError(f"{table.name} must have times for temporal lifting, got none in images.csv.")
    return torch.nonzero(table.times.isfinite())[:, 0]


def seconds(table: ReIDTable) -> Tensor:
    """[N] float64: when each picture was taken, in seconds of the data set's clock.

    Raises:
        ValueError: the times are not known.
    """
    if table.times is None or table.fps is None:
        raise ValueError(f"{table.name} must have times for temporal lifting, got none in images.csv.")
    return table.times / table.fps


def liftable_similarities(query_embeddings: Tensor, gallery_embeddings: Tensor) -> dict[str, Tensor]:
    """Similarities in [0, 1] from embeddings that are compared by their angle: `SIMILARITIES` -> [Q, G].

    Lifting multiplies a similarity by a weight, so it has to be non-negative, and how far non-matches are from 0
    decides how much the weight can say.

    Args:
        query_embeddings: [Q, D].
        gallery_embeddings: [G, D].
    """
    distmat = cosine_distances(query_embeddings, gallery_embeddings)
    reranked = reranked_distances(query_embeddings, gallery_embeddings, metric="cosine")
    values = (1 - reranked).clamp(0, 1), (1 - distmat).clamp(0, 1), (1 - distmat / 2).clamp(0, 1)
    return dict(zip(SIMILARITIES, values, strict=True))


def walkers(table: ReIDTable) -> Tensor:
    """[N] int64: a number for everybody who walks through a table.

    Promenade numbers its strangers; elsewhere every distractor counts as somebody of their own, with a negative number.
    """
    if "person" in table.images.columns:
        return torch.tensor(table.images["person"].astype("int64").to_list())
    pids = table.pids
    return torch.where(pids > 0, pids, -1 - torch.arange(len(pids)))
