"""Key lists are written here a second time, from the originals' sources, apart from the converter and the network."""

from __future__ import annotations

import pytest
import torch

from whyreid.models import target_from_checkpoint

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
State = dict[str, torch.Tensor]


def batch_norm(name: str, channels: int) -> State:
    state = {f"{name}.{part}": torch.rand(channels) + 0.5 for part in ("weight", "bias", "running_mean", "running_var")}
    return state | {f"{name}.num_batches_tracked": torch.tensor(7)}


def conv(name: str, outputs: int, inputs: int, size: int) -> State:
    return {f"{name}.weight": torch.randn(outputs, inputs, size, size) * 0.02}


def resnet_keys(depth: int) -> State:
    """conv1, bn1, layer{1..4}.{block}.conv{1..3}/bn{1..3}/downsample.{0,1}: alike in all three sources."""
    bottleneck = depth >= 50
    state, inputs = conv("conv1", 64, 3, 7) | batch_norm("bn1", 64), 64
    for layer, blocks in enumerate(BLOCKS[depth], start=1):
        width = 64 * 2 ** (layer - 1)
        outputs = 4 * width if bottleneck else width
        for block in range(blocks):
            name = f"layer{layer}.{block}"
            sizes = [(width, inputs, 1), (width, width, 3), (outputs, width, 1)]
            for number, (o, i, k) in enumerate(sizes if bottleneck else [(width, inputs, 3), (width, width, 3)], 1):
                state |= conv(f"{name}.conv{number}", o, i, k) | batch_norm(f"{name}.bn{number}", o)
            if block == 0 and (layer > 1 or bottleneck):
                state |= conv(f"{name}.downsample.0", outputs, inputs, 1) | batch_norm(f"{name}.downsample.1", outputs)
            inputs = outputs
    return state


def non_local_keys(layer: int, number: int, channels: int) -> State:
    name, state = f"NL_{layer}.{number}", {}
    for part in ("g", "theta", "phi"):
        state |= conv(f"{name}.{part}", 1, channels, 1) | {f"{name}.{part}.bias": torch.randn(1)}
    state |= conv(f"{name}.W.0", channels, 1, 1) | {f"{name}.W.0.bias": torch.randn(channels)}
    return state | batch_norm(f"{name}.W.1", channels)


def non_local_of_resnet50() -> State:
    state: State = {}
    for layer, count, channels in ((2, 2, 512), (3, 3, 1024)):
        for number in range(count):
            state |= non_local_keys(layer, number, channels)
    return state


def below(prefix: str, state: State) -> State:
    return {f"{prefix}{key}": value for key, value in state.items()}


def fastreid_keys(depth: int, *, gem: bool, non_local: bool) -> State:
    """fastreid/modeling/meta_arch/baseline.py (pixel buffers not persistent at 712dbc7), heads/embedding_head.py."""
    channels = 2048 if depth >= 50 else 512
    state = below("backbone.", resnet_keys(depth) | (non_local_of_resnet50() if non_local else {}))
    state |= batch_norm("heads.bottleneck.0", channels) | {"heads.weight": torch.randn(751, channels)}
    return state | ({"heads.pool_layer.p": torch.full((1,), 2.5)} if gem else {})


def agw_keys(*, non_local: bool, gem: bool) -> State:
    """modeling/baseline.py of the AGW repository."""
    state = below("base.", resnet_keys(50) | (non_local_of_resnet50() if non_local else {}))
    state |= batch_norm("bottleneck", 2048) | {"classifier.weight": torch.randn(751, 2048)}
    return state | ({"global_pool.p": torch.full((1,), 2.5)} if gem else {})


def torchreid_keys(*, connected: bool) -> State:
    """torchreid/models/resnet.py: resnet50 and resnet50_fc512."""
    state = resnet_keys(50)
    width = 512 if connected else 2048
    state |= {"classifier.weight": torch.randn(751, width), "classifier.bias": torch.randn(751)}
    if connected:
        state |= {"fc.0.weight": torch.randn(512, 2048) * 0.02, "fc.0.bias": torch.randn(512)} | batch_norm("fc.1", 512)
    return state


CASES = {
    "fast-reid BoT R18": ("fastreid", lambda: fastreid_keys(18, gem=False, non_local=False), 512),
    "fast-reid SBS R34": ("fastreid", lambda: fastreid_keys(34, gem=True, non_local=False), 512),
    "fast-reid SBS R50": ("fastreid", lambda: fastreid_keys(50, gem=True, non_local=True), 2048),
    "fast-reid BoT R101": ("fastreid", lambda: fastreid_keys(101, gem=False, non_local=False), 2048),
    "AGW": ("agw", lambda: agw_keys(non_local=True, gem=True), 2048),
    "AGW repository, baseline": ("agw", lambda: agw_keys(non_local=False, gem=False), 2048),
    "torchreid resnet50": ("torchreid", lambda: torchreid_keys(connected=False), 2048),
    "torchreid resnet50_fc512": ("torchreid", lambda: torchreid_keys(connected=True), 512),
}


@pytest.mark.parametrize(("source", "build", "width"), CASES.values(), ids=CASES)
def test_every_weight_of_a_complete_checkpoint_finds_its_place(source, build, width):
    state = build()
    target = target_from_checkpoint(state, source=source)
    placed = {value.data_ptr(): name for name, value in target.state_dict().items()}
    assert len(placed) == len(target.state_dict())
    remaining = [v for k, v in state.items() if "classifier" not in k and k != "heads.weight"]
    own = list(target.state_dict().values())
    assert len(own) == len(remaining)
    by_sum = sorted(float(v.double().sum()) for v in own)
    assert by_sum == sorted(float(v.double().sum()) for v in remaining)
    with torch.inference_mode():
        assert target(torch.zeros(1, 3, 64, 32)).embedding.shape == (1, width)
    assert not target.training


def test_the_numbers_of_keys_are_those_of_the_networks():
    assert len(resnet_keys(18)) == 120
    assert len(resnet_keys(50)) == 318  # torchvision's 320 without fc
    assert len(resnet_keys(101)) == 624


def hand_forward(state: State, prefix: str, x: torch.Tensor, *, first_relu: bool, padded: bool) -> torch.Tensor:
    """The original's forward pass, from the state dict alone (ResNet-50, last stride 1)."""
    from torch.nn import functional as F

    s = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}

    def bn(x: torch.Tensor, name: str) -> torch.Tensor:
        return F.batch_norm(x, *(s[f"{name}.{p}"] for p in ("running_mean", "running_var", "weight", "bias")))

    def bottleneck(x: torch.Tensor, name: str, stride: int) -> torch.Tensor:
        y = F.relu(bn(F.conv2d(x, s[f"{name}.conv1.weight"]), f"{name}.bn1"))
        y = F.relu(bn(F.conv2d(y, s[f"{name}.conv2.weight"], stride=stride, padding=1), f"{name}.bn2"))
        y = bn(F.conv2d(y, s[f"{name}.conv3.weight"]), f"{name}.bn3")
        if f"{name}.downsample.0.weight" in s:
            x = bn(F.conv2d(x, s[f"{name}.downsample.0.weight"], stride=stride), f"{name}.downsample.1")
        return F.relu(y + x)

    def non_local(x: torch.Tensor, name: str) -> torch.Tensor:
        def one(part: str) -> torch.Tensor:
            return F.conv2d(x, s[f"{name}.{part}.weight"], s[f"{name}.{part}.bias"]).flatten(2)

        attention = torch.einsum("bci,bcj->bij", one("theta"), one("phi")) / one("phi").shape[2]
        y = torch.einsum("bij,bcj->bci", attention, one("g")).reshape(x.shape[0], 1, *x.shape[2:])
        return bn(F.conv2d(y, s[f"{name}.W.0.weight"], s[f"{name}.W.0.bias"]), f"{name}.W.1") + x

    x = bn(F.conv2d(x, s["conv1.weight"], stride=2, padding=3), "bn1")
    x = F.relu(x) if first_relu else x
    x = F.max_pool2d(x, 3, 2, padding=1) if padded else F.max_pool2d(x, 3, 2, ceil_mode=True)
    after = {(2, 2): "NL_2.0", (2, 3): "NL_2.1", (3, 3): "NL_3.0", (3, 4): "NL_3.1", (3, 5): "NL_3.2"}
    for layer, blocks in enumerate((3, 4, 6, 3), start=1):
        for block in range(blocks):
            x = bottleneck(x, f"layer{layer}.{block}", 2 if block == 0 and layer in (2, 3) else 1)
            if (layer, block) in after:
                x = non_local(x, after[layer, block])
    return x


@pytest.mark.parametrize(
    ("source", "prefix", "first_relu", "padded"),
    [("agw", "base.", False, True), ("fastreid", "backbone.", True, False)],
)
def test_the_map_is_the_originals(source, prefix, first_relu, padded):
    torch.manual_seed(0)
    state = agw_keys(non_local=True, gem=True) if source == "agw" else fastreid_keys(50, gem=True, non_local=True)
    image = torch.randn(1, 3, 64, 32)
    target = target_from_checkpoint(state, source=source)
    with torch.inference_mode():
        expected = hand_forward(state, prefix, image, first_relu=first_relu, padded=padded)
        torch.testing.assert_close(target(image).feature_map, expected, rtol=1e-3, atol=1e-3 * float(expected.std()))
    assert target.pooling.p.item() == 2.5


@pytest.mark.parametrize("wrap", [lambda s: {"model": s}, lambda s: {"state_dict": below("module.", s), "epoch": 3}])
def test_wrapped_state_dicts_are_unwrapped(wrap):
    state = fastreid_keys(18, gem=False, non_local=False)
    target = target_from_checkpoint(wrap(state), source="fastreid")
    assert torch.equal(target.backbone.conv1.weight, state["backbone.conv1.weight"])


def test_older_names_of_fastreid_are_known():
    state = fastreid_keys(18, gem=False, non_local=False)
    old = {
        key.replace("heads.bottleneck.0.", "heads.bnneck.").replace("heads.weight", "heads.classifier.weight"): v
        for key, v in state.items()
    }
    old |= {"pixel_mean": torch.zeros(1, 3, 1, 1), "pixel_std": torch.ones(1, 3, 1, 1)}
    target = target_from_checkpoint(old, source="fastreid")
    assert torch.equal(target.neck.running_mean, state["heads.bottleneck.0.running_mean"])


def test_files_without_counters_of_batches_are_fine():
    state = {k: v for k, v in torchreid_keys(connected=False).items() if "num_batches_tracked" not in k}
    assert target_from_checkpoint(state, source="torchreid").distance == "euclidean"


def test_keys_that_do_not_fit_are_named():
    state = fastreid_keys(18, gem=True, non_local=False)
    del state["backbone.layer3.1.conv2.weight"]
    state |= {"heads.extra.weight": torch.zeros(1), "backbone.layer1.0.conv1.weight": torch.zeros(64, 64, 1, 1)}
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is looked at below
        target_from_checkpoint(state, source="fastreid")
    message = str(caught.value)
    assert "missing ['backbone.layer3.1.conv2.weight']" in message
    assert "left over ['extra.weight']" in message
    assert "backbone.layer1.0.conv1.weight [64, 64, 1, 1] instead of [64, 64, 3, 3]" in message


def test_other_networks_are_refused_with_the_fix():
    state = fastreid_keys(18, gem=True, non_local=False)
    state["backbone.layer1.0.bn1.IN.weight"] = torch.zeros(32)
    with pytest.raises(ValueError, match=r"only plain ResNets .*layer1\.0\.bn1\.IN\.weight.* wrap the original"):
        target_from_checkpoint(state, source="fastreid")
    with pytest.raises(ValueError, match=r"not those of a ResNet-18.*layer3 has 0 blocks"):
        target_from_checkpoint(torchreid_keys(connected=False), source="agw")
    with pytest.raises(ValueError, match="source must be one of fastreid, torchreid, agw, got 'osnet'"):
        target_from_checkpoint(state, source="osnet")
    with pytest.raises(ValueError, match=r"must map names to tensors, got other values at \['epoch'\]"):
        target_from_checkpoint({"epoch": 3}, source="agw")
