from __future__ import annotations

import copy

import pytest
import torch
import torchvision
from torch import nn

from whyreid.models import Interpreter, TargetModel, TokenGrid, attribute_distances, thin_network
from whyreid.models.attention import attention_activation


def small_target(**settings):
    return thin_network(widths=(4, 6, 8, 12), depths=(1, 1, 1), image_size=(32, 16), **settings)


def average(feature_map):
    return feature_map.mean(dim=(2, 3))


class HandWritten(nn.Module):
    """A network that torch.fx cannot trace."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(3, 5, 4, stride=4)

    def forward(self, image):
        return self.layer(image).relu() if image.sum() > -1e9 else image


def trained_looking(target):
    """Give the neck statistics that a training would have left."""
    with torch.no_grad():
        target.neck.running_mean.uniform_(0, 1)
        target.neck.running_var.uniform_(0.5, 2)
    return target


TARGETS = {
    "thin": (small_target, "stage1", (32, 16)),
    "resnet18": (
        lambda: TargetModel(torchvision.models.resnet18(), feature_node="layer4", pooling=average),
        "layer2",
        (64, 32),
    ),
    "mobilenet": (
        lambda: TargetModel(torchvision.models.mobilenet_v2(), feature_node="features", pooling=average),
        "features.6",
        (64, 32),
    ),
    "transformer": (
        lambda: TargetModel(
            torchvision.models.VisionTransformer(32, 8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=16),
            feature_node="encoder",
            pooling=average,
            to_map=TokenGrid(4, 4, skip=1),
        ),
        "encoder.layers.encoder_layer_0",
        (32, 32),
    ),
    "hand-written": (lambda: TargetModel(HandWritten(), feature_node=None, pooling=average), None, (32, 16)),
}


@pytest.mark.parametrize("name", TARGETS)
def test_grafts_on_any_target(name, generator):
    make, node, size = TARGETS[name]
    target = make()
    target.image_input = type(target.image_input)(*size)
    interpreter = Interpreter(target, 4, share_until=node)
    images = torch.randn(3, 3, *size, generator=generator)
    found, expected = interpreter(images), target(images)
    batch, channels, height, width = expected.feature_map.shape
    assert found.attention.shape == (batch, 4, height, width)
    assert found.attribute_embeddings.shape == (batch, 4, channels)
    assert bool((found.attention > 0).all())
    if not interpreter.unit_length:
        torch.testing.assert_close(found.embedding, expected.embedding, rtol=1e-4, atol=1e-5)
    found.attribute_embeddings.sum().backward()
    assert all(parameter.grad is not None for parameter in interpreter.own.head.parameters())


def test_gradients_reach_the_own_layers_only_and_a_step_leaves_the_target_alone(generator):
    target = trained_looking(small_target())
    before = copy.deepcopy(target.state_dict())
    interpreter = Interpreter(target, 3, share_until="stage1")
    trained = [parameter for parameter in interpreter.parameters() if parameter.requires_grad]
    own = list(interpreter.own.parameters())
    assert {id(parameter) for parameter in trained} == {id(parameter) for parameter in own}
    optimiser = torch.optim.SGD(own, lr=0.1)
    found = interpreter(torch.randn(4, 3, 32, 16, generator=generator))
    found.attribute_embeddings.square().sum().backward()
    optimiser.step()
    assert all(parameter.grad is None for parameter in target.parameters())
    for key, value in target.state_dict().items():
        assert torch.equal(value, before[key]), key


def test_target_stays_in_evaluation_mode(generator):
    target = small_target()
    interpreter = Interpreter(target, 3, share_until="stage1").train()
    assert interpreter.own.training
    assert not any(
        part.training for frozen in (target, interpreter.shared, interpreter.rest) for part in frozen.modules()
    )
    mean = target.neck.running_mean.clone()
    interpreter(torch.randn(4, 3, 32, 16, generator=generator))
    assert torch.equal(target.neck.running_mean, mean)


def test_own_stages_start_afresh_or_from_the_target(generator):
    target = small_target()
    fresh = Interpreter(target, 3, share_until="stage1", start="fresh")
    copied = Interpreter(target, 3, share_until="stage1", start="target").eval()
    activation, feature_map = copied.frozen(torch.randn(2, 3, 32, 16, generator=generator))
    torch.testing.assert_close(copied.own.stages(activation), feature_map)
    originals = dict(target.named_parameters())
    shared_storage = {parameter.data_ptr() for parameter in originals.values()}
    for interpreter in (fresh, copied):
        assert not shared_storage & {parameter.data_ptr() for parameter in interpreter.own.parameters()}
    kernels = [name for name, value in fresh.own.stages.named_parameters() if value.ndim == 4]
    assert len(kernels) >= 4
    assert not any(
        torch.equal(fresh.own.stages.get_parameter(name), copied.own.stages.get_parameter(name)) for name in kernels
    )


def test_shared_depth_is_free_from_nothing_to_everything_but_the_last_stage(generator):
    target = small_target()
    images = torch.randn(2, 3, 32, 16, generator=generator)
    sizes = []
    for node in (None, "stem", "stage1", "stage2"):
        interpreter = Interpreter(target, 3, share_until=node)
        torch.testing.assert_close(interpreter.frozen(images)[1], target(images).feature_map)
        sizes.append(sum(parameter.numel() for parameter in interpreter.own.stages.parameters()))
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == 4


def test_same_seed_same_weights_and_the_random_state_is_left_alone():
    target = small_target()
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    first, again, other = (Interpreter(target, 3, share_until="stage1", seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.rand(3), expected)
    states = [interpreter.own.state_dict() for interpreter in (first, again, other)]
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    assert not torch.equal(states[0]["head.decide.weight"], states[2]["head.decide.weight"])


def test_attention_one_gives_the_targets_distance_for_every_attribute(generator):
    target = trained_looking(small_target())
    interpreter = Interpreter(target, 3, share_until="stage1").eval()
    nn.init.zeros_(interpreter.own.head.decide.weight)
    found = interpreter(torch.randn(4, 3, 32, 16, generator=generator))
    assert bool((found.attention == 1).all())
    whole = attribute_distances(found.embedding[:, None], found.embedding[:, None])
    parts = attribute_distances(found.attribute_embeddings, found.attribute_embeddings)
    off = ~torch.eye(4, dtype=torch.bool)
    torch.testing.assert_close(parts[off], whole.expand_as(parts)[off], rtol=1e-4, atol=1e-4)


def test_each_attribute_embedding_is_the_head_on_the_attended_map(generator):
    target = trained_looking(small_target())
    target.distance = "euclidean"
    interpreter = Interpreter(target, 3, share_until="stage1").eval()
    images = torch.randn(2, 3, 32, 16, generator=generator)
    found = interpreter(images)
    activation, feature_map = interpreter.frozen(images)
    torch.testing.assert_close(found.attention, attention_activation(interpreter.own(activation)))
    for k in range(3):
        expected = target.embed(target.pool(feature_map * found.attention[:, k : k + 1]))
        torch.testing.assert_close(found.attribute_embeddings[:, k], expected, rtol=1e-4, atol=1e-5)


def test_embeddings_are_divided_by_the_targets_length_when_it_compares_by_cosine(generator):
    target = trained_looking(small_target())
    interpreter = Interpreter(target, 3, share_until="stage1")
    images = torch.randn(2, 3, 32, 16, generator=generator)
    found = interpreter(images)
    assert interpreter.unit_length
    torch.testing.assert_close(found.embedding.norm(dim=1), torch.ones(2))
    _, feature_map = interpreter.frozen(images)
    length = target.embed(target.pool(feature_map)).norm(dim=1, keepdim=True)
    for k in range(3):
        expected = target.embed(target.pool(feature_map * found.attention[:, k : k + 1])) / length
        torch.testing.assert_close(found.attribute_embeddings[:, k], expected, rtol=1e-4, atol=1e-5)


def test_attention_one_everywhere_gives_a_cosine_target_again(generator):
    interpreter = Interpreter(trained_looking(small_target()), 3, share_until="stage1")
    with torch.no_grad():
        interpreter.own.head.decide.weight.zero_()
    found = interpreter(torch.randn(2, 3, 32, 16, generator=generator))
    for k in range(3):
        torch.testing.assert_close(found.attribute_embeddings[:, k], found.embedding, rtol=1e-4, atol=1e-5)


def test_copy_and_own_weights_alone_restore_an_interpreter(generator):
    images = torch.randn(2, 3, 32, 16, generator=generator)
    interpreter = Interpreter(small_target(), 3, share_until="stage1", seed=3).eval()
    expected = interpreter(images)
    other = Interpreter(small_target(), 3, share_until="stage1", seed=4).eval()
    other.own.load_state_dict(interpreter.own.state_dict())
    for restored in (other, copy.deepcopy(interpreter)):
        for ours, theirs in zip(restored(images), expected, strict=True):
            assert torch.equal(ours, theirs)


def test_half_precision_layers_still_give_full_precision_embeddings(generator):
    interpreter = Interpreter(small_target(), 3, share_until="stage1")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = interpreter(torch.randn(2, 3, 32, 16, generator=generator))
    assert {part.dtype for part in found} == {torch.float32}


def test_every_device_gives_the_same(device, generator):
    images = torch.randn(2, 3, 32, 16, generator=generator)
    interpreter = Interpreter(small_target(), 3, share_until="stage1").eval()
    expected = interpreter(images)
    found = copy.deepcopy(interpreter).to(device)(images.to(device))
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours.cpu(), theirs, rtol=1e-3, atol=1e-4)


def test_wrong_settings_are_refused_with_the_fix():
    target = small_target()
    with pytest.raises(ValueError, match="no node 'layer9'"):
        Interpreter(target, 3, share_until="layer9")
    with pytest.raises(ValueError, match="num_attributes must be at least 1, got 0"):
        Interpreter(target, 0, share_until="stage1")
    with pytest.raises(ValueError, match='"fresh" or "target", got \'new\''):
        Interpreter(target, 3, share_until="stage1", start="new")
