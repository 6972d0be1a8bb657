"""Numbers as tables and sentences print them."""

from __future__ import annotations

import pandas as pd
import pytest

from whyreid.study.in_words import mean_in_words, means_in_words, points_in_words, seeds_in_words


def test_a_mean_has_its_deviation_only_where_there_is_one():
    nothing = float("nan")
    assert means_in_words([71.94, 71.94, nothing], [0.26, nothing, nothing]) == ["71.9 ± 0.3", "71.9", "–"]
    assert mean_in_words(-0.456, 0.1, digits=2) == "-0.46 ± 0.10"
    assert mean_in_words(54.6, 2.4, digits=0) == "55 ± 2"


def test_what_rounds_to_zero_has_no_minus():
    assert mean_in_words(-0.04, 0.7) == "0.0 ± 0.7"


def test_means_without_their_deviations_are_refused():
    with pytest.raises(ValueError, match="shorter"):
        means_in_words([1.0, 2.0], [0.1])


def test_seeds_are_counted_from_the_fewest_to_the_most():
    def counted(*seeds: int) -> str:
        return seeds_in_words(pd.DataFrame({("seeds", "n"): list(seeds)}))

    assert [counted(), counted(1), counted(2, 2), counted(1, 3)] == ["no seed", "1 seed", "2 seeds", "1 to 3 seeds"]


def test_a_difference_says_its_side():
    assert (points_in_words(1.46), points_in_words(-0.7)) == ("1.5 points above", "0.7 points below")
