"""Sanity checks: weights go from the top down, similarity by hand and by reference, and explainers caught out."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import spearmanr

from whyreid.explain import (
    GradCamExplainer,
    IntegratedGradientsExplainer,
    MapControl,
    PairExplanation,
    centre_prior,
    uniform_control,
)
from whyreid.models import thin_network
from whyreid.truth.known_evidence import constant_target, patch_target
from whyreid.truth.sanity import (
    constant_response,
    explanation_similarity,
    map_similarity,
    randomisation_test,
    randomised_targets,
    structural_similarity,
)

TINY = {"widths": (4, 4, 6, 6), "depths": (1, 1, 1), "image_size": (32, 16)}


def trained_like() -> torch.nn.Module:
    """A target whose every parameter differs from what it draws at the start."""
    target = thin_network(**TINY, seed=5)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in target.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return target.eval()


def pairs(count: int = 3):
    return torch.randn(2, count, 3, 32, 16, generator=torch.Generator().manual_seed(1))


def changed_stages(before, after) -> set[str]:
    pieces = zip(before.named_parameters(), after.parameters(), strict=True)
    return {
        name.split(".")[1 if name.startswith("backbone") else 0] for (name, a), b in pieces if not torch.equal(a, b)
    }


def test_parts_lose_their_weights_from_the_top_and_stay_lost():
    target = trained_like()
    before = [parameter.clone() for parameter in target.parameters()]
    copies = list(randomised_targets(target))
    assert [name for name, _ in copies] == ["neck", "stage3", "stage2", "stage1", "stem"]
    lost: set[str] = set()
    for name, copied in copies:
        lost.add(name)
        assert changed_stages(target, copied) == lost
    assert all(torch.equal(a, b) for a, b in zip(before, target.parameters(), strict=True))


def test_random_weights_repeat_with_their_seed_and_leave_the_callers_state_alone():
    target = trained_like()
    state = torch.get_rng_state()
    first, same, other = ([copied for _, copied in randomised_targets(target, seed=seed)][-1] for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), state)
    for a, b, c in zip(first.parameters(), same.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
        assert a.ndim < 2 or not torch.equal(a, c)


def test_every_copy_can_be_asked_and_says_something_else():
    target = trained_like()
    query, _ = pairs()
    embeddings = [copied(query).embedding for _, copied in randomised_targets(target)]
    embeddings.append(target(query).embedding)
    for i, one in enumerate(embeddings):
        assert one.isfinite().all()
        assert not any(torch.allclose(one, other) for other in embeddings[i + 1 :])


def test_an_explainer_of_the_model_changes_and_a_control_does_not():
    target = trained_like()
    gradients = randomisation_test(lambda model: IntegratedGradientsExplainer(model, steps=4), target, *pairs())
    control = randomisation_test(lambda model: MapControl(model, centre_prior((8, 4))), target, *pairs())
    assert gradients["randomised"].tolist() == ["none", "neck", "stage3", "stage2", "stage1", "stem"]
    assert gradients["spearman"].iloc[0] == pytest.approx(1)
    assert gradients["spearman"].iloc[-1] < 0.5
    assert control["spearman"].tolist() == pytest.approx([1.0] * 6)
    assert control["ssim"].tolist() == pytest.approx([1.0] * 6)


def test_a_constant_model_catches_who_explains_without_it():
    query, gallery = pairs()
    assert constant_response(GradCamExplainer, query, gallery) == 0
    assert constant_response(lambda model: uniform_control(model, ["hat"]), query, gallery) == 0

    class Bold:
        def __init__(self, target):
            self.target = target

        def explain(self, query, gallery):
            brightness = query.mean(dim=1, keepdim=True)
            zero = torch.zeros(len(query))
            return PairExplanation(zero, "distance", None, brightness, None, (), zero)

    assert constant_response(Bold, query, gallery) > 1


def test_rank_correlations_are_those_of_scipy():
    first, second = (torch.randn(4, 2, 5, 3, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    second = (second * 2).round()
    found = map_similarity(first, second)
    for pair in range(4):
        one, other = first[pair].flatten(), second[pair].flatten()
        assert found.spearman[pair].item() == pytest.approx(spearmanr(one, other).statistic)
        assert found.absolute_spearman[pair].item() == pytest.approx(spearmanr(one.abs(), other.abs()).statistic)


def test_a_map_is_like_itself_unlike_its_negative_and_not_comparable_with_a_constant():
    maps = torch.randn(2, 1, 9, 9, generator=torch.Generator().manual_seed(0))
    same, negative = map_similarity(maps, 5 * maps), map_similarity(maps, -maps)
    assert same.means() == pytest.approx({"spearman": 1, "absolute_spearman": 1, "ssim": 1})
    assert negative.spearman.tolist() == pytest.approx([-1, -1])
    assert negative.absolute_spearman.tolist() == pytest.approx([1, 1])
    assert (negative.ssim < 0).all()
    constant = map_similarity(maps, torch.ones_like(maps))
    assert all(value.isnan().all() for value in vars(constant).values())
    assert math.isnan(constant.means()["ssim"])


def test_structural_similarity_equals_a_loop_over_windows():
    generator = torch.Generator().manual_seed(0)
    first, second = torch.rand(2, 1, 1, 6, 5, dtype=torch.float64, generator=generator)
    one, other = ((m - m.min()) / (m.max() - m.min()) for m in (first, second))
    values = []
    for top in range(4):
        for left in range(3):
            x, y = (m[0, 0, top : top + 3, left : left + 3] for m in (one, other))
            covariance = ((x - x.mean()) * (y - y.mean())).mean()
            light = (2 * x.mean() * y.mean() + 1e-4) / (x.mean() ** 2 + y.mean() ** 2 + 1e-4)
            values.append(light * (2 * covariance + 9e-4) / (x.var(correction=0) + y.var(correction=0) + 9e-4))
    expected = torch.stack(values).mean()
    torch.testing.assert_close(structural_similarity(first, second, window=3)[0], expected)


def test_explanations_without_maps_are_compared_by_their_contributions():
    def given(values):
        parts = torch.tensor([values])
        return PairExplanation.from_contributions(torch.ones(1), parts, kind="distance", attributes=("a", "b", "c"))

    found = explanation_similarity(given([1.0, 2.0, -4.0]), given([1.0, 3.0, -2.0]))
    assert found.spearman.tolist() == [pytest.approx(1)]
    assert found.absolute_spearman.tolist() == [pytest.approx(0.5)]
    assert found.ssim.isnan().all()


def test_explanations_of_two_methods_are_refused():
    query, gallery = pairs(1)
    one = GradCamExplainer(trained_like()).explain(query, gallery)
    other = uniform_control(trained_like(), ["hat"]).explain(query, gallery)
    with pytest.raises(ValueError, match="one method"):
        explanation_similarity(one, other)
    with pytest.raises(ValueError, match="one shape"):
        map_similarity(torch.ones(1, 1, 2, 2), torch.ones(1, 1, 3, 3))


def test_known_evidence_is_read_from_its_patch_alone():
    target = patch_target(slice(8, 16), slice(0, 8), colour=2, size=(32, 16))
    image = torch.rand(1, 3, 32, 16, generator=torch.Generator().manual_seed(0))
    changed = image.clone()
    changed[:, :2] = 0
    changed[:, 2, 16:] = 0
    changed[:, 2, :, 8:] = 0
    torch.testing.assert_close(target(image).embedding, target(changed).embedding)
    assert target(image).embedding[0, 2].item() == pytest.approx(image[0, 2, 8:16, :8].mean().item())
    assert torch.equal(constant_target(size=(32, 16))(image).embedding, torch.ones(1, 3))


@pytest.mark.parametrize("rows", [slice(0, 12), slice(8, 8), slice(None, 8)])
def test_patches_that_are_no_cells_are_refused(rows):
    with pytest.raises(ValueError, match="multiples of 8"):
        patch_target(rows, slice(0, 8), size=(32, 16))
