"""What the chapters on attributes share: embeddings as the ranking compares them, and a classifier on them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from whyreid.data import ReIDTable, unknown_groups
from whyreid.explain.attribute_error_explainer import comparable
from whyreid.models.attribute_classifier import AttributeClassifier
from whyreid.study.artifacts import artifact
from whyreid.study.steps import TrainedTarget, embeddings
from whyreid.training.attribute_classifier import AttributeFit, choose_attribute_classifier

_CODE = ("whyreid.training.choose_attribute_classifier", "whyreid.study.attribute_steps.certain_labels")


@dataclass(frozen=True, eq=False)
class AttributeReading:
    """A linear classifier of the attributes that it could learn.

    Attributes:
        fit: the classifier with all attributes of the table.
        names: those that vary among the training identities, in schema order.
        weight: [len(names), D], their rows.
    """

    fit: AttributeFit
    names: tuple[str, ...]
    weight: Tensor

    def columns(self, attributes: Tensor) -> Tensor:
        """[.., A] of the table -> [.., len(names)]."""
        return attributes[..., self.fit.fitted]

    def probabilities(self, vectors: Tensor) -> Tensor:
        """[N, D] comparable embeddings -> [N, len(names)] in (0, 1)."""
        with torch.no_grad():
            return self.columns(self.fit.classifier(vectors))


def certain_labels(table: ReIDTable) -> Tensor:
    """Which labels say something: [N, A] bool, rows as in ``table.images``.

    Labels that are missing say nothing, and neither do those of a group (colours of one garment, ages) in which the
    person has no value at all: the colour then is unknown or mixed, so "not red" would be a guess.
    """
    known = table.attribute_known()
    if table.attributes is None or table.schema is None:
        return known
    unknown = unknown_groups(table.attributes, table.schema).reindex(table.images["pid"], fill_value=True)
    for group in unknown.columns:
        columns = [table.schema.index(name) for name in table.schema.groups[group]]
        known[:, columns] &= ~torch.from_numpy(unknown[group].to_numpy(dtype=bool, copy=True))[:, None]
    return known


def comparable_embeddings(target: TrainedTarget, table: ReIDTable, *, device: str = "auto") -> Tensor:
    """[N, D] stored embeddings of a table whose Euclidean distance ranks as the target does (see `comparable`)."""
    return comparable(embeddings(target, table, device=device), target.model.distance)


def attribute_reading(target: TrainedTarget, table: ReIDTable, *, device: str = "auto") -> AttributeReading:
    """The attribute classifier of a target, fitted on "train", its penalty chosen on "val"; stored at the first call.

    Labels that say nothing do not count, see `certain_labels`.

    Args:
        target: from `trained_target`.
        table: the data set that the target was trained on, with attributes.
        device: "auto", "cpu" or "cuda".
    """
    train, validation = table.select("train"), table.select("val")

    def make(folder: Path) -> None:
        fit = choose_attribute_classifier(
            comparable_embeddings(target, train, device=device),
            train.attribute_tensor(missing=False),
            comparable_embeddings(target, validation, device=device),
            validation.attribute_tensor(missing=False),
            known=certain_labels(train),
            validation_known=certain_labels(validation),
        )
        plain = {key: value for key, value in vars(fit).items() if key != "classifier"}
        torch.save({"weight": fit.classifier.weight.detach(), **plain}, folder / "classifier.pt")

    inputs = {"target": target.folder, "train": train, "validation": validation}
    folder = artifact("attribute-classifier", inputs, make, code=_CODE)
    fit = _load(folder / "classifier.pt")
    assert table.schema is not None  # attribute_tensor has refused a table without
    names = tuple(name for name, known in zip(table.schema.names, fit.fitted.tolist(), strict=True) if known)
    return AttributeReading(fit, names, fit.classifier.weight.detach()[fit.fitted])


def _load(file: Path) -> AttributeFit:
    stored = torch.load(file, weights_only=True)
    weight = stored.pop("weight")
    classifier = AttributeClassifier(weight.shape[1], weight.shape[0])
    classifier.load_state_dict({"weight": weight})
    return AttributeFit(classifier.eval(), **stored)
