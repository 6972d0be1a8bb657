from __future__ import annotations

from urllib.error import URLError

import pytest
import torch
import torchvision

from whyreid.models import agw_target, bot_target, resnet_target, sbs_target
from whyreid.models.target_file import load_target, save_target


def image(height: int = 64, width: int = 32) -> torch.Tensor:
    return torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("depth", "channels"), [(18, 512), (34, 512), (50, 2048), (101, 2048)])
def test_the_last_stride_is_one_at_every_depth(depth, channels):
    target = resnet_target(depth).eval()
    with torch.inference_mode():
        output = target(image())
    assert output.feature_map.shape == (1, channels, 4, 2)  # a sixteenth of the picture, not a 32nd
    assert output.embedding.shape == (1, channels)


def test_the_map_at_the_published_sizes_is_16_by_8_and_24_by_8():
    with torch.inference_mode():
        assert resnet_target(18).eval()(image(256, 128)).feature_map.shape[2:] == (16, 8)
        assert resnet_target(18).eval()(image(384, 128)).feature_map.shape[2:] == (24, 8)
    assert (bot_target(18).image_input.size, sbs_target(18).image_input.size) == ((256, 128), (384, 128))


def plain_resnet_map(network: torchvision.models.ResNet, x: torch.Tensor, *, first_relu: bool) -> torch.Tensor:
    x = network.bn1(network.conv1(x))
    x = network.maxpool(network.relu(x) if first_relu else x)
    return network.layer4(network.layer3(network.layer2(network.layer1(x))))


@pytest.mark.parametrize("first_relu", [True, False])
def test_with_a_last_stride_of_two_it_is_torchvisions_network(first_relu):
    target = resnet_target(18, last_stride=2, first_relu=first_relu).eval()
    network = torchvision.models.resnet18()
    state = {name.removeprefix("backbone."): value for name, value in target.state_dict().items() if "backbone" in name}
    network.load_state_dict(state, strict=False)
    with torch.inference_mode():
        expected = plain_resnet_map(network.eval(), image(), first_relu=first_relu)
        torch.testing.assert_close(target(image()).feature_map, expected)


def test_pooling_and_neck_are_those_of_the_papers():
    bot, sbs, agw = bot_target(18), sbs_target(18), agw_target()
    assert [type(t.pooling).__name__ for t in (bot, sbs, agw)] == ["AveragePooling", *["GeneralizedMeanPooling"] * 2]
    assert [t.distance for t in (bot, sbs, agw)] == ["cosine", "euclidean", "cosine"]
    for target in (bot, sbs, agw):
        assert isinstance(target.neck, torch.nn.BatchNorm1d)
        assert not target.neck.bias.requires_grad


def test_agw_has_its_non_local_blocks_after_the_last_blocks_of_layers_two_and_three():
    names = [name.removesuffix(".theta.weight") for name in agw_target().state_dict() if name.endswith("theta.weight")]
    assert names == [
        "backbone.layer2.non_local2",
        "backbone.layer2.non_local3",
        "backbone.layer3.non_local3",
        "backbone.layer3.non_local4",
        "backbone.layer3.non_local5",
    ]


def test_at_the_start_the_non_local_blocks_change_nothing():
    agw, without = agw_target(seed=1).eval(), resnet_target(50, first_relu=False, seed=1).eval()
    with torch.inference_mode():
        without.load_state_dict({k: v for k, v in agw.state_dict().items() if "non_local" not in k})
        torch.testing.assert_close(agw(image()).embedding, without(image()).embedding)


def test_the_layers_of_a_published_target_can_be_shared():
    target = resnet_target(18, non_local=(0, 1, 0, 0)).eval()
    early, late = target.cut("layer2")
    with torch.inference_mode():
        torch.testing.assert_close(late(early(image())), target.feature_map(image()))
    assert early(image()).shape == (1, 128, 8, 4)


def test_the_seed_decides_the_weights():
    a, again, other = (resnet_target(18, seed=s).state_dict() for s in (1, 1, 2))
    assert all(torch.equal(a[name], again[name]) for name in a)
    assert not torch.equal(a["backbone.conv1.weight"], other["backbone.conv1.weight"])


def test_a_published_target_is_built_again_from_its_file(tmp_path):
    target = resnet_target(18, pooling="average", non_local=(0, 0, 1, 0), first_relu=False, distance="euclidean").eval()
    save_target(target, tmp_path / "target.pt")
    loaded = load_target(tmp_path)
    assert loaded.distance == "euclidean"
    with torch.inference_mode():
        assert torch.equal(loaded(image()).embedding, target(image()).embedding)


def test_without_a_connection_imagenet_weights_are_missed_loudly(monkeypatch):
    def offline(*_: object, **__: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr("torch.hub.load_state_dict_from_url", offline)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", offline)
    with pytest.warns(UserWarning, match=r"could not be had .*random weights.*checkpoints"):
        target = resnet_target(18, imagenet=True)
    assert torch.equal(target.backbone.conv1.weight, resnet_target(18).backbone.conv1.weight)


def test_imagenet_weights_go_into_the_backbone(monkeypatch):
    torch.manual_seed(3)
    stored = torchvision.models.resnet18().state_dict()
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", lambda *_, **__: stored)
    target = resnet_target(18, imagenet=True)
    assert torch.equal(target.backbone.state_dict()["layer4.1.conv2.weight"], stored["layer4.1.conv2.weight"])


def test_impossible_networks_are_refused():
    with pytest.raises(ValueError, match=r"depth must be one of \(18, 34, 50, 101\), got 20"):
        resnet_target(20)
    with pytest.raises(ValueError, match=r"layer4 has 2 blocks, got non_local=\(0, 0, 0, 3\)"):
        resnet_target(18, non_local=(0, 0, 0, 3))
    with pytest.raises(ValueError, match="neck must be"):
        resnet_target(18, neck="bn")
