from __future__ import annotations

import pytest
import torch

from whyreid.data.loading import ImageStore
from whyreid.models import Interpreter
from whyreid.training import attention_means


@pytest.fixture
def interpreter(make_target):
    return Interpreter(make_target(0), 3, share_until="stage1", hidden_channels=8)


@pytest.fixture
def labels(stripes, generator):
    drawn = torch.rand(len(stripes), 3, generator=generator) < 0.5
    drawn[:, 2] = False
    return drawn


def test_means_equal_a_loop_over_pictures(interpreter, stripes, labels):
    found = attention_means(interpreter, stripes, labels, device="cpu", batch_size=7)
    interpreter.eval()
    images = ImageStore(stripes, (32, 16)).fetch(torch.arange(len(stripes)))
    with torch.no_grad():
        maps = interpreter(interpreter.target.image_input.prepare(images)).attention
    for k in range(2):
        torch.testing.assert_close(found.present[k], maps[labels[:, k], k].mean(dim=0), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(found.absent[k], maps[~labels[:, k], k].mean(dim=0), rtol=1e-4, atol=1e-5)
    assert torch.equal(found.num_present, labels.sum(dim=0))


def test_an_attribute_that_nobody_has_leaves_no_number(interpreter, stripes, labels):
    found = attention_means(interpreter, stripes, labels, device="cpu")
    assert bool(found.present[2].isnan().all())
    assert bool(found.absent[2].isfinite().all())


def test_training_flags_come_back(interpreter, stripes, labels):
    interpreter.train()
    flags = [part.training for part in interpreter.modules()]
    attention_means(interpreter, stripes, labels, device="cpu")
    assert [part.training for part in interpreter.modules()] == flags


def test_labels_of_another_shape_are_refused(interpreter, stripes, labels):
    with pytest.raises(ValueError, match="pictures x attributes"):
        attention_means(interpreter, stripes, labels[:, :2], device="cpu")
    with pytest.raises(TypeError, match="labels > 0"):
        attention_means(interpreter, stripes, labels.int(), device="cpu")
