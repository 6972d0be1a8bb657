"""A linear reading of attributes from a frozen model's embeddings."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class AttributeClassifier(nn.Module):
    """One linear layer without bias and a sigmoid: embedding [N, D] -> probability of each attribute [N, A].

    Specker, "A Step Towards Explainable Person Re-identification Rankings", reads the attributes of a picture from the
    embedding that the re-identification model ranks by. Row a of ``weight`` says how much each neuron (dimension of the
    embedding) speaks for attribute a, which is what his neuron table and his error composition are made of. Without a
    bias an embedding of zeros, or an attribute that was never learned, gets 0.5: the classifier does not know.

    Args:
        embedding_dim: D.
        num_attributes: A.

    Raises:
        ValueError: a size below 1.

    Attributes:
        weight: [A, D], zero until it is fitted (`whyreid.training.fit_attribute_classifier`).

    Example:
        >>> AttributeClassifier(4, 2)(torch.ones(1, 4)).tolist()
        [[0.5, 0.5]]
    """

    def __init__(self, embedding_dim: int, num_attributes: int) -> None:
        super().__init__()
        if embedding_dim < 1 or num_attributes < 1:
            raise ValueError(
                f"embedding_dim and num_attributes must be at least 1, got {embedding_dim} and {num_attributes}."
            )
        self.weight = nn.Parameter(torch.zeros(num_attributes, embedding_dim))

    def logits(self, embeddings: Tensor) -> Tensor:
        """[N, D] -> [N, A] before the sigmoid: positive speaks for the attribute.

        Raises:
            ValueError: the embeddings do not have D columns.
        """
        if embeddings.ndim != 2 or embeddings.shape[1] != self.weight.shape[1]:
            raise ValueError(
                f"embeddings must be [N, {self.weight.shape[1]}], got {list(embeddings.shape)}; "
                "pass embeddings of the model that the classifier was fitted on."
            )
        return nn.functional.linear(embeddings, self.weight)

    def forward(self, embeddings: Tensor) -> Tensor:
        """[N, D] -> probabilities [N, A] in (0, 1)."""
        return self.logits(embeddings).sigmoid()

    def extra_repr(self) -> str:
        """The two sizes."""
        return f"embedding_dim={self.weight.shape[1]}, num_attributes={self.weight.shape[0]}"
