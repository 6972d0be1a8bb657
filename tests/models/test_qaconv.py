"""The matcher: against the original's outputs, gradients and running statistics, and against the definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from whyreid.models import QAConv, distance_from_logits, similarity_from_logits
from whyreid.models.location_matching import match_locations

PUBLISHED_KEYS = {
    *(f"{norm}.{part}" for norm in ("bn", "logit_bn") for part in ("weight", "bias", "running_mean", "running_var")),
    "bn.num_batches_tracked",
    "logit_bn.num_batches_tracked",
    "fc.weight",
    "fc.bias",
}


def unit_maps(count: int, *, channels: int = 5, height: int = 3, width: int = 2, seed: int = 0, **kind) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(count, channels, height, width, generator=generator, **kind), dim=1)


def trained_matcher(version: str = "2.1", *, seed: int = 0, dtype: torch.dtype = torch.float64) -> QAConv:
    """A matcher whose every number is far from its start, in evaluation mode."""
    generator = torch.Generator().manual_seed(seed)
    matcher = QAConv(5, 3, 2, version=version)
    for value in matcher.state_dict().values():
        if value.is_floating_point():
            value.copy_(0.5 + torch.rand(value.shape, generator=generator))
    return matcher.to(dtype).eval()


def from_original(stored: dict[str, np.ndarray], height: int, width: int) -> tuple[QAConv, Tensor, Tensor]:
    matcher = QAConv(32, height, width)
    matcher.load_state_dict({key[3:]: torch.from_numpy(stored[key]) for key in stored if key.startswith("sd_")})
    query, gallery = (torch.from_numpy(stored[key]).float() for key in ("prob_fea", "gal_fea"))
    return matcher, query, gallery


def logits_reference(matcher: QAConv, query_maps: Tensor, gallery_maps: Tensor) -> Tensor:
    """Evaluation mode, one pair and one location at a time, without any module."""
    state = matcher.state_dict()

    def normalised(norm: str, x: Tensor) -> Tensor:
        parts = ("running_mean", "running_var", "weight", "bias")
        mean, var, weight, bias = (state[f"{norm}.{part}"] for part in parts)
        return (x - mean) / (var + 1e-5).sqrt() * weight + bias

    weight = state["fc.weight"].view(-1, matcher.num_locations)
    out = query_maps.new_empty(len(query_maps), len(gallery_maps))
    for q, query in enumerate(query_maps.flatten(2)):
        for g, gallery in enumerate(gallery_maps.flatten(2)):
            score = state["fc.bias"] * (1 if matcher.version == "1.0" else 2)
            for here in range(matcher.num_locations):
                of_gallery = max(query[:, there] @ gallery[:, here] for there in range(matcher.num_locations))
                of_query = max(query[:, here] @ gallery[:, there] for there in range(matcher.num_locations))
                score = score + weight[0, here] * normalised("bn", of_gallery)
                score = score + weight[-1, here] * normalised("bn", of_query)
            out[q, g] = normalised("logit_bn", score)
    return out


@pytest.mark.parametrize(("name", "height", "width"), [("qaconv_matcher_6x2", 6, 2), ("qaconv_matcher_24x8", 24, 8)])
def test_scores_equal_the_original_both_ways_round(vectors, name, height, width):
    stored = vectors(name)
    matcher, query, gallery = from_original(stored, height, width)
    matcher.eval()
    torch.testing.assert_close(matcher(query, gallery).detach().numpy(), stored["score"], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(matcher(gallery, query).detach().numpy(), stored["score_swapped"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("name", "height", "width"), [("qaconv_matcher_6x2", 6, 2), ("qaconv_matcher_24x8", 24, 8)])
def test_training_mode_equals_the_original_with_its_running_statistics(vectors, name, height, width):
    stored = vectors(name)
    matcher, query, gallery = from_original(stored, height, width)
    scores = matcher.train()(query, gallery).detach().numpy()
    torch.testing.assert_close(scores, stored["score_trainmode"], rtol=1e-4, atol=1e-4)
    state = matcher.state_dict()
    for key in (key for key in stored if key.startswith("after_train_")):
        torch.testing.assert_close(state[key.removeprefix("after_train_")].numpy(), stored[key], rtol=1e-4, atol=1e-5)
    assert state["bn.num_batches_tracked"] == state["logit_bn.num_batches_tracked"] == 1


def test_gradients_of_the_maps_equal_the_original(vectors):
    stored = vectors("qaconv_matcher_6x2")
    matcher, query, gallery = from_original(stored, 6, 2)
    matcher.eval()(query.requires_grad_(), gallery.requires_grad_()).sum().backward()
    torch.testing.assert_close(query.grad.numpy(), stored["grad_prob"], rtol=2e-3, atol=1e-6)
    torch.testing.assert_close(gallery.grad.numpy(), stored["grad_gal"], rtol=2e-3, atol=1e-6)


@pytest.mark.parametrize("version", ["1.0", "2.1"])
def test_state_dict_has_the_published_keys_and_sizes(version):
    state = QAConv(8, 6, 2, version=version).state_dict()
    assert set(state) == PUBLISHED_KEYS
    assert state["fc.weight"].shape == (1, 24 if version == "1.0" else 12)


def test_version_two_starts_as_the_mean_over_locations():
    matcher = QAConv(8, 6, 2).eval()
    assert matcher.fc.weight.unique().tolist() == [pytest.approx(1 / 12)]
    maps = unit_maps(1, channels=8, height=6, width=2)
    # identical pictures: every best similarity is 1, twice the mean is 2, up to the epsilon of two normalisations
    assert matcher(maps, maps).item() == pytest.approx(2.0, abs=1e-4)


def test_hand_worked_logit_of_two_locations():
    matcher = QAConv(2, 1, 2).eval()
    matcher.bn.eps = matcher.logit_bn.eps = 0.0
    with torch.no_grad():
        matcher.fc.weight.copy_(torch.tensor([[1.0, 10.0]]))
        matcher.fc.bias.fill_(0.5)
    query = torch.tensor([[[[1.0, 0.0]], [[0.0, 1.0]]]])
    gallery = torch.tensor([[[[0.6, 0.0]], [[0.8, 1.0]]]])
    # best of the query's locations 0.6, 1.0; of the gallery's 0.8, 1.0: (0.6 + 10 + 0.5) + (0.8 + 10 + 0.5)
    assert matcher(query, gallery).item() == pytest.approx(22.4)


def test_version_one_weighs_the_gallery_first():
    matcher = QAConv(2, 1, 2, version="1.0").eval()
    matcher.bn.eps = matcher.logit_bn.eps = 0.0
    with torch.no_grad():
        matcher.fc.weight.copy_(torch.tensor([[1.0, 10.0, 100.0, 1000.0]]))
        matcher.fc.bias.fill_(0.5)
    query = torch.tensor([[[[1.0, 0.0]], [[0.0, 1.0]]]])
    gallery = torch.tensor([[[[0.6, 0.0]], [[0.8, 1.0]]]])
    # gallery 0.8, 1.0 first, then query 0.6, 1.0: 0.8 + 10 + 60 + 1000 + 0.5
    assert matcher(query, gallery).item() == pytest.approx(1071.3)


@pytest.mark.parametrize("version", ["1.0", "2.1"])
def test_logits_equal_a_loop_over_pairs_and_locations(version):
    matcher = trained_matcher(version)
    query, gallery = unit_maps(3, seed=1, dtype=torch.float64), unit_maps(4, seed=2, dtype=torch.float64)
    torch.testing.assert_close(matcher(query, gallery), logits_reference(matcher, query, gallery))


@pytest.mark.parametrize("version", ["1.0", "2.1"])
@pytest.mark.parametrize("training", [False, True])
def test_gradcheck_through_matching_and_normalisation(version, training):
    matcher = trained_matcher(version).train(training)
    inputs = unit_maps(2, seed=1, dtype=torch.float64), unit_maps(3, seed=2, dtype=torch.float64)
    parameters = tuple(matcher.parameters())
    for part in (*inputs, *parameters):
        part.requires_grad_()
    inputs = (*inputs, *parameters)
    assert torch.autograd.gradcheck(lambda query, gallery, *_: matcher(query, gallery), inputs, atol=1e-5)


def test_version_two_is_symmetric_in_query_and_gallery():
    matcher = trained_matcher()
    query, gallery = unit_maps(3, seed=1, dtype=torch.float64), unit_maps(4, seed=2, dtype=torch.float64)
    torch.testing.assert_close(matcher(query, gallery), matcher(gallery, query).T)


def test_statistics_of_training_cover_both_directions_of_all_pairs():
    matcher = QAConv(5, 3, 2).double().train()
    query, gallery = unit_maps(3, seed=1, dtype=torch.float64), unit_maps(4, seed=2, dtype=torch.float64)
    matcher(query, gallery)
    all_best = torch.stack(match_locations(query, gallery))
    torch.testing.assert_close(matcher.bn.running_mean, 0.1 * all_best.mean().reshape(1))
    torch.testing.assert_close(matcher.bn.running_var, 0.9 + 0.1 * all_best.var().reshape(1))


@pytest.mark.parametrize("version", ["1.0", "2.1"])
def test_location_contributions_add_up_to_the_logit(version):
    matcher = trained_matcher(version)
    query, gallery = unit_maps(3, seed=1, dtype=torch.float64), unit_maps(4, seed=2, dtype=torch.float64)
    parts = matcher.location_contributions(*match_locations(query, gallery))
    assert parts.query.shape == parts.gallery.shape == (3, 4, 6)
    total = parts.query.sum(dim=-1) + parts.gallery.sum(dim=-1) + parts.bias
    torch.testing.assert_close(total, matcher(query, gallery), rtol=1e-12, atol=1e-12)


def test_scores_do_not_depend_on_who_else_is_in_the_gallery():
    matcher = trained_matcher()
    query, gallery = unit_maps(3, seed=1, dtype=torch.float64), unit_maps(6, seed=2, dtype=torch.float64)
    torch.testing.assert_close(matcher(query, gallery)[:, 2:4], matcher(query, gallery[2:4]))


def test_one_step_on_the_maps_raises_the_logit_of_a_pair():
    matcher = trained_matcher(dtype=torch.float32)
    raw = torch.randn(2, 5, 3, 2, generator=torch.Generator().manual_seed(0), requires_grad=True)

    def logit(x: Tensor) -> Tensor:
        maps = F.normalize(x, dim=1)
        return matcher(maps[:1], maps[1:])[0, 0]

    (gradient,) = torch.autograd.grad(logit(raw), raw)
    assert logit(raw + 0.1 * gradient) > logit(raw)


def test_half_precision_maps_give_logits_in_the_precision_of_the_weights(device):
    matcher = trained_matcher(dtype=torch.float32).to(device)
    query, gallery = unit_maps(3, seed=1).to(device), unit_maps(4, seed=2).to(device)
    exact = matcher(query, gallery)
    with torch.autocast(device.type, dtype=torch.bfloat16):
        coarse = matcher(query, gallery)
    assert coarse.dtype == torch.float32
    assert not torch.equal(coarse, exact)
    torch.testing.assert_close(coarse, exact, rtol=0.02, atol=0.05)
    torch.testing.assert_close(matcher(query.half(), gallery.half()), exact, rtol=5e-3, atol=5e-3)


def test_zero_maps_and_no_gallery_are_no_nan():
    matcher = trained_matcher(dtype=torch.float32)
    maps = torch.zeros(2, 5, 3, 2, requires_grad=True)
    logits = matcher(maps, maps)
    logits.sum().backward()
    assert logits.isfinite().all()
    assert maps.grad.isfinite().all()
    assert matcher(maps, maps[:0]).shape == (2, 0)


def test_similarity_and_distance_from_logits_are_complements_and_keep_the_order():
    logits = torch.tensor([-400.0, -10.0, 0.0, 10.0, 160.0, 400.0])
    similarity, distance = similarity_from_logits(logits), distance_from_logits(logits)
    torch.testing.assert_close(similarity + distance, torch.ones(6))
    assert similarity[2] == 0.5
    assert similarity[3].item() == pytest.approx(1 / (1 + np.exp(-1)))
    assert distance.diff().lt(0).all()  # also where 1 - similarity would be 0 for both
    assert distance.min() > 0


def test_numpy_is_refused_with_the_fix():
    with pytest.raises(TypeError, match=r"got numpy.ndarray; pass torch.from_numpy\(gallery_maps\)"):
        QAConv(5, 3, 2)(unit_maps(2), unit_maps(2).numpy())


@pytest.mark.parametrize("maps", [unit_maps(2, channels=4), unit_maps(2, height=2, width=3)])
def test_maps_of_another_shape_are_refused(maps):
    with pytest.raises(ValueError, match=r"query_maps must be \[N, 5, 3, 2\] as this matcher was built for, got \[2, "):
        QAConv(5, 3, 2)(maps, unit_maps(2))


def test_wrong_settings_are_refused():
    with pytest.raises(ValueError, match=r'version must be "1\.0" or "2\.1"'):
        QAConv(5, 3, 2, version="2.0")
    with pytest.raises(ValueError, match="must be positive, got 5, 0, 2"):
        QAConv(5, 0, 2)
    with pytest.raises(ValueError, match=r"training needs at least 2 pairs for its statistics, got 1; use eval\(\)"):
        QAConv(5, 3, 2)(unit_maps(1), unit_maps(1))
