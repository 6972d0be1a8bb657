"""What an interpreter is worth on a test set: gap, agreement with labels, its own ranking, and the controls beside."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from whyreid.data import ReIDTable
from whyreid.explain import interpreter_distances
from whyreid.retrieval import RankingReport, euclidean_distances, evaluate_ranking
from whyreid.study.attribute_steps import AttributeReading, attribute_reading, comparable_embeddings
from whyreid.study.interpreter_steps import TrainedInterpreter, attribute_embeddings_of
from whyreid.study.steps import TrainedTarget
from whyreid.truth import (
    AttributeAgreement,
    attribute_agreement_streamed,
    disagreement_rate,
    fixed_order_agreement,
    query_prior_agreement,
    random_order_agreement,
    relative_gap,
)


@dataclass(frozen=True, eq=False)
class InterpreterReport:
    """The measures of AMD for one interpreter on one test set; all fractions.

    Attributes:
        gap: mean over query x gallery pairs of how far the parts are from the target's distance (ADRE), relative.
        agreement: X-mAP and precisions, over the pairs of people whose labels are known.
        own: ranking by the interpreter's own distance.
        target: ranking by the target's distance, on the same pictures without their mirror images.
    """

    gap: float
    agreement: AttributeAgreement
    own: RankingReport
    target: RankingReport

    def row(self) -> dict[str, float]:
        """The measures by the names of the claim: gap, X-mAP exclusive, ..., target mAP."""
        ranks = {"own R1": self.own.rank1, "own mAP": self.own.mean_ap}
        ranks |= {"target R1": self.target.rank1, "target mAP": self.target.mean_ap}
        return {"gap": self.gap, **agreement_row(self.agreement), **ranks}


def interpreter_report(
    interpreter: TrainedInterpreter, query: ReIDTable, gallery: ReIDTable, *, device: str = "auto"
) -> InterpreterReport:
    """Measure an interpreter on queries and gallery; distractors rank, but have no labels to agree with.

    Args:
        interpreter: from `trained_interpreter`.
        query: any table that has the interpreter's attributes.
        gallery: likewise.
        device: "auto", "cpu" or "cuda".

    Raises:
        ValueError: the tables lack an attribute; nobody's labels are known.

    Cost: Q G A D multiply-adds twice; memory beside the embeddings: two [Q, G] matrices and one tile.
    """
    asked, found = (attribute_embeddings_of(interpreter, part, device=device) for part in (query, gallery))
    distmat = euclidean_distances(asked.embedding, found.embedding)
    parts = (asked.attribute_embeddings, found.attribute_embeddings)
    explained = interpreter_distances(*parts, over_attributes=interpreter.over_attributes)
    labels, rows = zip(*(known_labels(part, interpreter.attributes) for part in (query, gallery)), strict=True)
    agreement = attribute_agreement_streamed(*(part[row] for part, row in zip(parts, rows, strict=True)), *labels)
    people = (query.pids, gallery.pids, query.camids, gallery.camids)
    own, target = (evaluate_ranking(matrix, *people) for matrix in (explained, distmat))
    return InterpreterReport(relative_gap(distmat, explained), agreement, own, target)


def agreement_controls(
    interpreter: TrainedInterpreter,
    target: TrainedTarget,
    table: ReIDTable,
    query: ReIDTable,
    gallery: ReIDTable,
    *,
    device: str = "auto",
) -> dict[str, AttributeAgreement]:
    """The same measure for explanations that do not look at the distance; print them beside every X-mAP.

    Args:
        interpreter: names the attributes.
        target: its target; the attributes are predicted from its embeddings.
        table: what both were trained on.
        query: of any table that has the attributes.
        gallery: likewise.
        device: "auto", "cpu" or "cuda".

    Returns:
        By name: "uniform or random" (every order as good as another; attention 1 everywhere), "fixed order" (how often
        two training persons differ, the same for every pair), "query's labels" (the query's true labels and the
        frequencies, no gallery picture), "query's predicted attributes" (the same without knowing labels), "difference
        of predicted attributes" (both pictures, no distance), "difference of mean attention" (the interpreter's maps
        without the target: by how much each map's mean differs between the two pictures).
    """
    names = interpreter.attributes
    (asked, query_rows), (found, gallery_rows) = (known_labels(part, names) for part in (query, gallery))
    reading = attribute_reading(target, table, device=device)
    predicted = predicted_attributes(reading, target, table, query, names, device=device)[query_rows]
    predicted_gallery = predicted_attributes(reading, target, table, gallery, names, device=device)[gallery_rows]
    brightness = [attribute_embeddings_of(interpreter, part, device=device).mean_attention for part in (query, gallery)]
    learned = identity_labels(table.select("train"), names)
    ratio = learned.double().mean(dim=0)
    return {
        "uniform or random": random_order_agreement(asked, found),
        "fixed order": fixed_order_agreement(disagreement_rate(learned), asked, found),
        "query's labels": query_prior_agreement(asked, ratio, asked, found),
        "query's predicted attributes": query_prior_agreement(predicted, ratio, asked, found),
        "difference of predicted attributes": _difference_agreement(predicted, predicted_gallery, asked, found),
        "difference of mean attention": _difference_agreement(
            brightness[0][query_rows], brightness[1][gallery_rows], asked, found
        ),
    }


def known_labels(table: ReIDTable, names: tuple[str, ...]) -> tuple[Tensor, Tensor]:
    """Labels [n, A] bool of the pictures whose person's labels are all known, and which pictures these are [N] bool.

    Raises:
        ValueError: no person's labels are all known.
    """
    chosen = table.select_attributes(names)
    known = chosen.attribute_known().all(dim=1)
    if not bool(known.any()):
        raise ValueError(f"{table.name} must have people whose attributes are all known, got none; check the labels.")
    return chosen.attribute_tensor(missing=False)[known], known


def identity_labels(table: ReIDTable, names: tuple[str, ...]) -> Tensor:
    """[I, A] bool: the labels of every identity of a table whose labels are all known."""
    chosen = table.select_attributes(names).attributes
    assert chosen is not None  # select_attributes has refused a table without
    return torch.from_numpy(chosen.dropna().to_numpy(dtype=bool, copy=True))


def predicted_attributes(
    reading: AttributeReading,
    target: TrainedTarget,
    table: ReIDTable,
    part: ReIDTable,
    names: tuple[str, ...],
    *,
    device: str = "auto",
) -> Tensor:
    """Probabilities [N, A] that a linear classifier on the target's embeddings gives to each picture of ``part``.

    Args:
        reading: of ``target``, fitted on ``table``.
        target: the model.
        table: names the classifier's columns.
        part: the pictures.
        names: the attributes that are asked for.
        device: "auto", "cpu" or "cuda".

    Raises:
        ValueError: ``table`` has no attributes.
    """
    if table.schema is None:
        raise ValueError(f"table {table.name!r} must have attributes, got none; read it with attributes=...")
    columns = [table.schema.index(name) for name in names]
    with torch.no_grad():
        return reading.fit.classifier(comparable_embeddings(target, part, device=device))[:, columns]


def agreement_row(agreement: AttributeAgreement) -> dict[str, float]:
    """The four numbers of an agreement by the names of the claim, as fractions."""
    return {
        "X-mAP exclusive": agreement.exclusive_map,
        "X-mAP common": agreement.common_map,
        "P exclusive": agreement.exclusive_precision,
        "P common": agreement.common_precision,
    }


def _difference_agreement(asked: Tensor, found: Tensor, query: Tensor, gallery: Tensor) -> AttributeAgreement:
    """Contribution of an attribute = by how much its number [N, A] differs between two pictures."""
    return attribute_agreement_streamed(asked[:, :, None], found[:, :, None], query, gallery)
