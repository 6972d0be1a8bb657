from __future__ import annotations

import pytest
import torch

from whyreid.models import AttributeClassifier


def test_probability_is_the_sigmoid_of_one_matrix_product(generator):
    classifier = AttributeClassifier(6, 3)
    torch.nn.init.normal_(classifier.weight, generator=generator)
    embeddings = torch.randn(4, 6, generator=generator)
    assert classifier.weight.shape == (3, 6)
    torch.testing.assert_close(classifier.logits(embeddings), embeddings @ classifier.weight.T)
    torch.testing.assert_close(classifier(embeddings), torch.sigmoid(embeddings @ classifier.weight.T))


def test_there_is_no_bias():
    assert [name for name, _ in AttributeClassifier(6, 3).named_parameters()] == ["weight"]
    assert (AttributeClassifier(6, 3)(torch.zeros(2, 6)) == 0.5).all()


def test_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match=r"embeddings must be \[N, 6\], got \[2, 5\]"):
        AttributeClassifier(6, 3)(torch.zeros(2, 5))
    with pytest.raises(ValueError, match=r"at least 1, got 0 and 3"):
        AttributeClassifier(0, 3)
