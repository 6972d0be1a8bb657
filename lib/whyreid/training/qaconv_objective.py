"""What a training of QAConv minimises: the loss of its version on the matching logits."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from whyreid.losses import ClassMemory, batch_hard_matching_loss, pairwise_matching_loss
from whyreid.losses.class_memory import focal_matching_loss
from whyreid.losses.pairwise_matching import hardest_scores
from whyreid.models.qaconv_features import QAConvModel
from whyreid.training.objective import Losses
from whyreid.training.qaconv_recipe import QAConvRecipe


class QAConvObjective(nn.Module):
    """Extractor, matcher and (1.0) class memory: the module that is trained.

    Args:
        model: what learns.
        num_identities: classes; only the memory of 1.0 has a place for each.
        recipe: names the version.
    """

    def __init__(self, model: QAConvModel, num_identities: int, recipe: QAConvRecipe) -> None:
        super().__init__()
        self.model, self.recipe = model, recipe
        if recipe.version == "1.0":
            matcher = model.matcher
            sizes = matcher.num_features, matcher.height, matcher.width
            self.memory = ClassMemory(matcher, num_identities, *sizes)

    def forward(self, images: Tensor, labels: Tensor) -> Losses:
        """Losses of prepared pictures [B, 3, H, W] with labels [B] int64, each a scalar.

        The loss of 1.0 is recorded as that of a classification, that of 2.x as a metric loss. The accuracy is the
        share of pictures whose best class of the memory is theirs (1.0), or whose lowest positive pair does not lie
        below its highest negative one (2.x), as the authors count it.
        """
        maps = self.model(images)
        if self.recipe.version == "1.0":
            rows, accuracy = self._against_classes(maps, labels)
        else:
            rows, accuracy = self._among_each_other(maps, labels)
        loss = rows[rows.isfinite()].mean()
        nothing = torch.zeros_like(loss)
        parts = (loss, nothing) if self.recipe.version == "1.0" else (nothing, loss)
        return Losses(loss, *parts, accuracy.float().mean())

    def _against_classes(self, maps: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        scores, seen = self.memory.scores(maps), self.memory.valid_class.clone()
        rows = focal_matching_loss(scores, labels, seen)
        self.memory.remember(maps, labels)
        best = scores.detach().masked_fill(seen == 0, float("-inf")).argmax(dim=1)
        return rows, (best == labels) & (seen[labels] > 0)

    def _among_each_other(self, maps: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        scores = self.model.matcher(maps, maps)
        hardest = hardest_scores(scores.detach(), labels)
        if self.recipe.version == "2.0":
            return pairwise_matching_loss(scores, labels), hardest.positive >= hardest.negative
        rows = batch_hard_matching_loss(scores, labels, margin=self.recipe.margin)
        return rows, hardest.positive >= hardest.negative
