"""One embedding for each attribute: the feature map under each attention map, pooled and passed through the neck.

The original implementation (AMD, Chen et al., arXiv 2103.01451) multiplies the whole feature map by one attention map
after the other. Pooling commutes with the product: the mean of F * A over places is a sum of products over places, and
so is the mean of (F * A)^p = F^p * A^p. All attributes of a picture are therefore one matrix product, [A, places] times
[places, C], and neither A copies of the feature map nor their gradients exist.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from whyreid.models.pooling import GeneralizedMeanPooling
from whyreid.tensor_checks import require_floats


def attribute_embeddings(
    feature_map: Tensor, attention: Tensor, pooling: Callable[[Tensor], Tensor], neck: nn.Module | None
) -> Tensor:
    """``neck(pooling(feature_map * attention[:, k]))`` for every attribute k.

    For average and generalised-mean pooling it is one batched matrix product; any other pooling is applied to one
    attribute after the other, with the same result at the original's cost. The average is recognised by what it does
    to noise, whatever class or function computes it.

    Deviation, generalised mean only: places where the product lies below ``eps`` count as 0 instead of ``eps``, and the
    result is raised to at least ``eps``; so each pooled value is at most ``eps`` below the original's (for p >= 1;
    smaller exponents take the slow way), and equal wherever no place is that small.

    Args:
        feature_map: [B, C, h, w], the target's.
        attention: [B, A, h, w] after the activation, >= 0.
        pooling: [B, C, h, w] -> [B, C], as in `TargetModel`.
        neck: [N, C] -> [N, D] in evaluation mode, or None.

    Returns:
        [B, A, D] (D = C without a neck), not normalised. Attention 1 everywhere gives the target's own embedding.

    Raises:
        TypeError: not tensors, not floating point.
        ValueError: shapes disagree, attention is negative under generalised-mean pooling, or the neck is in training
            mode: it would normalise by statistics of the attributes and learn from them.

    Cost: B A C h w multiply-adds and, for the generalised mean, one power of each element of the feature map.

    Example:
        >>> features, attention = torch.ones(2, 3, 4, 2), torch.full((2, 5, 4, 2), 0.5)
        >>> attribute_embeddings(features, attention, lambda x: x.mean(dim=(2, 3)), None)[0, 0]
        tensor([0.5000, 0.5000, 0.5000])
    """
    _check_inputs(feature_map, attention, neck)
    pooled = _pool_each(feature_map, attention, pooling)
    if neck is None:
        return pooled
    embeddings: Tensor = neck(pooled.flatten(0, 1))
    return embeddings.unflatten(0, pooled.shape[:2])


def _check_inputs(feature_map: Tensor, attention: Tensor, neck: nn.Module | None) -> None:
    require_floats("feature_map", feature_map, "[B, C, h, w]", fix="use the target's feature map, not its embedding")
    require_floats("attention", attention, "[B, A, h, w]")
    if feature_map.shape[0] != attention.shape[0] or feature_map.shape[2:] != attention.shape[2:]:
        raise ValueError(
            "feature_map [B, C, h, w] and attention [B, A, h, w] must agree in B, h and w, "
            f"got {list(feature_map.shape)} and {list(attention.shape)}; resize the attention to the feature map."
        )
    if neck is not None and any(isinstance(part, _BatchNorm) and part.training for part in neck.modules()):
        raise ValueError("neck must be in evaluation mode, got one in training mode; call target.eval() first.")


def _pool_each(feature_map: Tensor, attention: Tensor, pooling: Callable[[Tensor], Tensor]) -> Tensor:
    """[B, A, C]: the pooled product for every attribute."""
    if isinstance(pooling, GeneralizedMeanPooling) and float(pooling.p.detach()) >= 1:
        return _generalized_means(feature_map, attention, pooling)
    if not isinstance(pooling, GeneralizedMeanPooling) and _averages(pooling, feature_map):
        return _means(feature_map, attention)
    return torch.stack([pooling(feature_map * attention[:, k, None]) for k in range(attention.shape[1])], dim=1)


def _means(feature_map: Tensor, attention: Tensor) -> Tensor:
    """Mean over places of each product: [B, C, h, w], [B, A, h, w] -> [B, A, C]."""
    places = feature_map.shape[2] * feature_map.shape[3]
    return torch.bmm(attention.flatten(2), feature_map.flatten(2).transpose(1, 2)) / places


def _generalized_means(feature_map: Tensor, attention: Tensor, pooling: GeneralizedMeanPooling) -> Tensor:
    """The generalised mean over places of each product, [B, A, C]."""
    if bool((attention < 0).any()):
        raise ValueError("attention must be >= 0, got negative values; pass it through attention_activation first.")
    fixed = float(pooling.p.detach())
    p = pooling.p if pooling.p.requires_grad else fixed  # a number has faster powers and no gradient to keep
    given = feature_map.dtype
    if pooling.eps**fixed < torch.finfo(given).tiny:  # the smallest power would vanish
        feature_map, attention = feature_map.double(), attention.double()
    positive = feature_map.clamp(min=0)
    frozen = not (feature_map.requires_grad or isinstance(p, Tensor))
    mean = _means(positive.pow_(p) if frozen else positive.pow(p), attention.pow(p))
    return mean.clamp(min=pooling.eps**fixed).pow(1.0 / p).to(given)


def _averages(pooling: Callable[[Tensor], Tensor], feature_map: Tensor) -> bool:
    """Whether the pooling is the plain average: it is tried on one map of signed noise."""
    channels, height, width = feature_map.shape[1:]
    generator = torch.Generator().manual_seed(0)
    by_channel, by_place = (torch.randn(n, generator=generator) for n in (channels, height * width))
    noise = torch.outer(by_channel, by_place).view(1, channels, height, width).to(feature_map.device)
    with torch.no_grad():
        pooled = pooling(noise)
    mean = noise.mean(dim=(2, 3))
    return pooled.shape == mean.shape and torch.allclose(pooled, mean, rtol=1e-4, atol=1e-5)
