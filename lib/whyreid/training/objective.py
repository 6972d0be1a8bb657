"""What a training minimises: cross-entropy over the training identities plus a triplet loss."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from whyreid.losses import batch_hard_triplet, circle_softmax, weighted_regularised_triplet
from whyreid.models.target import TargetModel, embedding_dim
from whyreid.training.recipe import TrainingRecipe


class Losses(NamedTuple):
    """Losses of one batch, each a scalar.

    Attributes:
        total: what is minimised.
        classification: cross-entropy.
        metric: triplet loss before its weight.
        accuracy: share of the batch classified right, 0..1, without gradient.
    """

    total: Tensor
    classification: Tensor
    metric: Tensor
    accuracy: Tensor


class Objective(nn.Module):
    """A target with a classifier of the training identities on its embedding: the module that is trained.

    The triplet loss compares the pooled vectors before the neck, the classifier reads the embedding after it (Luo et
    al., arXiv 1903.07071). One module with one ``forward``, so that it runs on several devices unchanged.

    Args:
        target: the model to train.
        num_identities: classes.
        recipe: names the losses.
    """

    def __init__(self, target: TargetModel, num_identities: int, recipe: TrainingRecipe) -> None:
        super().__init__()
        self.target = target
        self.classifier = nn.Linear(embedding_dim(target), num_identities, bias=False)
        nn.init.normal_(self.classifier.weight, std=0.001)
        self.recipe = recipe

    def forward(self, images: Tensor, labels: Tensor) -> Losses:
        """Losses of normalised pictures [B, 3, H, W] with labels [B] int64."""
        pooled = self.target.pool(self.target.feature_map(images))
        embedding = self.target.embed(pooled)
        scores = self.scores(embedding)
        logits = circle_softmax(scores, labels) if self.recipe.classifier == "circle" else scores
        classification = F.cross_entropy(logits, labels, label_smoothing=self.recipe.label_smoothing)
        metric = metric_loss(pooled if self.recipe.metric_on == "pooled" else embedding, labels, self.recipe)
        accuracy = (scores.detach().argmax(dim=1) == labels).float().mean()
        return Losses(classification + self.recipe.metric_weight * metric, classification, metric, accuracy)

    def scores(self, embedding: Tensor) -> Tensor:
        """[B, D] -> [B, C] float32: inner products with the class weights, or their cosines for the circle loss."""
        if self.recipe.classifier == "linear":
            return self.classifier(embedding).float()
        with torch.autocast(embedding.device.type, enabled=False):
            return F.linear(F.normalize(embedding.float(), dim=1), F.normalize(self.classifier.weight, dim=1))


def metric_loss(pooled: Tensor, labels: Tensor, recipe: TrainingRecipe) -> Tensor:
    """The recipe's triplet loss of pooled vectors [B, C], in float32; zero when it names none."""
    if recipe.metric_loss == "batch_hard":
        return batch_hard_triplet(pooled, labels, margin=recipe.margin)
    if recipe.metric_loss == "weighted_regularised":
        return weighted_regularised_triplet(pooled, labels)
    return pooled.new_zeros(())
