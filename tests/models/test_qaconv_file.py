"""QAConv files: a round trip, the authors' checkpoints in all their layouts, refusals that name the cause."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import nn

from whyreid.losses import ClassMemory
from whyreid.models import TargetModel, qaconv_from_target, resnet50_qaconv, thin_qaconv
from whyreid.models.qaconv_file import load_published_qaconv, load_qaconv, save_qaconv


def trained(model, seed: int = 0):
    """Every number moved away from its start."""
    generator = torch.Generator().manual_seed(seed)
    for value in model.state_dict().values():
        if value.is_floating_point():
            value.add_(0.01 * torch.rand(value.shape, generator=generator))
    return model.eval()


def published_checkpoint(model, *, version: str) -> dict[str, object]:
    """The layout that the authors' code writes: the whole ResNet under "base", the matcher alone or inside a loss."""
    extractor = {**model.features.state_dict()}
    rest = torchvision.models.resnet50().state_dict()
    extractor.update({f"base.{key}": value for key, value in rest.items() if key.startswith(("layer4", "fc"))})
    if version == "2.1":
        criterion = {f"matcher.{key}": value for key, value in model.matcher.state_dict().items()}
    else:
        memory = ClassMemory(model.matcher, 5, *model.features.neck_conv.weight.shape[:1], 4, 2).state_dict()
        criterion = {key.removeprefix("matcher."): value for key, value in memory.items()}
    return {"model": extractor, "criterion": criterion, "optim": {"param_groups": []}, "epoch": 7, "base_loss": 1.5}


@pytest.mark.parametrize("version", ["1.0", "2.0", "2.1"])
def test_a_file_gives_the_same_maps_and_logits_again(tmp_path, version):
    model = trained(thin_qaconv(version=version, image_size=(64, 32), neck=8, widths=(8, 8, 8, 8)))
    save_qaconv(model, tmp_path / "qaconv.pt")
    again = load_qaconv(tmp_path / "qaconv.pt")
    images = torch.rand(3, 3, 64, 32)
    assert torch.equal(again(images), model(images))
    assert torch.equal(again.matcher(again(images), again(images)), model.matcher(model(images), model(images)))
    assert (again.image_input, again.training) == (model.image_input, False)
    assert again.features.frozen_statistics == model.features.frozen_statistics


def test_weights_of_a_network_of_the_user_need_the_network(tmp_path):
    target = TargetModel(nn.Conv2d(3, 4, 8, 8), feature_node=None, pooling=lambda x: x.mean((2, 3)))
    model = trained(qaconv_from_target(target, neck=4))
    save_qaconv(model, tmp_path / "qaconv.pt")
    with pytest.raises(ValueError, match="build it and pass it as model="):
        load_qaconv(tmp_path / "qaconv.pt")
    again = load_qaconv(tmp_path / "qaconv.pt", model=qaconv_from_target(target, neck=4, seed=1))
    assert all(torch.equal(value, again.state_dict()[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("version", ["1.0", "2.1"])
def test_checkpoints_of_the_authors_load(tmp_path, version, prefix):
    model = trained(resnet50_qaconv(version=version, image_size=(64, 32), seed=1))
    content = published_checkpoint(model, version=version)
    for part in ("model", "criterion"):
        content[part] = {prefix + key: value for key, value in content[part].items()}
    torch.save(content, tmp_path / "checkpoint.pth.tar")
    again = load_published_qaconv(
        tmp_path / "checkpoint.pth.tar", resnet50_qaconv(version=version, image_size=(64, 32), seed=2)
    )
    assert all(torch.equal(value, again.state_dict()[key]) for key, value in model.state_dict().items())
    assert not again.training


def test_a_checkpoint_of_another_version_names_the_keys(tmp_path):
    model = resnet50_qaconv(version="1.0", image_size=(64, 32))
    torch.save(published_checkpoint(model, version="1.0"), tmp_path / "checkpoint.pth.tar")
    with pytest.raises(ValueError, match=r"missing \['neck_conv.bias'\]; left over \['neck_bn.bias'"):
        load_published_qaconv(tmp_path / "checkpoint.pth.tar", resnet50_qaconv(version="2.1", image_size=(64, 32)))


def test_other_files_are_refused_with_the_way_out(tmp_path):
    model = thin_qaconv(image_size=(64, 32), neck=8, widths=(8, 8, 8, 8))
    with pytest.raises(FileNotFoundError, match="train QAConv first"):
        load_qaconv(tmp_path / "qaconv.pt")
    (tmp_path / "torn.pt").write_bytes(b"half a file")
    with pytest.raises(ValueError, match=r"torn\.pt cannot be read"):
        load_qaconv(tmp_path / "torn.pt")
    torch.save({"model": {}, "criterion": {}}, tmp_path / "published.pt")
    with pytest.raises(ValueError, match="needs load_published_qaconv"):
        load_qaconv(tmp_path / "published.pt")
    save_qaconv(model, tmp_path / "own.pt")
    with pytest.raises(ValueError, match="must hold model and criterion"):
        load_published_qaconv(tmp_path / "own.pt", model)
    torch.save([1], tmp_path / "list.pt")
    with pytest.raises(ValueError, match="holds list, no weights of QAConv"):
        load_qaconv(tmp_path / "list.pt")
