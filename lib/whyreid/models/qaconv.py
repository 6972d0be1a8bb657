"""QAConv: a picture pair is matched location by location, and the best matches are added up to one logit.

Liao and Shao, "Interpretable and Generalizable Person Re-Identification with Query-Adaptive Convolution and Temporal
Lifting", arXiv 1904.10424 (version 1.0); "Graph Sampling Based Deep Metric Learning", arXiv 2104.01546 (version 2.1).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from whyreid.models.location_matching import match_locations, require_maps

MatcherVersion = Literal["1.0", "2.1"]
_LOGIT_SCALE = 10.0


class LocationContributions(NamedTuple):
    """A logit in evaluation mode, taken apart: ``logit = query.sum(-1) + gallery.sum(-1) + bias``.

    Attributes:
        query: [..., h*w] what each location of the query adds through its best match in the gallery picture.
        gallery: [..., h*w] what each location of the gallery picture adds through its best match in the query.
        bias: scalar, the same for every pair.
    """

    query: Tensor
    gallery: Tensor
    bias: Tensor


class QAConv(nn.Module):
    """Matcher of feature maps: best similarity of each location in both directions, normalised, weighted, added.

    Version 2.1 weights the h*w locations alike in both directions (so the logit is symmetric in query and gallery);
    version 1.0 has 2*h*w weights, those of the gallery picture's locations first, as its training code lays them out
    (its figure script read them the other way round). Batch normalisation is over all locations and pairs as one
    channel, and again over the logits. ``state_dict`` has the published keys: bn, fc, logit_bn.

    Deviation: version 2.1 starts with a zero bias of ``fc`` where the authors' code leaves PyTorch's random one; the
    batch normalisation of the logits removes it in training.

    Args:
        num_features: C, channels of the maps.
        height: h of the maps.
        width: w of the maps.
        version: "2.1" (also right for 2.0) or "1.0".

    Raises:
        ValueError: an unknown version, or a size below 1.

    Example:
        >>> matcher = QAConv(16, 4, 2).eval()
        >>> maps = nn.functional.normalize(torch.rand(3, 16, 4, 2), dim=1)
        >>> list(matcher(maps, maps[:2]).shape)
        [3, 2]
    """

    def __init__(self, num_features: int, height: int, width: int, *, version: MatcherVersion = "2.1") -> None:
        super().__init__()
        if version not in ("1.0", "2.1"):
            raise ValueError(f'version must be "1.0" or "2.1", got {version!r}; 2.0 has the matcher of 2.1.')
        if min(num_features, height, width) < 1:
            raise ValueError(f"num_features, height and width must be positive, got {num_features}, {height}, {width}.")
        self.num_features, self.height, self.width = num_features, height, width
        self.version: MatcherVersion = version
        self.bn = nn.BatchNorm1d(1)
        self.fc = nn.Linear(self.num_locations * (2 if version == "1.0" else 1), 1)
        self.logit_bn = nn.BatchNorm1d(1)
        if version == "2.1":
            nn.init.constant_(self.fc.weight, 1.0 / self.num_locations)
            nn.init.zeros_(self.fc.bias)

    @property
    def num_locations(self) -> int:
        """h*w."""
        return self.height * self.width

    def forward(self, query_maps: Tensor, gallery_maps: Tensor) -> Tensor:
        """Logits of all pairs, higher = more likely the same person.

        In training mode the running statistics move, and a batch has one statistic: logits depend on all pairs.

        Args:
            query_maps: [Q, C, h, w], L2-normalised over C.
            gallery_maps: [G, C, h, w], L2-normalised over C. The same tensor twice costs half.

        Returns:
            [Q, G] in the dtype of the matcher's weights.

        Raises:
            TypeError: not tensors, or not floating-point.
            ValueError: shapes that do not fit the matcher, or a single pair in training mode.

        Cost: see `whyreid.models.location_matching.match_locations`.
        """
        self._check_maps(query_maps, gallery_maps)
        query_best, gallery_best = match_locations(query_maps, gallery_maps)
        return self.logits(query_best, gallery_best)

    def logits(self, query_similarity: Tensor, gallery_similarity: Tensor) -> Tensor:
        """Logits [...] from the best similarities of the query's and the gallery's locations, each [..., h*w].

        Raises:
            ValueError: fewer than two pairs while training.
        """
        pairs = query_similarity.shape[:-1]
        if self.training and pairs.numel() < 2:
            raise ValueError(f"training needs at least 2 pairs for its statistics, got {pairs.numel()}; use eval().")
        with torch.autocast(query_similarity.device.type, enabled=False):
            both = torch.stack((gallery_similarity, query_similarity), dim=-2).to(self.fc.weight.dtype)
            both = self.bn(both.reshape(-1, 1, self.num_locations)).reshape(-1, 2, self.num_locations)
            score = self.fc(both.flatten(1)) if self.version == "1.0" else self.fc(both).sum(dim=1)
            return self.logit_bn(score).reshape(pairs)

    def location_contributions(self, query_similarity: Tensor, gallery_similarity: Tensor) -> LocationContributions:
        """What each location adds to the logit that `logits` gives in evaluation mode, exactly.

        With running statistics everything after the maxima is affine, so each location has its own summand: weight x
        normalised similarity (as in the authors' figure script), here also divided by the deviation of the logits, so
        that the unit is that of the logit.

        Args:
            query_similarity: [..., h*w], see `whyreid.models.location_matching.match_locations`.
            gallery_similarity: [..., h*w].

        Returns:
            See `LocationContributions`; signed: positive speaks for the same person. The running statistics are used,
            whatever the mode.
        """
        logit_scale, logit_shift = _affine(self.logit_bn)
        scale, shift = _affine(self.bn)
        for_gallery, for_query = self.fc.weight.view(-1, self.num_locations).expand(2, -1) * logit_scale
        times_added = 1 if self.version == "1.0" else 2  # the shared layer adds its bias in each direction
        return LocationContributions(
            for_query * (query_similarity.to(scale.dtype) * scale + shift),
            for_gallery * (gallery_similarity.to(scale.dtype) * scale + shift),
            (times_added * self.fc.bias * logit_scale + logit_shift).squeeze(),
        )

    def extra_repr(self) -> str:
        """Sizes and version."""
        return f"{self.num_features}, {self.height}, {self.width}, version={self.version!r}"

    def _check_maps(self, query_maps: Tensor, gallery_maps: Tensor) -> None:
        expected = (self.num_features, self.height, self.width)
        for name, maps in (("query_maps", query_maps), ("gallery_maps", gallery_maps)):
            if tuple(require_maps(name, maps).shape[1:]) != expected:
                raise ValueError(
                    f"{name} must be [N, {', '.join(map(str, expected))}] as this matcher was built for, got "
                    f"{list(maps.shape)}; resize the pictures or build QAConv for maps of that size."
                )


def similarity_from_logits(logits: Tensor) -> Tensor:
    """sigmoid(logit / 10), 0..1, higher = closer: what re-ranking (as 1 - similarity) and temporal lifting take.

    The authors' scale; the ranking is that of the logits.
    """
    return torch.sigmoid(logits / _LOGIT_SCALE)


def distance_from_logits(logits: Tensor) -> Tensor:
    """1 - `similarity_from_logits`, 0..1, lower = closer, without rounding to zero for high logits."""
    return torch.sigmoid(-logits / _LOGIT_SCALE)


def _affine(norm: nn.BatchNorm1d) -> tuple[Tensor, Tensor]:
    """Scale and shift [1] of a batch normalisation in evaluation mode."""
    if norm.running_mean is None or norm.running_var is None:
        raise ValueError("contributions need running statistics; build the matcher with them.")
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    return scale, norm.bias - norm.running_mean * scale
