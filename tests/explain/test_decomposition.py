from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from torch import nn

from whyreid.explain import DecompositionExplainer, PairExplainer, explain_in_chunks, interpreter_distances
from whyreid.models import GeneralizedMeanPooling, Interpreter, TargetModel, attribute_distances, thin_network
from whyreid.models.target import ImageInput

NAMES = ("hat", "bag", "upred")


def small_interpreter(distance="cosine"):
    target = thin_network(widths=(4, 6, 8, 12), depths=(1, 1, 1), image_size=(32, 16))
    target.distance = distance
    with torch.no_grad():
        target.neck.running_mean.uniform_(0, 1)
    return Interpreter(target, 3, share_until="stage1")


@pytest.fixture
def pictures(generator):
    return torch.randn(4, 3, 32, 16, generator=generator), torch.randn(4, 3, 32, 16, generator=generator)


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
@pytest.mark.parametrize("over_attributes", ["mean", "sum"])
def test_contributions_are_the_attribute_distances_and_add_up_with_the_remainder(distance, over_attributes, pictures):
    interpreter = small_interpreter(distance).eval()
    explanation = DecompositionExplainer(interpreter, NAMES, over_attributes=over_attributes).explain(*pictures)
    first, second = (interpreter(images) for images in pictures)
    for pair in range(4):
        score = (first.embedding[pair] - second.embedding[pair]).norm()
        assert explanation.score[pair].item() == pytest.approx(score.item(), rel=1e-5)
        for k in range(3):
            d = (first.attribute_embeddings[pair, k] - second.attribute_embeddings[pair, k]).norm().item()
            expected = d / 3 if over_attributes == "mean" else d
            assert explanation.contributions[pair, k].item() == pytest.approx(expected, rel=1e-5)
    total = explanation.contributions.sum(dim=1) + explanation.remainder
    torch.testing.assert_close(total, explanation.score)
    assert explanation.kind == "distance"
    assert explanation.attributes == NAMES
    assert torch.equal(explanation.query_maps, first.attention)
    assert torch.equal(explanation.gallery_maps, second.attention)


def test_it_meets_the_protocol_and_chunks_equal_the_whole(pictures):
    explainer = DecompositionExplainer(small_interpreter(), NAMES)
    assert isinstance(explainer, PairExplainer)
    whole, parts = explainer.explain(*pictures), explain_in_chunks(explainer, *pictures, chunk=3)
    torch.testing.assert_close(parts.contributions, whole.contributions)
    torch.testing.assert_close(parts.gallery_maps, whole.gallery_maps)


def test_swapping_the_pictures_swaps_the_maps_only(pictures):
    explainer = DecompositionExplainer(small_interpreter(), NAMES)
    forth, back = explainer.explain(*pictures), explainer.explain(*reversed(pictures))
    torch.testing.assert_close(forth.contributions, back.contributions)
    assert torch.equal(forth.query_maps, back.gallery_maps)


def test_a_picture_against_itself_has_no_distance_and_no_contributions(pictures):
    explanation = DecompositionExplainer(small_interpreter(), NAMES).explain(pictures[0], pictures[0])
    assert float(explanation.score.abs().max()) == 0.0
    assert float(explanation.contributions.abs().max()) == 0.0


def test_training_flags_come_back_also_after_an_error(pictures):
    interpreter = small_interpreter().train()
    interpreter.own.head.eval()
    flags = [part.training for part in interpreter.modules()]
    explainer = DecompositionExplainer(interpreter, NAMES)
    explainer.explain(*pictures)
    assert [part.training for part in interpreter.modules()] == flags
    with pytest.raises(RuntimeError):
        explainer.explain(torch.zeros(1, 5, 32, 16), torch.zeros(1, 5, 32, 16))
    assert [part.training for part in interpreter.modules()] == flags


def test_explanations_carry_no_gradient(pictures):
    assert not DecompositionExplainer(small_interpreter(), NAMES).explain(*pictures).contributions.requires_grad


class TopHalf(nn.Module):
    """Attention for attribute 0 in the upper half of the map, for attribute 1 in the lower half."""

    def forward(self, activation):
        top = torch.where(torch.arange(64)[:, None] < 32, 0.0, -100.0).expand(64, 32)
        return torch.stack([top, -100.0 - top]).expand(len(activation), -1, -1, -1)


def test_planted_evidence_is_found(generator):
    """Pictures that differ in their upper half only: the attribute that attends there makes all of the distance."""
    network = nn.Conv2d(3, 8, 4, stride=4)
    pooling = GeneralizedMeanPooling(1.0)
    target = TargetModel(network, feature_node=None, pooling=pooling, image_input=ImageInput(256, 128))
    interpreter = Interpreter(target, 2, share_until=None)
    interpreter.own = TopHalf()
    query = torch.rand(3, 3, 256, 128, generator=generator)
    gallery = query.clone()
    gallery[:, :, :128] = torch.rand(3, 3, 128, 128, generator=generator)
    explanation = DecompositionExplainer(interpreter, ("upper", "lower")).explain(query, gallery)
    assert float(explanation.contributions[:, 1].max()) < 1e-6
    torch.testing.assert_close(explanation.contributions[:, 0] * 2, explanation.score, rtol=1e-3, atol=1e-6)
    assert float(explanation.query_maps[:, 0, :32].min()) == 1.0
    assert float(explanation.query_maps[:, 0, 32:].max()) < 1e-6


def test_randomised_weights_change_the_maps(pictures):
    interpreter = small_interpreter()
    before = DecompositionExplainer(interpreter, NAMES).explain(*pictures).query_maps
    with torch.no_grad():
        for parameter in interpreter.own.parameters():
            parameter.normal_(std=0.3)
    assert not torch.allclose(DecompositionExplainer(interpreter, NAMES).explain(*pictures).query_maps, before)


@pytest.mark.parametrize("over_attributes", ["mean", "sum"])
@pytest.mark.parametrize("query_chunk", [1, 4, 64])
def test_streamed_distances_equal_the_whole_matrix(over_attributes, query_chunk, generator, monkeypatch):
    monkeypatch.setattr(sys.modules["whyreid.models.attribute_distances"], "GALLERY_BLOCK", 3)
    x, y = torch.randn(5, 4, 6, generator=generator), torch.randn(8, 4, 6, generator=generator)
    parts = attribute_distances(x.double(), y.double())
    expected = (parts.mean(dim=2) if over_attributes == "mean" else parts.sum(dim=2)).float()
    found = interpreter_distances(x, y, over_attributes=over_attributes, query_chunk=query_chunk)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_half_precision_embeddings_are_widened(generator):
    x = torch.randn(5, 4, 6, generator=generator).half()
    found = interpreter_distances(x, x.flip(0))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, interpreter_distances(x.float(), x.float().flip(0)), rtol=1e-3, atol=1e-2)


def test_wrong_input_is_refused_with_the_fix(pictures):
    interpreter = small_interpreter()
    with pytest.raises(ValueError, match="attributes must be 3 names as the interpreter has maps, got 2"):
        DecompositionExplainer(interpreter, ("hat", "bag"))
    with pytest.raises(ValueError, match='over_attributes must be "mean" or "sum"'):
        DecompositionExplainer(interpreter, NAMES, over_attributes="median")
    with pytest.raises(ValueError, match="one picture a pair"):
        DecompositionExplainer(interpreter, NAMES).explain(pictures[0], pictures[1][:2])
    with pytest.raises(TypeError, match=r"torch\.from_numpy\(query\)"):
        interpreter_distances(np.zeros((2, 3, 4)), torch.zeros(2, 3, 4))
    with pytest.raises(ValueError, match="query_chunk must be at least 1"):
        interpreter_distances(torch.zeros(2, 3, 4), torch.zeros(2, 3, 4), query_chunk=0)
