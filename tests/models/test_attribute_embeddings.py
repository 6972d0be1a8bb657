from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from whyreid.losses import attribute_prior, metric_distillation
from whyreid.models import GeneralizedMeanPooling, attention_activation, attribute_distances, attribute_embeddings
from whyreid.models.attribute_embeddings import _averages


def average(feature_map):
    return feature_map.mean(dim=(2, 3))


def frozen_neck(channels, generator):
    neck = nn.BatchNorm1d(channels).eval()
    neck.running_mean.copy_(torch.randn(channels, generator=generator))
    neck.running_var.copy_(torch.rand(channels, generator=generator) + 0.5)
    with torch.no_grad():
        neck.weight.copy_(torch.rand(channels, generator=generator) + 0.5)
    return neck.requires_grad_(False)


def embeddings_reference(feature_map, attention, pooling, neck):
    """One attribute after the other, as the original does it."""
    parts = [pooling(feature_map * attention[:, k : k + 1]) for k in range(attention.shape[1])]
    return torch.stack([part if neck is None else neck(part) for part in parts], dim=1)


def pooling_of(case):
    if "gem_p" not in case:
        return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return GeneralizedMeanPooling(float(case["gem_p"][0]), float(case["gem_eps"])).requires_grad_(False)


def neck_of(case):
    neck = nn.BatchNorm1d(len(case["bn_mean"]), eps=float(case["bn_eps"])).eval()
    with torch.no_grad():
        for name, part in (("mean", neck.running_mean), ("var", neck.running_var)):
            part.copy_(torch.from_numpy(case[f"bn_{name}"]))
        neck.weight.copy_(torch.from_numpy(case["bn_weight"]))
        neck.bias.copy_(torch.from_numpy(case["bn_bias"]))
    return neck.requires_grad_(False)


class Original:
    """One vector file, run through our functions."""

    def __init__(self, case):
        self.case = case
        self.features = torch.from_numpy(case["features"]).float()
        self.raw = torch.from_numpy(case["mask_pre"]).float().requires_grad_()
        self.attributes = torch.from_numpy(case["attributes_pm1"]) > 0
        pooling, neck = pooling_of(case), neck_of(case)
        self.embeddings = attribute_embeddings(self.features, attention_activation(self.raw), pooling, neck)
        self.embedding = neck(pooling(self.features))
        self.attribute_distmat = attribute_distances(self.embeddings, self.embeddings)
        self.distmat = attribute_distances(self.embedding[:, None], self.embedding[:, None])[:, :, 0]


@pytest.fixture(params=["gempool", "fastavgpool"])
def original(request, vectors):
    return Original(vectors(f"amd_head_loop_and_losses_{request.param}"))


def test_embeddings_equal_the_original_loop(original):
    expected = torch.from_numpy(original.case["att_feats"]).transpose(0, 1)
    torch.testing.assert_close(original.embeddings.detach(), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(original.embedding, torch.from_numpy(original.case["global_feat"]), rtol=1e-4, atol=1e-5)


def test_distances_equal_the_original_off_the_diagonal(original):
    off = ~torch.eye(8, dtype=torch.bool)
    expected = torch.from_numpy(original.case["dist_att"])
    torch.testing.assert_close(original.attribute_distmat.detach()[off], expected[off], rtol=1e-4, atol=1e-5)
    real = torch.from_numpy(original.case["dist_real"])
    torch.testing.assert_close(original.distmat[off], real[off], rtol=1e-4, atol=1e-5)


def test_distillation_and_its_gradient_equal_the_original(original):
    loss = metric_distillation(original.distmat, original.attribute_distmat)
    assert loss.item() == pytest.approx(float(original.case["loss_interpretation"]), rel=1e-5)
    (gradient,) = torch.autograd.grad(loss, original.raw)
    expected = torch.from_numpy(original.case["grad_interp_wrt_mask_pre"])
    torch.testing.assert_close(gradient, expected, rtol=2e-3, atol=2e-3 * float(expected.abs().max()))


def test_prior_and_its_gradient_equal_the_original(original):
    prior = attribute_prior(original.attribute_distmat, original.attributes)
    case = original.case
    assert prior.exclusive_sum.item() == pytest.approx(float(case["loss_different_sum"]), rel=1e-4)
    assert prior.common_sum.item() == pytest.approx(float(case["loss_same_sum"]), rel=1e-4)
    assert prior.exclusive_each.item() == pytest.approx(float(case["loss_different"]), rel=1e-4)
    assert prior.common_each.item() == pytest.approx(float(case["loss_same"]), rel=1e-4)
    assert prior.total.item() == pytest.approx(float(case["loss_att_nocolor"]), rel=1e-4)
    (gradient,) = torch.autograd.grad(prior.total, original.raw)
    expected = torch.from_numpy(case["grad_att_nocolor_wrt_mask_pre"])
    torch.testing.assert_close(gradient, expected, rtol=2e-3, atol=2e-3 * float(expected.abs().max()))


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0, 6.5, 20.0])
def test_generalized_mean_is_at_most_eps_below_the_loop_over_attributes(p, generator):
    pooling = GeneralizedMeanPooling(p).requires_grad_(False).double()
    features = torch.randn(3, 16, 6, 4, generator=generator, dtype=torch.float64)
    features[:, :4] = 0.0  # dead channels
    features[:, 4:8] *= 1e-6  # around eps
    attention = attention_activation(torch.randn(3, 5, 6, 4, generator=generator, dtype=torch.float64))
    fast = attribute_embeddings(features, attention, pooling, None)
    slow = embeddings_reference(features, attention, pooling, None)
    below = slow - fast
    assert float(below.min()) >= -1e-12
    assert float(below.max()) <= pooling.eps
    fast, slow = (
        f(features.abs() + 0.1, attention, pooling, None) for f in (attribute_embeddings, embeddings_reference)
    )
    torch.testing.assert_close(fast, slow, rtol=1e-12, atol=0)


@pytest.mark.parametrize("p", [3.0, 6.5, 20.0])
def test_generalized_mean_keeps_its_digits_in_single_precision(p, generator):
    pooling = GeneralizedMeanPooling(p).requires_grad_(False)
    features = torch.rand(2, 8, 6, 4, generator=generator) * torch.logspace(-3, 2, 8)[:, None, None]
    attention = attention_activation(torch.randn(2, 5, 6, 4, generator=generator))
    fast = attribute_embeddings(features, attention, pooling, None)
    exact = embeddings_reference(features.double(), attention.double(), pooling.double(), None)
    assert fast.dtype == torch.float32
    torch.testing.assert_close(fast.double(), exact, rtol=3e-5, atol=1e-6)


def test_exponents_below_one_take_the_exact_way(generator):
    pooling = GeneralizedMeanPooling(0.5).requires_grad_(False)
    features = torch.randn(2, 4, 3, 2, generator=generator)
    attention = torch.rand(2, 3, 3, 2, generator=generator)
    expected = embeddings_reference(features, attention, pooling, None)
    assert torch.equal(attribute_embeddings(features, attention, pooling, None), expected)


@pytest.mark.parametrize(
    "pooling",
    [
        GeneralizedMeanPooling(3.0),
        average,
        lambda x: x.amax(dim=(2, 3)),
        lambda x: x[:, :, : x.shape[2] // 2].mean(dim=(2, 3)),
        nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten()),
    ],
)
def test_any_pooling_equals_the_loop_with_its_gradients(pooling, generator):
    features = torch.rand(2, 6, 4, 3, generator=generator, dtype=torch.float64).requires_grad_()
    raw = torch.randn(2, 5, 4, 3, generator=generator, dtype=torch.float64).requires_grad_()
    pooling = pooling.double() if isinstance(pooling, nn.Module) else pooling
    neck = frozen_neck(6, generator).double()
    inputs = [features, raw, *(pooling.parameters() if isinstance(pooling, nn.Module) else ())]
    weights = torch.randn(2, 5, 6, generator=generator, dtype=torch.float64)
    results = [
        function(features, attention_activation(raw), pooling, neck)
        for function in (attribute_embeddings, embeddings_reference)
    ]
    torch.testing.assert_close(*results, rtol=1e-9, atol=1e-9)
    fast, slow = (torch.autograd.grad((weights * result).sum(), inputs) for result in results)
    for ours, expected in zip(fast, slow, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-7, atol=1e-9)


def test_average_is_recognised_by_what_it_does_and_nothing_else_is():
    features = torch.zeros(2, 6, 4, 3)
    assert _averages(average, features)
    assert _averages(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), features)
    assert not _averages(lambda x: x.amax(dim=(2, 3)), features)
    assert not _averages(lambda x: x.clamp(min=0).mean(dim=(2, 3)), features)
    assert not _averages(lambda x: average(x).mean(dim=1, keepdim=True).expand(-1, 6), features)
    assert not _averages(nn.AdaptiveAvgPool2d(1), features)  # leaves [B, C, 1, 1]


@pytest.mark.parametrize("pooling", [GeneralizedMeanPooling(3.0), average, lambda x: x.amax(dim=(2, 3))])
def test_attention_one_gives_the_target_embedding(pooling, generator):
    features = torch.rand(3, 6, 4, 3, generator=generator)
    neck = frozen_neck(6, generator)
    explained = attribute_embeddings(features, torch.ones(3, 2, 4, 3), pooling, neck)
    expected = neck(pooling(features))[:, None].expand(-1, 2, -1)
    torch.testing.assert_close(explained, expected, rtol=1e-5, atol=1e-5)


def test_scaling_the_attention_scales_the_distances(generator):
    features = torch.rand(3, 6, 4, 3, generator=generator) + 0.1
    attention = torch.rand(3, 4, 4, 3, generator=generator) + 0.1
    pooling, neck = GeneralizedMeanPooling(3.0).requires_grad_(False), frozen_neck(6, generator)
    once, twice = (attribute_embeddings(features, s * attention, pooling, neck) for s in (1.0, 2.0))
    torch.testing.assert_close(
        attribute_distances(twice[:2], twice[2:]), 2 * attribute_distances(once[:2], once[2:]), rtol=1e-4, atol=1e-5
    )


def test_dead_channels_do_not_spoil_the_gradient():
    raw = torch.zeros(2, 3, 4, 2, requires_grad=True)
    pooling = GeneralizedMeanPooling(3.0).requires_grad_(False)
    attribute_embeddings(torch.zeros(2, 5, 4, 2), attention_activation(raw), pooling, None).sum().backward()
    assert bool(raw.grad.isfinite().all())


def test_gradients_agree_with_differences(generator):
    features = torch.rand(2, 3, 2, 2, generator=generator, dtype=torch.float64) + 0.1
    attention = (torch.rand(2, 2, 2, 2, generator=generator, dtype=torch.float64) + 0.1).requires_grad_()
    pooling = GeneralizedMeanPooling(2.7).double().requires_grad_(False)

    def distances(attention):
        embeddings = attribute_embeddings(features, attention, pooling, None)
        return attribute_distances(embeddings[:1], embeddings[1:])

    assert torch.autograd.gradcheck(distances, (attention,))


def test_every_device_gives_the_same(device, generator):
    features = torch.rand(3, 6, 4, 3, generator=generator)
    attention = torch.rand(3, 5, 4, 3, generator=generator)
    pooling = GeneralizedMeanPooling(3.0).requires_grad_(False)
    expected = embeddings_reference(features, attention, pooling, None)
    there = attribute_embeddings(features.to(device), attention.to(device), pooling.to(device), None)
    torch.testing.assert_close(there.cpu(), expected, rtol=1e-4, atol=1e-5)


def test_neck_in_training_mode_is_refused_and_untouched():
    neck = nn.BatchNorm1d(3)
    with pytest.raises(ValueError, match=r"target\.eval\(\)"):
        attribute_embeddings(torch.rand(2, 3, 4, 2), torch.ones(2, 5, 4, 2), average, neck)
    assert neck.num_batches_tracked.item() == 0


@pytest.mark.parametrize(
    ("features", "attention", "error", "message"),
    [
        (np.zeros((2, 3, 4, 2)), torch.ones(2, 5, 4, 2), TypeError, r"torch\.from_numpy\(feature_map\)"),
        (torch.rand(2, 3, 4, 2), np.ones((2, 5, 4, 2)), TypeError, r"torch\.from_numpy\(attention\)"),
        (torch.rand(2, 3), torch.ones(2, 5, 4, 2), ValueError, r"feature_map must be \[B, C, h, w\], got \[2, 3\]"),
        (torch.rand(2, 3, 4, 2), torch.ones(2, 5, 4, 3), ValueError, "resize the attention"),
        (torch.rand(2, 3, 4, 2), torch.ones(2, 5, 4, 2).long(), TypeError, "floating-point"),
        (torch.rand(2, 3, 4, 2), -torch.ones(2, 5, 4, 2), ValueError, "attention_activation"),
    ],
)
def test_wrong_input_is_refused_with_the_fix(features, attention, error, message):
    with pytest.raises(error, match=message):
        attribute_embeddings(features, attention, GeneralizedMeanPooling(), None)
