from __future__ import annotations

import pytest
import torch

from whyreid.data.loading import ImageStore
from whyreid.models import Interpreter
from whyreid.training import embed_attributes, embed_images


@pytest.fixture
def interpreter(make_target):
    return Interpreter(make_target(0), 3, share_until="stage1", hidden_channels=8)


def test_rows_equal_the_interpreter_on_each_picture(interpreter, stripes):
    found = embed_attributes(interpreter, stripes, device="cpu", batch_size=7)
    interpreter.eval()
    images = ImageStore(stripes, (32, 16)).fetch(torch.arange(len(stripes)))
    for row in (0, 6, 7, len(stripes) - 1):
        expected = interpreter(interpreter.target.image_input.prepare(images[row : row + 1]))
        torch.testing.assert_close(found.embedding[row], expected.embedding[0], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(
            found.attribute_embeddings[row], expected.attribute_embeddings[0], rtol=1e-4, atol=1e-5
        )
        torch.testing.assert_close(found.mean_attention[row], expected.attention[0].mean(dim=(1, 2)))


def test_embedding_is_the_targets_own_at_length_one(interpreter, stripes):
    found = embed_attributes(interpreter, stripes, device="cpu")
    plain = embed_images(interpreter.target, stripes, device="cpu", flip=False)
    torch.testing.assert_close(found.embedding, torch.nn.functional.normalize(plain, dim=1), rtol=1e-4, atol=1e-5)


def test_training_flags_come_back_and_half_precision_is_kept_on_request(interpreter, stripes):
    interpreter.train()
    flags = [part.training for part in interpreter.modules()]
    found = embed_attributes(interpreter, stripes, device="cpu", dtype=torch.float16)
    assert found.attribute_embeddings.dtype == torch.float16
    assert found.attribute_embeddings.shape == (len(stripes), 3, 8)
    assert [part.training for part in interpreter.modules()] == flags
