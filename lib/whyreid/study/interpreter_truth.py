"""What labels cannot tell of an interpreter: do its maps lie on the attributes, and do its numbers follow them?"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor

from whyreid.data import AttributeSchema, ReIDTable
from whyreid.data.loading import ImageStore
from whyreid.explain import rank_correlation
from whyreid.models import attribute_embeddings
from whyreid.models.interpreter import Interpreter
from whyreid.study.interpreter_report import identity_labels, known_labels
from whyreid.study.interpreter_steps import TrainedInterpreter
from whyreid.training.device import resolve_device
from whyreid.truth import (
    AttributeAgreement,
    MeanShares,
    RegionAttention,
    attention_in_regions,
    attribute_agreement_streamed,
    attribute_region_shares,
    differing_share,
    disagreement_rate,
    mean_shares,
)

_BATCH = 128


@dataclass(frozen=True, eq=False)
class InterpreterTruth:
    """What an interpreter's maps and shares have to do with the attributes, on one test set.

    Attributes:
        names: of the A attributes.
        shares: what the attributes make of the distance, on average.
        disagreement: [A] 2 p (1 - p): how often two training persons differ in the attribute.
        flattened: agreement with labels when every map is replaced by its mean: what is left of it was not said by
            where the maps lie.
        mean_maps: [A, h, w] mean over all pictures of each map, 1 = its own mean.
        attention: inside the regions of exclusive attributes, averaged over pairs; None without masks.
        area: [A] part of the picture that the attribute's region covers where it is to be seen; None without masks.
        mean_regions: [A, h, w] mean over all pictures of the regions; None without masks.
    """

    names: tuple[str, ...]
    shares: MeanShares
    disagreement: Tensor
    flattened: AttributeAgreement
    mean_maps: Tensor
    attention: RegionAttention | None
    area: Tensor | None
    mean_regions: Tensor | None

    def row(self) -> dict[str, float]:
        """Numbers by the names of the claim; those that need masks are left out without."""
        common, overall = self.shares.common, self.shares.overall
        values = {
            "flattened X-mAP exclusive": self.flattened.exclusive_map,
            "flattened X-mAP common": self.flattened.common_map,
            "common share with p(1-p)": rank_correlation(common, self.disagreement).rho,
            "share with p(1-p)": rank_correlation(overall, self.disagreement).rho,
        }
        if self.attention is None or self.area is None:
            return values
        found = self.attention.overall()
        return values | {
            "common share with area": rank_correlation(common, self.area).rho,
            "share with area": rank_correlation(overall, self.area).rho,
            "attention inside": found["inside"],
            "area": found["area"],
            "other maps inside": found["other_maps"],
            "over area": found["inside"] / found["area"],
            "over other maps": found["inside"] / found["other_maps"],
        }

    def frame(self) -> pd.DataFrame:
        """One row an attribute, for figures: its shares, how often it differs, and its area where masks are known.

        Returns:
            Index attribute; columns "share" and "share in common pairs" (1 = an equal part of the distance),
            "differs (% of pairs)" of training persons, and "area (% of the picture)" (NaN without masks).
        """
        count = len(self.names)
        columns = {
            "share": count * self.shares.overall,
            "share in common pairs": count * self.shares.common,
            "differs (% of pairs)": 100 * self.disagreement,
            "area (% of the picture)": torch.full((count,), torch.nan) if self.area is None else 100 * self.area,
        }
        return pd.DataFrame({name: value.numpy() for name, value in columns.items()}, index=list(self.names))

    def one_of_each_group(self, schema: AttributeSchema) -> list[int]:
        """Of each attribute group the attribute in which training persons differ most, as positions in ``names``."""
        best: dict[str, int] = {}
        for place, (name, varies) in enumerate(zip(self.names, self.disagreement.tolist(), strict=True)):
            group = schema.group_of(name)
            if group not in best or varies > float(self.disagreement[best[group]]):
                best[group] = place
        return sorted(best.values())


def interpreter_truth(
    interpreter: TrainedInterpreter,
    learned: ReIDTable,
    query: ReIDTable,
    gallery: ReIDTable,
    *,
    device: str = "auto",
) -> InterpreterTruth:
    """Look at the maps of every labelled picture of a test set, and at the shares of all their pairs.

    Args:
        interpreter: from `trained_interpreter`.
        learned: the pictures that it learned from; for the attributes' frequencies.
        query: any table that has the attributes; masks are read when it has them.
        gallery: likewise.
        device: "auto", "cpu" or "cuda".

    Raises:
        ValueError: the tables lack an attribute, or nobody's labels are known.

    Cost: one pass over the pictures, and three times Q G A D multiply-adds; N A (D + h w) numbers of memory.
    """
    names = interpreter.attributes
    labels, rows = zip(*(known_labels(part, names) for part in (query, gallery)), strict=True)
    tables = [part.take(row) for part, row in zip((query, gallery), rows, strict=True)]
    seen = [picture_maps(interpreter.model, part, device=device) for part in tables]
    attention = torch.cat([part.attention for part in seen])
    relative = attention / attention.mean(dim=(2, 3), keepdim=True)
    masks = _regions(tables, names, attention.shape[2:])
    return InterpreterTruth(
        names,
        mean_shares(*(part.embeddings for part in seen), *labels),
        disagreement_rate(identity_labels(learned, names)),
        attribute_agreement_streamed(*(part.flattened for part in seen), *labels),
        relative.mean(dim=0),
        None if masks is None else _on_exclusive(attention, masks, query, names, labels),
        None if masks is None else _visible_area(masks),
        None if masks is None else masks.mean(dim=0),
    )


@dataclass(frozen=True, eq=False)
class PictureMaps:
    """What an interpreter says of N pictures.

    Attributes:
        attention: [N, A, h, w].
        embeddings: [N, A, D] attribute embeddings.
        flattened: [N, A, D] the same with every map replaced by its mean.
    """

    attention: Tensor
    embeddings: Tensor
    flattened: Tensor


def picture_maps(interpreter: Interpreter, table: ReIDTable, *, device: str = "auto") -> PictureMaps:
    """Attention of every picture of a table, and the embeddings with it and with its mean.

    Args:
        interpreter: in evaluation mode; left on the CPU.
        table: the pictures.
        device: "auto", "cpu" or "cuda".
    """
    place = resolve_device(device)
    store = ImageStore(table, interpreter.target.image_input.size, memory_limit=0)
    interpreter.to(place)
    parts = []
    with torch.inference_mode():
        for images in store.batches(torch.arange(len(store)).split(_BATCH)):
            prepared = interpreter.target.image_input.prepare(images.to(place))
            parts.append([value.cpu() for value in _look(interpreter, prepared)])
    interpreter.to("cpu")
    return PictureMaps(*(torch.cat(part).clone() for part in zip(*parts, strict=True)))


def _look(interpreter: Interpreter, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Attention, embeddings, and embeddings with every map at its mean, of prepared pictures."""
    activation, features = interpreter.frozen(images)
    found = interpreter.decompose(activation, features)
    target, flat = interpreter.target, found.attention.mean(dim=(2, 3), keepdim=True).expand_as(found.attention)
    flattened = attribute_embeddings(features.float(), flat, target.pooling, target.neck)
    if interpreter.unit_length:
        own = target.embed(target.pool(features.float()))
        flattened = flattened / own.norm(dim=1).clamp(min=1e-12)[:, None, None]
    return found.attention, found.attribute_embeddings, flattened


def _regions(tables: list[ReIDTable], names: tuple[str, ...], size: torch.Size) -> Tensor | None:
    """[N, A, h, w] regions of the attributes, or None when the pictures have no masks."""
    if any("mask" not in table.images.columns for table in tables):
        return None
    return torch.cat([attribute_region_shares(table, names, (size[0], size[1])) for table in tables])


def _on_exclusive(
    attention: Tensor, masks: Tensor, table: ReIDTable, names: tuple[str, ...], labels: tuple[Tensor, ...]
) -> RegionAttention:
    """Attention inside regions, each picture and attribute counted in as many pairs as the attribute is exclusive."""
    query, gallery = labels
    schema = table.schema
    assert schema is not None  # known_labels has refused a table without
    weight = torch.cat([
        differing_share(query, gallery) * len(gallery),
        differing_share(gallery, query) * len(query),
    ])  # fmt: skip
    return attention_in_regions(attention, masks, [schema.group_of(name) for name in names], weight=weight)


def _visible_area(masks: Tensor) -> Tensor:
    """[A] part of the picture that each region covers, over the pictures in which it is to be seen."""
    area = masks.mean(dim=(2, 3)).double()
    return area.sum(dim=0) / (area > 0).sum(dim=0)
