from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from whyreid.data import ReIDTable, hold_out_validation


def training_table(identities: int) -> ReIDTable:
    """Two pictures of each training identity, numbered 10, 20, ..., and one test identity."""
    rows = [
        (f"{pid}_{camid}.png", pid, camid, "train") for pid in range(10, 10 * identities + 10, 10) for camid in (0, 1)
    ]
    rows += [("q.png", 5, 0, "query"), ("g.png", 5, 1, "gallery")]
    return ReIDTable("t", Path("x"), pd.DataFrame(rows, columns=["path", "pid", "camid", "split"]))


def identities(table: ReIDTable, split: str) -> set[int]:
    return set(table.images.loc[table.images["split"] == split, "pid"])


@pytest.mark.parametrize(("people", "fraction", "held_out"), [(20, 0.2, 4), (5, 0.2, 1), (2, 0.01, 1), (3, 0.99, 2)])
def test_the_fraction_counts_identities_and_is_never_none_or_all(people, fraction, held_out):
    split = hold_out_validation(training_table(people), fraction=fraction)
    assert len(identities(split, "val")) == held_out
    assert len(identities(split, "train")) == people - held_out


def test_validation_identities_are_disjoint_and_take_all_their_pictures_along():
    whole = training_table(20)
    split = hold_out_validation(whole)
    assert identities(split, "val").isdisjoint(identities(split, "train"))
    assert identities(split, "val") | identities(split, "train") == identities(whole, "train")
    assert (split.images["split"] == "val").sum() == 2 * 4


def test_test_pictures_and_everything_else_stay_as_they_are():
    whole, split = training_table(20), hold_out_validation(training_table(20))
    pd.testing.assert_frame_equal(split.images.drop(columns="split"), whole.images.drop(columns="split"))
    assert split.images["split"].tolist()[-2:] == ["query", "gallery"]
    assert (whole.images["split"] == "val").sum() == 0


def test_the_seed_decides_and_the_order_of_rows_does_not():
    whole = training_table(40)
    turned = ReIDTable("t", Path("x"), whole.images.iloc[::-1])
    first = identities(hold_out_validation(whole, seed=1), "val")
    assert identities(hold_out_validation(turned, seed=1), "val") == first
    assert identities(hold_out_validation(whole, seed=2), "val") != first


def test_a_table_that_brings_its_validation_identities_keeps_them():
    split = hold_out_validation(training_table(20), seed=3)
    assert hold_out_validation(split, fraction=0.5, seed=4) is split


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 20])
def test_fractions_that_are_none_are_refused(fraction):
    with pytest.raises(ValueError, match="fraction must be above 0 and below 1"):
        hold_out_validation(training_table(20), fraction=fraction)


def test_one_identity_cannot_be_divided():
    with pytest.raises(ValueError, match="at least 2 identities to hold some out, got 1"):
        hold_out_validation(training_table(1))
