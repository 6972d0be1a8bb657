"""The score that is taken apart: what it is for each model, what it leaves alone, and what stands in hidden places."""

from __future__ import annotations

import pytest
import torch

from whyreid.explain import FILLS, MatchingLogit, PairScore, TargetDistance, as_pair_score, filling, score_pairs
from whyreid.explain.pair_score import explaining, require_pairs
from whyreid.models import ImageInput, thin_network
from whyreid.models.qaconv_features import thin_qaconv
from whyreid.truth.known_evidence import patch_target

TINY = {"widths": (4, 4, 6, 6), "depths": (1, 1, 1), "image_size": (32, 16)}


def pictures(count: int, *, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, 3, 32, 16, generator=torch.Generator().manual_seed(seed))


def test_distance_of_a_euclidean_target_is_that_of_its_embeddings():
    target = patch_target(slice(0, 8), slice(0, 8), size=(32, 16))
    query, gallery = pictures(3), pictures(3, seed=1)
    expected = (target(query).embedding - target(gallery).embedding).norm(dim=1)
    torch.testing.assert_close(score_pairs(TargetDistance(target), query, gallery), expected)


def test_square_of_a_cosine_target_is_twice_its_cosine_distance():
    target = thin_network(**TINY).eval()
    query, gallery = pictures(3), pictures(3, seed=1)
    with torch.no_grad():
        cosine = torch.cosine_similarity(target(query).embedding, target(gallery).embedding)
    found = score_pairs(TargetDistance(target, squared=True), query, gallery)
    torch.testing.assert_close(found, 2 * (1 - cosine), rtol=1e-4, atol=1e-5)


def test_matching_logit_is_the_matchers_own():
    model = thin_qaconv(neck=4, **TINY).eval()
    query, gallery = pictures(3), pictures(3, seed=1)
    with torch.no_grad():
        expected = model.matcher(model(query), model(gallery)).diagonal()
    torch.testing.assert_close(score_pairs(MatchingLogit(model), query, gallery), expected)


def test_the_score_does_not_depend_on_the_batch_size():
    target = thin_network(**TINY)
    query, gallery = pictures(5), pictures(5, seed=1)
    scores = [score_pairs(as_pair_score(target), query, gallery, batch_size=size) for size in (2, 64)]
    torch.testing.assert_close(scores[0], scores[1])


def test_the_gradient_of_a_pair_at_distance_zero_is_zero():
    score = TargetDistance(patch_target(slice(0, 8), slice(0, 8), size=(32, 16)))
    image = pictures(1).requires_grad_()
    score.compare(score.represent(image), score.represent(image.detach())).sum().backward()
    assert image.grad is not None
    assert not image.grad.any()


def test_training_flags_and_gradients_come_back_also_after_an_error():
    target = thin_network(**TINY).train()
    target.neck.eval()
    next(target.parameters()).requires_grad_(False)
    flags = {name: part.training for name, part in target.named_modules()}
    wanted = [parameter.requires_grad for parameter in target.parameters()]
    with explaining(as_pair_score(target)):
        assert not any(part.training for part in target.modules())
        assert not any(parameter.requires_grad for parameter in target.parameters())
    with pytest.raises(RuntimeError, match="channels"), explaining(as_pair_score(target)):
        target(torch.zeros(1, 4, 32, 16))
    assert {name: part.training for name, part in target.named_modules()} == flags
    assert [parameter.requires_grad for parameter in target.parameters()] == wanted


def test_anything_with_the_members_is_a_score():
    score = TargetDistance(thin_network(**TINY))
    assert isinstance(score, PairScore)
    assert as_pair_score(score) is score
    with pytest.raises(TypeError, match="wrap a network in TargetModel"):
        as_pair_score(torch.nn.Identity())


@pytest.mark.parametrize(
    ("query", "gallery", "message"),
    [
        (torch.zeros(2, 3, 4, 4), torch.zeros(3, 3, 4, 4), "one picture a pair"),
        (torch.zeros(0, 3, 4, 4), torch.zeros(0, 3, 4, 4), "one picture a pair"),
        (torch.zeros(3, 4, 4), torch.zeros(3, 4, 4), r"must be \[P, 3, H, W\]"),
    ],
)
def test_pictures_that_are_no_pairs_are_refused(query, gallery, message):
    with pytest.raises(ValueError, match=message):
        require_pairs(as_pair_score(thin_network(**TINY)), query, gallery)


def test_grey_is_the_same_colour_under_every_normalisation():
    raw = ImageInput(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    images = pictures(2)
    torch.testing.assert_close(filling(images, "mean", raw)[0, :, 3, 4], torch.tensor(ImageInput().mean))
    assert not filling(images, "mean", ImageInput()).any()


def test_blur_keeps_the_colours_and_loses_the_details():
    images = pictures(2)
    blurred = filling(images, "blur", ImageInput())
    torch.testing.assert_close(blurred.mean(dim=(2, 3)), images.mean(dim=(2, 3)), rtol=0, atol=0.15)
    assert (blurred.std(dim=(2, 3)) < 0.6 * images.std(dim=(2, 3))).all()
    plain = torch.full((1, 3, 32, 16), 0.4)
    torch.testing.assert_close(filling(plain, "blur", ImageInput()), plain)


def test_every_fill_works_on_the_smallest_picture_and_others_are_refused():
    for fill in FILLS:
        assert filling(torch.ones(1, 3, 1, 1), fill, ImageInput()).shape == (1, 3, 1, 1)
    with pytest.raises(ValueError, match="mean, blur"):
        filling(torch.ones(1, 3, 2, 2), "black", ImageInput())
