"""Match whole galleries with QAConv: in chunks, on any device, in half precision, or only the top of a ranking."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from tqdm import tqdm

from whyreid.models.location_matching import require_maps, require_tensor
from whyreid.models.qaconv import QAConv, distance_from_logits


def score_gallery(
    matcher: QAConv,
    query_maps: Tensor,
    gallery_maps: Tensor,
    *,
    chunk: int = 256,
    dtype: torch.dtype | None = None,
    progress: bool = False,
) -> Tensor:
    """Logits of all queries against a gallery of any size, in evaluation mode and without gradients.

    Args:
        matcher: used on its own device; its training flag is restored.
        query_maps: [Q, C, h, w], L2-normalised over C, on any device.
        gallery_maps: [G, C, h, w], the same; may be on the CPU, in float16 and memory-mapped. For the logits among
            one set of pictures pass the same tensor twice: version 2.1, which is symmetric, then matches each pair
            once.
        chunk: pictures of each side on the matcher's device at a time; bounds the memory.
        dtype: of the similarities, for example torch.float16 on a GPU (the authors halve the weights and logits too);
            None = that of the matcher.
        progress: show a bar.

    Returns:
        [Q, G] float32 on the CPU, higher = more likely the same person; see
        `whyreid.models.qaconv.distance_from_logits`.

    Raises:
        TypeError: not tensors.
        ValueError: shapes that do not fit the matcher.

    Cost: memory of two chunks of maps, their best similarities (8 chunk^2 h w bytes) and the result.
    """
    require_maps("query_maps", query_maps)
    require_maps("gallery_maps", gallery_maps)
    logits = torch.empty(len(query_maps), len(gallery_maps))
    symmetric = query_maps is gallery_maps and matcher.version == "2.1"
    columns = _slices(len(gallery_maps), chunk)
    with evaluating(matcher), torch.inference_mode():
        for rows in tqdm(_slices(len(query_maps), chunk), desc="match", unit="chunk", disable=not progress):
            queries = _to_matcher(matcher, query_maps[rows], dtype)
            for these in columns:
                if symmetric and these.start < rows.start:
                    logits[rows, these] = logits[these, rows].T
                    continue
                others = queries if symmetric and these == rows else _to_matcher(matcher, gallery_maps[these], dtype)
                logits[rows, these] = matcher(queries, others).float().cpu()
    return logits


def score_pairs(
    matcher: QAConv, query_maps: Tensor, gallery_maps: Tensor, candidates: Tensor, *, dtype: torch.dtype | None = None
) -> Tensor:
    """Logits of each query against its own candidates only.

    Args:
        matcher: used on its own device; its training flag is restored.
        query_maps: [Q, C, h, w], L2-normalised over C.
        gallery_maps: [G, C, h, w], the same.
        candidates: [Q, k] int64, rows of the gallery for each query.
        dtype: see `score_gallery`.

    Returns:
        [Q, k] float32 on the CPU.

    Raises:
        TypeError: not tensors.
        ValueError: shapes disagree.
    """
    require_tensor("candidates", candidates)
    if candidates.ndim != 2 or len(candidates) != len(query_maps):
        raise ValueError(f"candidates must be [{len(query_maps)}, k], got {list(candidates.shape)}; one row a query.")
    logits = torch.empty(candidates.shape)
    with evaluating(matcher), torch.inference_mode():
        for row, chosen in enumerate(candidates.to(gallery_maps.device)):
            query = _to_matcher(matcher, query_maps[row : row + 1], dtype)
            logits[row] = matcher(query, _to_matcher(matcher, gallery_maps[chosen], dtype))[0].float().cpu()
    return logits


def rescore_top(
    matcher: QAConv,
    query_maps: Tensor,
    gallery_maps: Tensor,
    distmat: Tensor,
    *,
    k: int = 100,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """A global ranking whose first k places are put in QAConv's order; the rest stays behind them as it was.

    Matching costs thousands of times what comparing two embeddings costs; this pays it for Q*k pairs instead of Q*G.

    Args:
        matcher: used on its own device.
        query_maps: [Q, C, h, w], L2-normalised over C.
        gallery_maps: [G, C, h, w], the same.
        distmat: [Q, G] distances of the global embeddings, >= 0, lower = closer; ties in gallery order.
        k: places matched again; more than G means all.
        dtype: see `score_gallery`.

    Returns:
        [Q, G] float32 on the CPU, lower = closer: ``distance_from_logits`` (0..1) in the first k places, 1 + distance
        behind them. Only the order across the two means something. Remove a query's own camera from ``distmat`` (as
        inf) beforehand when k places should not be spent on it.

    Raises:
        TypeError: not tensors.
        ValueError: shapes disagree, k below 1, or negative distances.
    """
    require_tensor("distmat", distmat)
    if distmat.shape != (len(query_maps), len(gallery_maps)):
        raise ValueError(
            f"distmat must be [{len(query_maps)}, {len(gallery_maps)}] as the maps are, got {list(distmat.shape)}."
        )
    if k < 1 or bool((distmat < 0).any()):
        raise ValueError(f"k must be at least 1 (got {k}) and distmat at least 0; a similarity is no distance.")
    first = distmat.argsort(dim=1, stable=True)[:, :k]
    logits = score_pairs(matcher, query_maps, gallery_maps, first, dtype=dtype)
    return (1.0 + distmat.float().cpu()).scatter(1, first.cpu(), distance_from_logits(logits))


@contextmanager
def evaluating(module: torch.nn.Module) -> Iterator[None]:
    """Evaluation mode inside; the training flags of all parts are restored, also after an error."""
    flags = {name: part.training for name, part in module.named_modules()}
    try:
        module.eval()
        yield
    finally:
        for name, part in module.named_modules():
            part.training = flags[name]


def _to_matcher(matcher: QAConv, maps: Tensor, dtype: torch.dtype | None) -> Tensor:
    weight = matcher.fc.weight
    return maps.to(weight.device, dtype or weight.dtype)


def _slices(length: int, chunk: int) -> list[slice]:
    if chunk < 1:
        raise ValueError(f"chunk must be at least 1, got {chunk}.")
    return [slice(first, first + chunk) for first in range(0, length, chunk)]
