"""Which queries temporal lifting helps: those of which somebody in company was recognised where they went next."""

from __future__ import annotations

import pandas as pd
import torch
from torch import Tensor

from whyreid.pedestrians import read_families
from whyreid.retrieval import evaluate_ranking
from whyreid.retrieval.lifting_pivots import LiftingPivots, lifting_pivots, lifting_weights
from whyreid.study.lifting_steps import LiftingCase, walkers

_COLUMNS = ["query", "camera", "before", "after", "own", "companion", "match weight", "other weight", "company"]


def pivots_of(case: LiftingCase, simmat: Tensor) -> LiftingPivots:
    """The pivots of a case with the published settings."""
    return lifting_pivots(simmat, *case.camids, case.query_time)


def lifting_gain(case: LiftingCase, simmat: Tensor) -> pd.DataFrame:
    """What lifting did to each query in each gallery camera that saw the query's person, with the published settings.

    Args:
        case: queries, gallery, cameras and times.
        simmat: [Q, G] one of the case's similarities.

    Returns:
        One row a query and gallery camera, another camera than the query's own:
        query, camera;
        before, after: average precision when only this camera is searched, without and with lifting;
        own: whether a pivot of the query shows the query's person at this camera;
        companion: whether a pivot of another query, its companion, shows that companion here;
        match weight, other weight: mean weight of the matches and of the other pictures of the camera, 0..1;
        company: whether the person walks in a party; NA where nobody knows.
    """
    pivots = pivots_of(case, simmat)
    weights = lifting_weights(pivots, len(case.query), case.camids[1], case.gallery_time)
    found = _found(case, pivots)
    company = _in_company(case)
    lifted = case.lifted(simmat)
    parts = []
    for camera in case.camids[1].unique().tolist():
        here = case.camids[1] == camera
        before, after = (_average_precision(case, matrix, here) for matrix in (simmat, lifted))
        rows = before.index.to_list()
        same = case.query.pids[rows][:, None] == case.gallery.pids[here]
        weight = weights[rows][:, here]
        own, companion = (rows_of[camera].reindex(rows, fill_value=False).to_list() for rows_of in found)
        columns = (
            rows, camera, before.to_list(), after.to_list(), own, companion,
            _mean_where(weight, same), _mean_where(weight, ~same), [company[row] for row in rows],
        )  # fmt: skip
        parts.append(pd.DataFrame(dict(zip(_COLUMNS, columns, strict=True))))
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def gain_by_company(gain: pd.DataFrame) -> pd.DataFrame:
    """The gain of lifting by what the pivots found.

    Args:
        gain: from `lifting_gain`.

    Returns:
        Index (own, companion) as words; columns searches (how many queries and cameras), before, after, gain (mean
        average precision), match weight, other weight.
    """
    words = {"own": {True: "found", False: "missed"}, "companion": {True: "found", False: "missed"}}
    named = gain.assign(
        **{name: gain[name].map(word) for name, word in words.items()}, gain=gain["after"] - gain["before"]
    )
    grouped = named.groupby(["own", "companion"])
    table = grouped[["before", "after", "gain", "match weight", "other weight"]].mean()
    table.insert(0, "searches", grouped.size())
    return table


def _found(case: LiftingCase, pivots: LiftingPivots) -> tuple[dict[int, pd.Series], dict[int, pd.Series]]:
    """For every gallery camera the queries with a right pivot of their own, and with one of a companion's."""
    right = case.query.pids[pivots.companion] == case.gallery.pids[pivots.picture]
    own = case.query.pids[pivots.companion] == case.query.pids[pivots.query]
    camera = case.camids[1][pivots.picture]
    cameras = case.camids[1].unique().tolist()
    by_kind = []
    for kind in (own, ~own):
        chosen = {c: pivots.query[right & kind & (camera == c)].unique() for c in cameras}
        by_kind.append({c: pd.Series(True, index=rows.tolist()) for c, rows in chosen.items()})
    return by_kind[0], by_kind[1]


def _average_precision(case: LiftingCase, simmat: Tensor, here: Tensor) -> pd.Series:
    """Average precision of every query that has a match in the chosen pictures, by the query's row."""
    same = case.query.pids[:, None] == case.gallery.pids[here]
    other_camera = case.camids[0][:, None] != case.camids[1][here]
    if not bool((same & other_camera).any()):
        return pd.Series(dtype=float)
    simmat = simmat[:, here].double()
    people = case.query.pids, case.gallery.pids[here], case.camids[0], case.camids[1][here]
    report = evaluate_ranking(simmat.max() - simmat, *people)
    return pd.Series(report.average_precision.tolist(), index=report.valid_queries.tolist())


def _mean_where(values: Tensor, chosen: Tensor) -> list[float]:
    """Mean of each row over the chosen entries; NaN where there are none."""
    total = torch.where(chosen, values, 0).sum(dim=1)
    return (total / chosen.sum(dim=1)).tolist()


def _in_company(case: LiftingCase) -> list[bool | None]:
    """Whether each query's person walks in a party; None where the world is not Promenade's."""
    if "person" not in case.query.images.columns:
        return [None] * len(case.query)
    party = read_families(case.query.root)["party"]
    return [bool(party.loc[person] >= 0) for person in walkers(case.query).tolist()]
