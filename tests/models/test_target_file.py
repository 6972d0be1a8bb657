from __future__ import annotations

import pytest
import torch
import torchvision

from whyreid.models import ImageInput, TargetModel, thin_network
from whyreid.models.target_file import load_target, save_target

SMALL = {"widths": (4, 6, 8, 10), "depths": (1, 1, 1), "image_size": (32, 16)}


@pytest.fixture
def image() -> torch.Tensor:
    return torch.randn(2, 3, 32, 16, generator=torch.Generator().manual_seed(0))


def test_a_target_comes_back_in_evaluation_mode_with_equal_outputs(tmp_path, image):
    target = thin_network(**SMALL, seed=3)
    target(image)  # moves the running statistics
    save_target(target, tmp_path / "target.pt")
    loaded = load_target(tmp_path)
    assert not any(part.training for part in loaded.modules())
    assert torch.equal(loaded(image).embedding, target.eval()(image).embedding)
    assert (loaded.architecture, loaded.image_input) == (target.architecture, target.image_input)
    assert loaded.distance == "cosine"


def test_a_network_of_the_users_goes_into_one_that_the_user_built(tmp_path, image):
    def build() -> TargetModel:
        return TargetModel(
            torchvision.models.resnet18(), feature_node="layer4", pooling=lambda x: x.mean(dim=(2, 3)), normalise=True
        )

    target = build()
    target.image_input = ImageInput(96, 48)
    save_target(target, tmp_path / "mine.pt")
    loaded = load_target(tmp_path / "mine.pt", target=build())
    assert torch.equal(loaded(image).embedding, target.eval()(image).embedding)
    assert loaded.image_input.size == (96, 48)
    with pytest.raises(ValueError, match="does not build; build it and pass it as target="):
        load_target(tmp_path / "mine.pt")


def test_weights_of_another_network_name_the_keys(tmp_path):
    save_target(thin_network(**SMALL), tmp_path / "target.pt")
    other = thin_network(**(SMALL | {"widths": (4, 6, 8, 12), "depths": (1, 2, 1)}))
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is looked at below
        load_target(tmp_path, target=other)
    message = str(caught.value)
    assert "missing ['backbone.stage2.1.bn1.bias'" in message
    assert "left over none" in message
    assert "backbone.stage3.0.conv2.weight [10, 10, 3, 3] instead of [12, 12, 3, 3]" in message


def test_files_that_are_no_targets_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="finish the training"):
        load_target(tmp_path)
    (tmp_path / "target.pt").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"target\.pt cannot be read"):
        load_target(tmp_path)
    torch.save({"weights": 1}, tmp_path / "target.pt")
    with pytest.raises(ValueError, match="is no target of this library"):
        load_target(tmp_path)


def test_code_in_a_file_is_not_run(tmp_path):
    torch.save({"format": 1, "state": thin_network}, tmp_path / "target.pt")  # a pickled function
    with pytest.raises(ValueError, match="cannot be read"):
        load_target(tmp_path)
