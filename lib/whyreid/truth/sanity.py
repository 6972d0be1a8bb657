"""Sanity: an explanation that stays as it is when the model loses what it learned explains the pictures, not the model.

`randomised_targets` takes the learned weights away from the top down, `randomisation_test` compares each explanation
with the first one; `constant_response` asks an explainer about a model that says the same of every picture.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pandas as pd
import torch
from scipy.stats import rankdata
from torch import Tensor, nn
from torch.nn import functional as F

from whyreid.explain.pair import PairExplainer, PairExplanation
from whyreid.models.target import TargetModel
from whyreid.tensor_checks import require_floats
from whyreid.truth.known_evidence import constant_target

_STABLE = (0.01**2, 0.03**2)  # constants of SSIM for values in 0..1


@dataclass(frozen=True, eq=False)
class MapSimilarity:
    """How alike two sets of P maps (or of contributions) are; NaN where one of the two is the same everywhere.

    Attributes:
        spearman: [P] float64, rank correlation of the signed values, -1..1.
        absolute_spearman: [P], of the absolute values: alike where both maps are strong in the same places, whatever
            their signs.
        ssim: [P], structural similarity of the maps scaled to 0..1; NaN for contributions.
    """

    spearman: Tensor
    absolute_spearman: Tensor
    ssim: Tensor

    def means(self) -> dict[str, float]:
        """The mean of each over the pairs that have it."""
        return {name: float(value.nanmean()) for name, value in vars(self).items()}


def randomised_targets(target: TargetModel, *, seed: int = 0) -> Iterator[tuple[str, TargetModel]]:
    """Copies of a target that lose their learned weights from the top down: neck, last stage, ..., first stage.

    Each copy has random weights in the named part **and** in all parts above it (the cascading test of Adebayo et al.,
    arXiv 1810.03292, as the modules' ``reset_parameters`` draws them; running statistics start anew). Parts that can
    not draw their parameters anew keep them.

    Args:
        target: stays as it is.
        seed: of the weights; the caller's random state is left alone.

    Yields:
        Name of the part and the copy, in evaluation mode. The last copy has nothing left that was learned.
    """
    copied = copy.deepcopy(target).eval()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        state = torch.get_rng_state()
    for name, parts in _from_the_top(copied):
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(state)
            for part in parts:
                _draw_anew(part)
            state = torch.get_rng_state()
        yield name, copy.deepcopy(copied)


def randomisation_test(
    make_explainer: Callable[[TargetModel], PairExplainer],
    target: TargetModel,
    query: Tensor,
    gallery: Tensor,
    *,
    seed: int = 0,
) -> pd.DataFrame:
    """How alike an explainer's maps stay while its target loses what it learned.

    Args:
        make_explainer: builds the explainer of a target; what it was trained on is up to it.
        target: trained.
        query: [P, 3, H, W].
        gallery: [P, 3, H, W].
        seed: of the random weights.

    Returns:
        One row a part, from the top down, the first one ("none") being the target itself: randomised, spearman,
        absolute_spearman, ssim; means over pairs and pictures (over pairs for explanations without maps). Values near
        1 in the last row mean that the explanation does not depend on what was learned.
    """
    original = make_explainer(target).explain(query, gallery)
    rows = [{"randomised": "none", **explanation_similarity(original, original).means()}]
    for name, copied in randomised_targets(target, seed=seed):
        found = make_explainer(copied).explain(query, gallery)
        rows.append({"randomised": name, **explanation_similarity(original, found).means()})
    return pd.DataFrame(rows)


def constant_response(make_explainer: Callable[[TargetModel], PairExplainer], query: Tensor, gallery: Tensor) -> float:
    """The largest absolute value that an explainer gives to a model that says the same of every picture; right: 0.

    Args:
        make_explainer: builds the explainer of a target.
        query: [P, 3, H, W]; sides must be multiples of 8.
        gallery: [P, 3, H, W].

    Returns:
        A number >= 0 in units of the distance.
    """
    explanation = make_explainer(constant_target(size=(query.shape[2], query.shape[3]))).explain(query, gallery)
    values = (explanation.contributions, explanation.query_maps, explanation.gallery_maps)
    return max(float(value.abs().max()) for value in values if value is not None)


def explanation_similarity(first: PairExplanation, second: PairExplanation) -> MapSimilarity:
    """How alike two explanations of the same P pairs are: their maps, both pictures' one after the other.

    Explanations without maps are compared by their contributions.

    Raises:
        ValueError: one has what the other has not.
    """
    sides = [(first.query_maps, second.query_maps), (first.gallery_maps, second.gallery_maps)]
    if any((one is None) != (other is None) for one, other in sides):
        raise ValueError("first and second must come from one method, got maps on one side only.")
    found = [map_similarity(one, other) for one, other in sides if one is not None and other is not None]
    if found:
        return MapSimilarity(*(torch.cat([vars(part)[name] for part in found]) for name in vars(found[0])))
    if first.contributions is None or second.contributions is None:
        raise ValueError("explanations must have maps or contributions, got neither.")
    return map_similarity(first.contributions[:, None, None], second.contributions[:, None, None])


def map_similarity(first: Tensor, second: Tensor) -> MapSimilarity:
    """Rank correlation and structural similarity of maps [P, A, h, w], each pair's A maps together.

    Args:
        first: [P, A, h, w] signed.
        second: the same shape.

    Returns:
        See `MapSimilarity`.

    Raises:
        TypeError: not floating-point tensors.
        ValueError: shapes differ.
    """
    for name, maps in (("first", first), ("second", second)):
        require_floats(name, maps, "[P, A, h, w]")
    if first.shape != second.shape:
        raise ValueError(f"first and second must have one shape, got {list(first.shape)} and {list(second.shape)}.")
    one, other = first.detach().double().cpu(), second.detach().double().cpu()
    ssim = (
        structural_similarity(one, other) if min(first.shape[2:]) > 1 else torch.full((len(one),), torch.nan).double()
    )
    return MapSimilarity(_rank_correlations(one, other), _rank_correlations(one.abs(), other.abs()), ssim)


def structural_similarity(first: Tensor, second: Tensor, *, window: int = 7) -> Tensor:
    """[P] mean SSIM of maps [P, A, h, w], each picture's maps scaled to 0..1 by its own smallest and largest value.

    Args:
        first: signed.
        second: the same shape.
        window: side of the square over which means and variances are taken, cut to the map.

    Returns:
        In -1..1; NaN where a map is the same everywhere.

    References:
        Wang et al. Image Quality Assessment. IEEE TIP 13 (2004) 600-612. Deviation: a square window without weights.
    """
    side = (min(window, first.shape[2]), min(window, first.shape[3]))
    one, other = _to_unit_range(first), _to_unit_range(second)
    mean_one, mean_other = F.avg_pool2d(one, side, 1), F.avg_pool2d(other, side, 1)
    variances = F.avg_pool2d(one.square() + other.square(), side, 1) - mean_one.square() - mean_other.square()
    covariance = F.avg_pool2d(one * other, side, 1) - mean_one * mean_other
    light = (2 * mean_one * mean_other + _STABLE[0]) / (mean_one.square() + mean_other.square() + _STABLE[0])
    structure = (2 * covariance + _STABLE[1]) / (variances + _STABLE[1])
    return (light * structure).mean(dim=(1, 2, 3))


def _to_unit_range(maps: Tensor) -> Tensor:
    low, high = maps.amin(dim=(1, 2, 3), keepdim=True), maps.amax(dim=(1, 2, 3), keepdim=True)
    return (maps - low) / (high - low)  # 0 / 0 is NaN: a constant map has no structure


def _rank_correlations(first: Tensor, second: Tensor) -> Tensor:
    """[P] Spearman's rho of all values of each pair; ties get their mean rank; NaN when one side is constant."""
    ranks = [torch.from_numpy(rankdata(maps.flatten(1).numpy(), axis=1)) for maps in (first, second)]
    one, other = (rank - rank.mean(dim=1, keepdim=True) for rank in ranks)
    return (one * other).sum(dim=1) / (one.norm(dim=1) * other.norm(dim=1))


def _from_the_top(target: TargetModel) -> list[tuple[str, list[nn.Module]]]:
    """Parts of a target that can draw their parameters anew, last used first, in groups named after their stage."""
    used: dict[str, nn.Module] = {}
    names = {part: name for name, part in target.named_modules()}

    def note(module: nn.Module, _: object) -> None:
        used.setdefault(names[module], module)

    hooks = [
        part.register_forward_pre_hook(note)
        for part in names
        if callable(getattr(part, "reset_parameters", None)) and next(part.parameters(recurse=False), None) is not None
    ]
    parameter = next(target.parameters(), None)
    image = torch.zeros(1, 3, *target.image_input.size, device=None if parameter is None else parameter.device)
    try:
        with torch.no_grad():
            target(image)
    finally:
        for hook in hooks:
            hook.remove()
    groups: dict[str, list[nn.Module]] = {}
    for name, part in reversed(used.items()):
        groups.setdefault(_stage(name), []).append(part)
    return list(groups.items())


def _draw_anew(part: nn.Module) -> None:
    reset = getattr(part, "reset_parameters", None)
    if callable(reset):
        reset()


def _stage(name: str) -> str:
    """The stage that a part belongs to: "backbone.stage2.0.conv1" -> "stage2", "neck.bn" -> "neck"."""
    first, *rest = name.split(".")
    return rest[0] if first == "backbone" and rest else first
