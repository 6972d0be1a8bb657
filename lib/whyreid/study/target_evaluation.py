"""How well a target finds people again on any table: as it ranks, re-ranked, and lifted by time."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from whyreid.data import ReIDTable
from whyreid.models import TargetModel
from whyreid.retrieval import RankingReport, cosine_distances, euclidean_distances, evaluate_ranking, temporal_lift
from whyreid.study.datasets import PROMENADE_DOMAINS, load_dataset
from whyreid.study.target_networks import new_target
from whyreid.study.target_ranking import reranked_distances
from whyreid.training import TrainingHistory, TrainingRecipe, embed_images, train_target


def train_network(
    table: ReIDTable,
    recipe: TrainingRecipe,
    folder: Path,
    *,
    network: str = "thin",
    seed: int = 0,
    device: str = "auto",
    progress: bool = False,
) -> TrainingHistory:
    """Train a network of `whyreid.study.target_networks.TARGETS` into a folder of the user's, or go on with it.

    Args:
        table: the data set; the splits that the recipe names are learned.
        recipe: schedule, losses and augmentation.
        folder: holds one training; ``target.pt`` lies there when it is done.
        network: a name of `TARGETS`.
        seed: of the weights, the order and the augmentation.
        device: "auto", "cpu" or "cuda".
        progress: show a bar.

    Raises:
        ValueError: an unknown network, or the folder holds another training (the difference is named).
    """
    model = new_target(network, seed=seed)
    return train_target(model, table, recipe, folder=folder, seed=seed, device=device, progress=progress)


def load_scored(dataset: str, *, preset: str, progress: bool = False) -> ReIDTable:
    """The table that a command is to score a target on; unlike `load_dataset` it may have nobody to train on.

    Args:
        dataset: "promenade-a", "promenade-b", or the path of a table folder.
        preset: size of Promenade.
        progress: show a bar while rendering.

    Raises:
        ValueError: no such name or folder, or a table that does not hold together.
    """
    folder = Path(dataset).expanduser()
    if dataset in PROMENADE_DOMAINS or not (folder / "dataset.yaml").is_file():
        return load_dataset(dataset, preset=preset, progress=progress)
    return ReIDTable.load(folder)


def evaluate_target(
    target: TargetModel,
    table: ReIDTable,
    *,
    rerank: bool = False,
    lift: bool = False,
    device: str = "auto",
    progress: bool = False,
) -> dict[str, RankingReport]:
    """Rank a table's gallery for each of its queries in every way that is asked for.

    Args:
        target: any target; pictures and mirror images are embedded.
        table: with the splits "query" and "gallery".
        rerank: also after k-reciprocal re-ranking, see `reranked_distances`.
        lift: also after temporal lifting with the published settings, in seconds; of the re-ranked similarities when
            ``rerank`` is asked for, as published, else of the target's own (see `own_similarities`).
        device: "auto", "cpu" or "cuda".
        progress: show a bar.

    Returns:
        A report under the table's protocol for "as embedded", then "re-ranked" and "lifted".

    Raises:
        ValueError: a split is missing, no query has a match, or times or cameras are missing and ``lift`` is asked for.
    """
    query, gallery = table.select("query"), table.select("gallery")
    if lift:
        _require_times(table)
    asked, found = (embed_images(target, part, device=device, progress=progress) for part in (query, gallery))
    measure = cosine_distances if target.distance == "cosine" else euclidean_distances
    distances = {"as embedded": measure(asked, found)}
    if rerank:
        distances["re-ranked"] = reranked_distances(asked, found, metric=target.distance)
    if lift:
        simmat = 1 - distances["re-ranked"] if rerank else own_similarities(distances["as embedded"], target.distance)
        lifted = _lifted(simmat.clamp_min(0), query, gallery)
        distances["re-ranked and lifted" if rerank else "lifted"] = lifted.amax() - lifted
    people = query.pids, gallery.pids, query.camids, gallery.camids
    return {name: evaluate_ranking(distmat, *people) for name, distmat in distances.items()}


def own_similarities(distmat: Tensor, metric: str) -> Tensor:
    """Similarities in [0, 1] that rank as a target's distances [Q, G] do, for temporal lifting.

    Cosine distances d become 1 - d / 2; Euclidean ones 1 - d / the largest.
    """
    return 1 - distmat / (2 if metric == "cosine" else distmat.amax().clamp_min(torch.finfo(distmat.dtype).tiny))


def _require_times(table: ReIDTable) -> None:
    if table.camids is None or table.times is None or table.fps is None:
        raise ValueError(
            f"temporal lifting needs the camera and the time of every picture, which {table.name} does not know; "
            "leave --lift out, or give times and fps in the table."
        )


def _lifted(simmat: Tensor, query: ReIDTable, gallery: ReIDTable) -> Tensor:
    clocks = []
    for part in (query, gallery):
        if part.camids is None or part.times is None or part.fps is None:
            raise ValueError(f"a time and a camera must be known for the queries and the gallery of {part.name}.")
        clocks.append((part.camids, part.times / part.fps))
    (query_camid, query_time), (gallery_camid, gallery_time) = clocks
    return temporal_lift(simmat, query_camid, gallery_camid, query_time, gallery_time)
