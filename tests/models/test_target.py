from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import timm
import torch
import torchvision
from torch import nn

from whyreid.models import ChannelsLast, GeneralizedMeanPooling, ImageInput, TargetModel, TokenGrid
from whyreid.models.neck import batch_norm_neck
from whyreid.models.target import embedding_dim


class HandWritten(nn.Module):
    """A network as a user would write it: functions in forward, a head that the target leaves out."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, 2, 1)
        self.second = nn.Conv2d(6, 10, 3, 2, 1)
        self.head = nn.Linear(10, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.first(x))
        x = x + torch.tanh(x)
        x = torch.relu(self.second(x))
        return self.head(x.mean(dim=(2, 3)))


def small_vit() -> nn.Module:
    return torchvision.models.VisionTransformer(64, 16, num_layers=2, num_heads=2, hidden_dim=24, mlp_dim=48)


NETWORKS = {
    # name: (builder, node, cut, to_map, channels, map at 64 x 64, the same activation by hand)
    "resnet18": (torchvision.models.resnet18, "layer4", "layer2", None, 512, (2, 2)),
    "resnet50": (torchvision.models.resnet50, "layer4", "layer2", None, 2048, (2, 2)),
    "mobilenet_v2": (torchvision.models.mobilenet_v2, "features", "features.6", None, 1280, (2, 2)),
    "convnext_tiny": (torchvision.models.convnext_tiny, "features", "features.3", None, 768, (2, 2)),
    "efficientnet_b0": (torchvision.models.efficientnet_b0, "features", "features.4", None, 1280, (2, 2)),
    "swin_t": (torchvision.models.swin_t, "norm", "features.3", ChannelsLast, 768, (2, 2)),
    "vit": (small_vit, "encoder.ln", "encoder.layers.encoder_layer_0", lambda: TokenGrid(4, 4), 24, (4, 4)),
    "hand_written": (HandWritten, "relu_1", "add", None, 10, (16, 16)),
}


def images(batch: int = 2) -> torch.Tensor:
    return torch.randn(batch, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@pytest.fixture(params=list(NETWORKS), scope="module")
def case(request: pytest.FixtureRequest) -> tuple:
    """A wrapped network in evaluation mode, the bare one, and what to expect."""
    builder, node, cut, to_map, channels, size = NETWORKS[request.param]
    torch.manual_seed(0)
    network = builder()
    target = TargetModel(
        network,
        feature_node=node,
        pooling=GeneralizedMeanPooling(),
        neck=batch_norm_neck(channels),
        to_map=None if to_map is None else to_map(),
    )
    return target.eval(), network.eval(), node, cut, channels, size


def test_map_and_embedding_have_the_shapes_of_the_node(case):
    target, _, _, _, channels, size = case
    with torch.inference_mode():
        output = target(images())
    assert output.feature_map.shape == (2, channels, *size)
    assert output.embedding.shape == (2, channels)
    assert output.embedding.dtype == torch.float32


def by_a_hook(network: nn.Module, node: str) -> torch.Tensor:
    """The node's activation found another way: a forward hook on the untouched network."""
    seen: list[torch.Tensor] = []
    handle = network.get_submodule(node).register_forward_hook(lambda _m, _i, output: seen.append(output))
    try:
        with torch.inference_mode():
            network(images())
    finally:
        handle.remove()
    return seen[0]


def test_the_map_is_the_networks_own_activation(case):
    target, network, node, *_ = case
    if isinstance(network, HandWritten):
        pytest.skip("its nodes are no modules; tested below")
    expected = by_a_hook(network, node)
    with torch.inference_mode():
        found = target.feature_map(images())
        torch.testing.assert_close(found, expected if target.to_map is None else target.to_map(expected))


def test_a_node_that_is_no_module_is_found_by_its_step():
    network = HandWritten().eval()
    target = TargetModel(network, feature_node="relu_1", pooling=GeneralizedMeanPooling()).eval()
    x = torch.relu(network.first(images()))
    torch.testing.assert_close(target.feature_map(images()), torch.relu(network.second(x + torch.tanh(x))))
    assert not any("head" in name for name in target.state_dict())  # what comes after the node is left out


def test_both_parts_of_a_cut_make_the_whole(case):
    target, _, _, cut, *_ = case
    early, late = target.cut(cut)
    with torch.inference_mode():
        expected = target.feature_map(images())
        torch.testing.assert_close(late(early(images())), expected)
    names = {id(p) for p in (*early.parameters(), *late.parameters())}
    assert names == {id(p) for p in target.backbone.parameters()}  # shared, none twice, none lost
    assert not {id(p) for p in early.parameters()} & {id(p) for p in late.parameters()}


def test_a_cut_works_in_training_mode_and_passes_gradients(case):
    target, _, _, cut, *_ = case
    twin = copy.deepcopy(target).train()
    early, late = twin.cut(cut)
    assert early.training
    assert late.training
    late(early(images())).sum().backward()
    assert all(p.grad is not None for p in early.parameters())


def test_a_copy_is_apart_and_keeps_the_training_flags(case):
    target, *_ = case
    twin = copy.deepcopy(target)
    assert not any(part.training for part in twin.modules())
    with torch.inference_mode():
        torch.testing.assert_close(twin(images()).embedding, target(images()).embedding)
    assert not {id(p) for p in twin.parameters()} & {id(p) for p in target.parameters()}


def test_the_networks_mode_is_left_as_it_was():
    network = torchvision.models.resnet18().train()
    network.layer1.eval()
    TargetModel(network, feature_node="layer4", pooling=GeneralizedMeanPooling())
    assert network.training
    assert network.layer2[0].bn1.training
    assert not network.layer1[0].bn1.training


def average(x: torch.Tensor) -> torch.Tensor:
    return x.mean(dim=(2, 3))


def convolution(**more: object) -> TargetModel:
    torch.manual_seed(0)
    return TargetModel(nn.Sequential(nn.Conv2d(3, 4, 3)), feature_node="0", pooling=average, **more).eval()


def test_without_a_neck_the_pooled_map_is_the_embedding():
    output = convolution()(images())
    torch.testing.assert_close(output.embedding, output.feature_map.mean(dim=(2, 3)))


def test_the_neck_comes_after_the_pooling():
    neck = nn.Linear(4, 7)
    target = convolution(neck=neck)
    output = target(images())
    torch.testing.assert_close(output.embedding, neck(average(output.feature_map)))
    assert embedding_dim(target) == 7


def test_normalised_embeddings_have_length_one_and_are_compared_by_cosine():
    target = convolution(normalise=True)
    torch.testing.assert_close(target(images()).embedding.norm(dim=1), torch.ones(2))
    assert (target.distance, convolution().distance) == ("cosine", "euclidean")
    assert convolution(distance="cosine").distance == "cosine"
    with pytest.raises(ValueError, match=r"distance must be .* got 'manhattan'"):
        convolution(distance="manhattan")


def test_pooling_and_neck_are_in_float32_under_autocast():
    target = convolution(neck=batch_norm_neck(4))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = target(images())
    assert output.feature_map.dtype == torch.bfloat16
    assert output.embedding.dtype == torch.float32
    torch.testing.assert_close(
        output.embedding, target.embed(average(output.feature_map.float())), rtol=1e-5, atol=1e-5
    )


def test_a_module_that_cannot_be_traced_goes_in_as_it_is():
    class Branches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.conv(x) if x.sum() > 0 else -self.conv(x)

    with pytest.raises(ValueError, match=r"Branches cannot be traced .*feature_node=None"):
        TargetModel(Branches(), feature_node="conv", pooling=average)
    target = TargetModel(Branches(), feature_node=None, pooling=average)
    assert target(images()).embedding.shape == (2, 4)
    with pytest.raises(ValueError, match=r"Branches was not traced and cannot be cut; build .* feature_node"):
        target.cut("conv")


def test_a_part_that_cannot_be_traced_may_be_a_leaf():
    class Leaf(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if x.sum().item() > 0 else -x

    network = nn.Sequential(nn.Conv2d(3, 4, 3), Leaf())
    with pytest.raises(ValueError, match="name the class"):
        TargetModel(network, feature_node="1", pooling=average)
    assert TargetModel(network, feature_node="1", pooling=average, leaf_modules=[Leaf])(images()).embedding.shape == (
        2,
        4,
    )


@pytest.mark.parametrize(
    ("builder", "node", "fix"),
    [(small_vit, "encoder.ln", r"got \[2, 17, 24\].*TokenGrid"), (HandWritten, "head", r"got \[2, 4\]")],
)
def test_a_node_without_a_map_is_refused_with_the_fix(builder: Callable[[], nn.Module], node, fix):
    with pytest.raises(ValueError, match=fix):
        TargetModel(builder(), feature_node=node, pooling=average)(images())


def test_an_unknown_node_lists_those_there_are():
    with pytest.raises(ValueError, match=r"no node 'layer5'; nodes at this depth: .*layer1, layer2, layer3, layer4"):
        TargetModel(torchvision.models.resnet18(), feature_node="layer5", pooling=average)


def test_a_cut_that_a_shortcut_goes_around_is_refused():
    target = TargetModel(torchvision.models.resnet18(), feature_node="layer4", pooling=average)
    with pytest.raises(ValueError, match=r"cannot be cut at 'layer2.0.conv1': later steps also need layer1\.1\.relu_1"):
        target.cut("layer2.0.conv1")


def test_token_grids_keep_rows_and_columns():
    tokens = torch.arange(2 * 7 * 3).reshape(2, 7, 3)
    grid = TokenGrid(3, 2, skip=1)(tokens)
    for row in range(3):
        for column in range(2):
            assert torch.equal(grid[:, :, row, column], tokens[:, 1 + 2 * row + column])
    with pytest.raises(ValueError, match=r"\[B, 9, C\] for a 4x2 grid after 1 extra tokens, got \[2, 7, 3\]"):
        TokenGrid(4, 2)(tokens)


def test_bytes_become_what_the_network_takes():
    spec = ImageInput(4, 2, mean=(0.5, 0.25, 0.0), std=(0.5, 1.0, 2.0))
    prepared = spec.prepare(torch.full((1, 3, 4, 2), 255, dtype=torch.uint8))
    assert prepared[0, :, 0, 0].tolist() == pytest.approx([1.0, 0.75, 0.5])
    assert spec.prepare(torch.zeros(5, 3, 9, 9, dtype=torch.uint8)).shape == (5, 3, 4, 2)
    with pytest.raises(TypeError, match="uint8"):
        spec.prepare(torch.zeros(1, 3, 4, 2))


def test_finding_the_size_of_the_embedding_leaves_the_model_as_it_was():
    target = convolution(neck=batch_norm_neck(4)).train()
    target.neck.eval()
    before = target.neck.running_mean.clone()
    assert embedding_dim(target) == 4
    assert target.training
    assert not target.neck.training
    assert torch.equal(target.neck.running_mean, before)


def test_the_neck_learns_a_scale_and_no_shift():
    neck = batch_norm_neck(5)
    assert neck.weight.requires_grad
    assert not neck.bias.requires_grad
    assert neck.bias.abs().sum() == 0


@pytest.mark.parametrize(
    ("name", "node", "to_map", "options"),
    [
        ("convnext_atto", "stages", None, {}),
        ("vit_tiny_patch16_224", "norm", TokenGrid(8, 4), {"img_size": (128, 64)}),
        ("swin_tiny_patch4_window7_224", "norm", ChannelsLast(), {"img_size": (128, 64), "window_size": 4}),
    ],
)
def test_networks_of_timm_are_wrapped_like_any_other(name, node, to_map, options):
    network = timm.create_model(name, pretrained=False, **options).eval()
    target = TargetModel(network, feature_node=node, pooling=GeneralizedMeanPooling(), to_map=to_map).eval()
    image = torch.randn(2, 3, 128, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        features = network.forward_features(image)
        torch.testing.assert_close(target.feature_map(image), features if to_map is None else to_map(features))
