from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from whyreid.explain import PairExplainer, PairExplanation, explain_in_chunks, join_explanations


def explanation(pairs: int = 3, *, dtype: torch.dtype = torch.float32, seed: int = 0) -> PairExplanation:
    generator = torch.Generator().manual_seed(seed)
    return PairExplanation.from_contributions(
        torch.rand(pairs, generator=generator).to(dtype) + 1,
        torch.randn(pairs, 2, generator=generator).to(dtype),
        kind="distance",
        attributes=("hat", "bag"),
        query_maps=torch.randn(pairs, 2, 4, 2, generator=generator),
        gallery_maps=torch.randn(pairs, 1, 8, 4, generator=generator),
    )


class ChannelGap:
    """Explains the sum of channel-wise gaps of two pictures' means; one attribute a channel."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def explain(self, query: Tensor, gallery: Tensor) -> PairExplanation:
        self.calls.append(len(query))
        gap = (query - gallery).mean(dim=(2, 3)).abs()
        return PairExplanation.from_contributions(
            gap.sum(dim=1), gap, kind="distance", attributes=("red", "green", "blue")
        )


def test_remainder_is_what_contributions_leave():
    # 5 - (1.5 - 0.5) = 4; 0 - (2 + 1) = -3
    made = PairExplanation.from_contributions(
        torch.tensor([5.0, 0.0]), torch.tensor([[1.5, -0.5], [2.0, 1.0]]), kind="similarity", attributes=["a", "b"]
    )
    assert made.remainder.tolist() == [4.0, -3.0]
    assert made.attributes == ("a", "b")
    assert len(made) == 2


def test_shares_are_signed_and_count_the_remainder():
    # |3| + |-1| + |remainder 4| = 8
    made = PairExplanation.from_contributions(
        torch.tensor([6.0, 0.0]), torch.tensor([[3.0, -1.0], [0.0, 0.0]]), kind="distance", attributes=("a", "b")
    )
    assert made.shares().tolist() == [[0.375, -0.125], [0.0, 0.0]]


@pytest.mark.parametrize(
    ("kind", "expected"), [("distance", "lower"), ("squared_distance", "lower"), ("similarity", "higher")]
)
def test_kind_says_which_way_is_closer(kind, expected):
    assert replace(explanation(), kind=kind).closer_is == expected


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_rounding_of_the_dtype_is_forgiven(dtype):
    assert explanation(64, dtype=dtype).score.dtype == dtype


def test_a_sum_off_by_a_thousandth_is_refused():
    good = explanation(dtype=torch.float64)
    with pytest.raises(ValueError, match=r"add up to the score.*pair 1.*from_contributions"):
        replace(good, score=good.score + torch.tensor([0.0, 1e-3, 0.0], dtype=torch.float64))


def test_maps_alone_are_an_explanation_without_attributes():
    score = torch.tensor([1.0, 2.0])
    made = PairExplanation(score, "similarity", None, torch.zeros(2, 1, 4, 2), None, (), score)
    with pytest.raises(ValueError, match=r"shares need contributions"):
        made.shares()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "angle"}, r"kind must be one of distance, .*got 'angle'"),
        ({"score": torch.ones(3, 1)}, r"score must be \[P\], got \[3, 1\]"),
        ({"score": torch.tensor([1.0, float("nan"), 1.0])}, r"score must be finite"),
        ({"remainder": torch.ones(2)}, r"remainder must be \[3\] as score is, got \[2\]"),
        ({"contributions": torch.ones(3, 3)}, r"contributions must be \[3, 2\].*got \[3, 3\]"),
        ({"attributes": ("hat",)}, r"contributions must be \[3, 1\].*got \[3, 2\]"),
        ({"contributions": None}, r"attributes must be empty without contributions"),
        ({"query_maps": torch.ones(3, 3, 4, 2)}, r"query_maps must be \[3, 1 or 2, h, w\], got \[3, 3, 4, 2\]"),
        ({"gallery_maps": torch.ones(2, 1, 4, 2)}, r"gallery_maps must be \[3, 1 or 2, h, w\]"),
        ({"gallery_maps": torch.full((3, 1, 4, 2), float("inf"))}, r"gallery_maps must be finite"),
    ],
)
def test_contradictions_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(explanation(), **change)


def test_numpy_and_integers_are_refused_with_the_fix():
    with pytest.raises(TypeError, match=r"torch.from_numpy\(contributions\)"):
        replace(explanation(), contributions=explanation().contributions.numpy())
    with pytest.raises(TypeError, match=r"remainder must hold floating-point numbers.*\.float\(\)"):
        replace(explanation(), remainder=torch.ones(3, dtype=torch.int64))


def test_any_object_with_explain_is_an_explainer():
    assert isinstance(ChannelGap(), PairExplainer)
    assert not isinstance(object(), PairExplainer)


@pytest.mark.parametrize("chunk", [1, 2, 5, 100])
def test_chunks_change_nothing(chunk, generator):
    query, gallery = torch.rand(5, 3, 8, 4, generator=generator), torch.rand(5, 3, 8, 4, generator=generator)
    whole, explainer = ChannelGap().explain(query, gallery), ChannelGap()
    parts = explain_in_chunks(explainer, query, gallery, chunk=chunk)
    assert max(explainer.calls) <= chunk
    torch.testing.assert_close(parts.contributions, whole.contributions)
    torch.testing.assert_close(parts.remainder, whole.remainder)


def test_chunked_explanation_refuses_unequal_numbers_of_pictures():
    with pytest.raises(ValueError, match=r"one picture a pair.*got 2 and 3 pictures"):
        explain_in_chunks(ChannelGap(), torch.zeros(2, 3, 4, 4), torch.zeros(3, 3, 4, 4))


def test_joining_keeps_order_and_maps():
    one, two = explanation(2, seed=1), explanation(3, seed=2)
    joined = join_explanations([one, two])
    assert joined.score.tolist() == one.score.tolist() + two.score.tolist()
    assert joined.query_maps.shape == (5, 2, 4, 2)


def test_joining_different_methods_is_refused():
    with pytest.raises(ValueError, match=r"share kind and attributes"):
        join_explanations([explanation(), replace(explanation(), kind="similarity")])
    with pytest.raises(ValueError, match=r"all have query_maps or all have none, got 1 of 2"):
        join_explanations([explanation(), replace(explanation(), query_maps=None)])
    with pytest.raises(ValueError, match=r"at least one explanation"):
        join_explanations([])
