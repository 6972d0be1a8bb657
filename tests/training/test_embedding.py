from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from whyreid.data.loading import ImageStore
from whyreid.models import TargetModel
from whyreid.training import embed_images


def test_rows_come_in_the_tables_order_in_any_chunk(stripes, target):
    whole = embed_images(target, stripes, device="cpu")
    assert whole.shape == (30, 8)
    assert (whole.dtype, whole.device.type) == (torch.float32, "cpu")
    torch.testing.assert_close(embed_images(target, stripes, device="cpu", batch_size=7), whole)


def test_it_is_the_models_embedding_in_evaluation_mode(stripes, target):
    images = target.image_input.prepare(ImageStore(stripes, (32, 16)).fetch(torch.arange(30)))
    with torch.inference_mode():
        target.eval()
        one, mirrored = target(images).embedding, target(images.flip(3)).embedding
    target.train()
    torch.testing.assert_close(embed_images(target, stripes, device="cpu", flip=False), one)
    torch.testing.assert_close(embed_images(target, stripes, device="cpu"), (one + mirrored) / 2)


def test_normalised_embeddings_stay_normalised_when_averaged(stripes, target):
    unit = TargetModel(
        target.backbone, feature_node=None, pooling=target.pooling, normalise=True, image_input=target.image_input
    )
    lengths = embed_images(unit, stripes, device="cpu").norm(dim=1)
    torch.testing.assert_close(lengths, torch.ones(30))


def test_training_flags_and_device_are_restored(stripes, target, device):
    target.train()
    target.neck.eval()  # as a frozen part would be
    embed_images(target, stripes, device=device)
    assert target.training
    assert target.backbone.stage3.training
    assert not target.neck.training
    assert next(target.parameters()).device.type == "cpu"


def test_running_statistics_are_not_touched(stripes, target):
    before = target.neck.running_mean.clone()
    embed_images(target.train(), stripes, device="cpu")
    assert torch.equal(target.neck.running_mean, before)


def test_embeddings_that_are_not_finite_name_their_pictures(stripes, target):
    with torch.no_grad():
        target.neck.weight.fill_(float("inf"))
    with pytest.raises(ValueError, match=r"30 embeddings are not finite.*0001_0\.png"):
        embed_images(target, stripes, device="cpu")


def test_an_absent_gpu_is_refused_with_the_fix(stripes, target):
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(ValueError, match='use device="auto" or "cpu"'):
        embed_images(target, stripes, device="cuda")


def test_unrelated_pictures_get_unrelated_embeddings(stripes, target):
    embeddings = F.normalize(embed_images(target, stripes, device="cpu") - 0.0, dim=1)
    assert (embeddings @ embeddings.T).min() < 0.999
