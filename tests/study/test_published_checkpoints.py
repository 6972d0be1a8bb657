"""Files of other repositories, read by the name of what they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision

from whyreid.models import TargetModel, resnet_target, thin_network
from whyreid.study.published_checkpoints import CHECKPOINTS, load_published


def fastreid_file(path: Path, depth: int = 18, **arguments: Any) -> TargetModel:
    """Write what fast-reid's checkpointer writes for a ResNet, and return the target that it holds."""
    target = resnet_target(depth, padded_max_pool=False, seed=3, **arguments).eval()  # type: ignore[arg-type]
    names = {"neck.": "heads.bottleneck.0.", "pooling.p": "heads.pool_layer.p"}
    state = {"heads.weight": torch.zeros(7, 512)}
    for key, value in target.state_dict().items():
        old = next((old for old in names if key.startswith(old)), None)
        state[key if old is None else key.replace(old, names[old])] = value
    torch.save({"model": state, "iteration": 100}, path)
    return target


def test_the_embedding_is_that_of_the_network_in_the_file(tmp_path):
    written = fastreid_file(tmp_path / "model.pth")
    read = load_published(tmp_path / "model.pth", "sbs-r18", image_size=(128, 64))
    image = torch.randn(2, 3, 128, 64)
    assert read.image_input.size == (128, 64)
    torch.testing.assert_close(read(image).embedding, written(image).embedding)


def test_the_size_of_the_pictures_is_the_published_one_unless_it_is_given(tmp_path):
    fastreid_file(tmp_path / "sbs.pth")
    fastreid_file(tmp_path / "bot.pth", pooling="average")
    assert load_published(tmp_path / "sbs.pth", "sbs-r18").image_input.size == (384, 128)
    assert load_published(tmp_path / "bot.pth", "bot-r18").image_input.size == (256, 128)


@pytest.mark.parametrize("number", [np.float32(0.9), np.float64(0.9)])
def test_a_file_of_torchreid_with_its_rank_1_beside_the_weights_is_read(tmp_path, number):
    weights = torchvision.models.resnet50().state_dict()
    state = {f"module.{key}": value for key, value in weights.items() if not key.startswith("fc.")}
    torch.save({"state_dict": state, "epoch": 60, "rank1": number}, tmp_path / "model.pth.tar-60")
    target = load_published(tmp_path / "model.pth.tar-60", "torchreid-r50")
    assert target.distance == "euclidean"
    torch.testing.assert_close(target.state_dict()["backbone.conv1.weight"], weights["conv1.weight"])


@pytest.mark.parametrize(
    ("network", "said"),
    [
        ("sbs-r34", "a ResNet-18, which is no sbs-r34"),
        ("bot-r18", "gem pooling, which is no bot-r18"),
        ("agw-r50", "a ResNet-18 and no non-local blocks, which is no agw-r50"),
        ("torchreid-r50", "the keys of a fastreid model, which is no torchreid-r50"),
        ("osnet", "must be one of bot-r18"),
    ],
)
def test_a_file_that_holds_another_model_than_its_name_says_is_refused(tmp_path, network, said):
    fastreid_file(tmp_path / "model.pth")
    with pytest.raises(ValueError, match=said):
        load_published(tmp_path / "model.pth", network)


def test_a_missing_key_is_named(tmp_path):
    fastreid_file(tmp_path / "model.pth")
    content = torch.load(tmp_path / "model.pth", weights_only=True)
    del content["model"]["backbone.layer2.0.conv1.weight"]
    torch.save(content, tmp_path / "model.pth")
    with pytest.raises(ValueError, match=r"missing \['backbone.layer2.0.conv1.weight'\]"):
        load_published(tmp_path / "model.pth", "sbs-r18")


class Planted:
    """Runs code when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_no_code_in_a_file_is_run(tmp_path):
    torch.save({"model": Planted(tmp_path / "ran")}, tmp_path / "model.pth")
    with pytest.raises(ValueError, match="save its state_dict"):
        load_published(tmp_path / "model.pth", "sbs-r18")
    assert not (tmp_path / "ran").exists()


def test_other_files_are_refused_with_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match="is no file"):
        load_published(tmp_path / "absent.pth", "sbs-r18")
    torch.save(torch.zeros(3), tmp_path / "tensor.pth")
    with pytest.raises(ValueError, match="must hold a state dict, got Tensor"):
        load_published(tmp_path / "tensor.pth", "sbs-r18")
    torch.save(thin_network().state_dict(), tmp_path / "thin.pth")
    with pytest.raises(ValueError, match="the keys are not those of a ResNet"):
        load_published(tmp_path / "thin.pth", "sbs-r18")


def test_every_name_says_a_depth_and_a_size():
    for name, model in CHECKPOINTS.items():
        assert name.endswith(f"r{model.depth}")
        assert model.image_size in {(256, 128), (384, 128)}
