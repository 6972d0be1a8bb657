from __future__ import annotations

import pytest
import torch

from whyreid.explain import (
    AttributeErrorExplainer,
    PairExplainer,
    attribute_errors,
    comparable,
    error_composition,
    explain_in_chunks,
)
from whyreid.models import thin_network
from whyreid.retrieval import cosine_distances, euclidean_distances

NAMES = ("hat", "bag", "dress")


def parts(generator: torch.Generator):
    target = thin_network(widths=(4, 4, 8, 8), depths=(1, 1, 1), image_size=(32, 16)).eval()
    pictures = [torch.randn(4, 3, 32, 16, generator=generator) for _ in range(2)]
    return target, torch.randn(3, 8, generator=generator), *pictures


def test_it_is_an_explainer_and_agrees_with_the_functions(generator):
    target, weight, query, gallery = parts(generator)
    with torch.no_grad():
        vectors = [comparable(target(pictures).embedding, target.distance) for pictures in (query, gallery)]
    whole = {"composition": error_composition(*vectors, weight)[..., :3], "signed": attribute_errors(*vectors, weight)}
    for form, expected in whole.items():
        explainer = AttributeErrorExplainer(target, weight, NAMES, form=form)
        assert isinstance(explainer, PairExplainer)
        explanation = explain_in_chunks(explainer, query, gallery, chunk=3)
        pairs = torch.arange(4)
        torch.testing.assert_close(explanation.contributions, expected[pairs, pairs])
        assert explanation.kind == "squared_distance"


def test_score_is_twice_the_cosine_distance_of_a_cosine_target(generator):
    target, weight, query, gallery = parts(generator)
    explanation = AttributeErrorExplainer(target, weight, NAMES).explain(query, gallery)
    with torch.no_grad():
        expected = 2 * cosine_distances(target(query).embedding, target(gallery).embedding).diagonal()
    torch.testing.assert_close(explanation.score, expected, rtol=1e-4, atol=1e-6)


def test_score_is_the_squared_distance_of_a_euclidean_target(generator):
    target, weight, query, gallery = parts(generator)
    target.distance = "euclidean"
    explanation = AttributeErrorExplainer(target, weight, NAMES).explain(query, gallery)
    with torch.no_grad():
        expected = euclidean_distances(target(query).embedding, target(gallery).embedding).diagonal().square()
    torch.testing.assert_close(explanation.score, expected, rtol=1e-4, atol=1e-6)


def test_remainder_of_the_composition_is_what_no_attribute_claims(generator):
    target, weight, query, gallery = parts(generator)
    explanation = AttributeErrorExplainer(target, -weight.abs(), NAMES).explain(query, gallery)
    assert (explanation.contributions == 0).all()
    torch.testing.assert_close(explanation.remainder, explanation.score)


def test_swapping_the_pictures_changes_nothing(generator):
    target, weight, query, gallery = parts(generator)
    explainer = AttributeErrorExplainer(target, weight, NAMES)
    one, two = explainer.explain(query, gallery), explainer.explain(gallery, query)
    torch.testing.assert_close(one.contributions, two.contributions)


def test_training_flag_comes_back(generator):
    target, weight, query, gallery = parts(generator)
    target.train()
    statistics = target.neck.running_mean.clone()
    AttributeErrorExplainer(target, weight, NAMES).explain(query, gallery)
    assert target.training
    assert torch.equal(target.neck.running_mean, statistics)


def test_wrong_inputs_are_refused(generator):
    target, weight, _, _ = parts(generator)
    with pytest.raises(ValueError, match=r"weight must be \[2, D\], one row a name, got \[3, 8\]"):
        AttributeErrorExplainer(target, weight, NAMES[:2])
    with pytest.raises(ValueError, match=r'form must be "signed" or "composition"'):
        AttributeErrorExplainer(target, weight, NAMES, form="pie")
