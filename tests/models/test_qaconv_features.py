"""The feature extractors: versions, published keys, unit vectors, frozen statistics, seeds."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import nn

from whyreid.models import (
    QAConvFeatures,
    TargetModel,
    TokenGrid,
    qaconv_from_target,
    resnet50_qaconv,
    thin_network,
    thin_qaconv,
)

VERSIONS = {"1.0": (True, 384), "2.0": (True, 192), "2.1": (False, 192)}


def tiny_base() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 6, 3, stride=4, padding=1), nn.BatchNorm2d(6), nn.ReLU())


@pytest.mark.parametrize("version", VERSIONS)
def test_each_version_has_its_neck(version):
    normalised, _ = VERSIONS[version]
    features = QAConvFeatures(tiny_base(), 6, version=version)
    assert features.num_features == (64 if version == "2.0" else 128)
    assert (features.neck_conv.bias is None) == normalised
    assert hasattr(features, "neck_bn") == normalised
    keys = {key.split(".")[0] for key in features.state_dict()}
    assert keys == {"base", "neck_conv", *(["neck_bn"] if normalised else [])}


@pytest.mark.parametrize("version", VERSIONS)
def test_the_published_resnet_gives_a_24_by_8_map_under_the_published_keys(version):
    model = resnet50_qaconv(version=version, image_size=(384, 128)).eval()
    assert (model.matcher.height, model.matcher.width) == (24, 8)
    assert model.matcher.fc.in_features == VERSIONS[version][1]
    published = {
        f"base.{key}" for key in torchvision.models.resnet50().state_dict() if not key.startswith(("layer4", "fc"))
    }
    assert {key for key in model.features.state_dict() if key.startswith("base")} == published


@pytest.mark.parametrize("version", VERSIONS)
def test_maps_have_vectors_of_length_one_and_fit_the_matcher(version):
    model = thin_qaconv(version=version, image_size=(64, 32), seed=1).eval()
    maps = model(torch.rand(2, 3, 64, 32))
    assert maps.shape == (2, 64, 8, 4)
    torch.testing.assert_close(maps.norm(dim=1), torch.ones(2, 8, 4))
    assert model.matcher(maps, maps).shape == (2, 2)


def test_maps_stay_float32_in_autocast():
    model = thin_qaconv(image_size=(64, 32)).eval()
    images = torch.rand(2, 3, 64, 32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        maps = model(images)
    assert maps.dtype == torch.float32
    torch.testing.assert_close(maps.norm(dim=1), torch.ones(2, 8, 4))
    torch.testing.assert_close(maps, model(images), rtol=0, atol=0.05)


def test_version_two_one_keeps_the_bases_statistics_while_training():
    features = QAConvFeatures(tiny_base(), 6, version="2.1").train()
    before = {key: value.clone() for key, value in features.base.state_dict().items()}
    features(torch.rand(4, 3, 32, 16))
    assert features.training
    assert not features.base[1].training
    assert all(torch.equal(value, before[key]) for key, value in features.base.state_dict().items())
    assert features.base[1].weight.requires_grad  # scale and shift still learn


@pytest.mark.parametrize("settings", [{"version": "1.0"}, {"version": "2.1", "frozen_statistics": False}])
def test_other_versions_learn_statistics(settings):
    features = QAConvFeatures(tiny_base(), 6, **settings).train()
    features(torch.rand(4, 3, 32, 16))
    assert features.base[1].num_batches_tracked == 1


def test_a_thin_network_learns_its_statistics_because_it_starts_at_random():
    assert not thin_qaconv(version="2.1", image_size=(64, 32)).features.frozen_statistics
    assert resnet50_qaconv(image_size=(64, 32)).features.frozen_statistics


def test_pictures_are_not_normalised_by_imagenet():
    image_input = thin_qaconv(image_size=(64, 32)).image_input
    assert (image_input.size, image_input.mean, image_input.std) == ((64, 32), (0.0,) * 3, (1.0,) * 3)
    white = image_input.prepare(torch.full((1, 3, 64, 32), 255, dtype=torch.uint8))
    assert white.unique().tolist() == [1.0]


def test_seeds_name_the_weights_and_leave_the_callers_random_state_alone():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    one, same, other = (thin_qaconv(version="1.0", image_size=(64, 32), seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.rand(1), expected)
    for key, value in one.state_dict().items():
        assert torch.equal(value, same.state_dict()[key])
    for key in ("features.neck_conv.weight", "matcher.fc.weight"):
        assert not torch.equal(one.state_dict()[key], other.state_dict()[key])


def test_a_target_is_copied_with_its_picture_size_and_normalisation():
    target = thin_network(image_size=(64, 32), seed=3).eval()
    model = qaconv_from_target(target, neck=16)
    assert model.image_input == target.image_input
    images = torch.rand(2, 3, 64, 32)
    torch.testing.assert_close(model.features.base.eval()(images), target(images).feature_map)
    with torch.no_grad():
        next(model.features.base.parameters()).zero_()
    assert next(target.backbone.parameters()).any()


def test_a_transformers_tokens_become_a_map():
    class Patches(nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            tokens = nn.functional.avg_pool2d(image, 16).flatten(2).transpose(1, 2)
            return torch.cat((tokens[:, :1], tokens), dim=1)  # a class token in front

    target = TargetModel(Patches(), feature_node=None, pooling=lambda x: x.mean((2, 3)), to_map=TokenGrid(16, 8))
    model = qaconv_from_target(target, neck=4)
    assert (model.matcher.height, model.matcher.width) == (16, 8)
    assert model.eval()(torch.rand(1, 3, 256, 128)).shape == (1, 4, 16, 8)


def test_the_users_own_network_is_used_not_copied():
    network = torchvision.models.resnet18()
    model = resnet50_qaconv(network=network, image_size=(64, 32))
    assert model.features.base.get_parameter("conv1.weight") is network.conv1.weight
    assert model.features.neck_conv.in_channels == 256


def test_the_base_learns_ten_times_slower_and_every_parameter_learns_once():
    model = thin_qaconv(image_size=(64, 32))
    slow, fast = model.parameter_groups(0.01)
    assert (slow["lr"], fast["lr"]) == (pytest.approx(0.001), 0.01)
    ids = [id(parameter) for group in (slow, fast) for parameter in group["params"]]
    assert sorted(ids) == sorted(id(parameter) for parameter in model.parameters())
    assert {id(parameter) for parameter in model.matcher.parameters()} <= {
        id(parameter) for parameter in fast["params"]
    }


def test_training_flags_survive_the_measuring_of_the_map():
    base = tiny_base()
    base[0].eval()
    target = TargetModel(base, feature_node=None, pooling=lambda x: x.mean((2, 3)))
    model = qaconv_from_target(target)
    assert [part.training for part in model.features.base] == [False, True, True]


def test_wrong_versions_and_pooled_bases_are_refused():
    with pytest.raises(ValueError, match=r"version must be one of 1\.0, 2\.0, 2\.1, got '3'"):
        QAConvFeatures(tiny_base(), 6, version="3")
    pooled = TargetModel(nn.Flatten(), feature_node=None, pooling=lambda x: x)
    with pytest.raises(
        ValueError, match=r"the base must return \[B, C, h, w\], got \[1, 98304\]; cut the network before"
    ):
        qaconv_from_target(pooled)
