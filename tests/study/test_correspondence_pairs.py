from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import torch

from whyreid.data import ReIDTable
from whyreid.study.correspondence_pairs import ANY_VIEW, OTHER, SAME, correspondence_pairs, example_pairs, turn_between


def make_table(split: str, *, headings: bool = True) -> ReIDTable:
    """Eight people, each seen by three cameras, walking in another direction at each."""
    rows = [
        (f"{split}{pid}_{camid}.png", pid, camid, split, (0.02 + 0.2 * camid * pid) % 1)
        for pid in range(1, 9)
        for camid in range(3)
    ]
    frame = pd.DataFrame(rows, columns=["path", "pid", "camid", "split", "heading"])
    return ReIDTable("town", Path(), frame if headings else frame.drop(columns="heading"))


@pytest.fixture
def sides() -> tuple[ReIDTable, ReIDTable]:
    return make_table("query"), make_table("gallery")


def headed(*headings: float) -> ReIDTable:
    rows = [(f"{n}.png", n + 1, 0, "query", value) for n, value in enumerate(headings)]
    return ReIDTable("town", Path(), pd.DataFrame(rows, columns=["path", "pid", "camid", "split", "heading"]))


def test_turns_are_the_smaller_angle():
    turn = turn_between(headed(0.0, 0.9), headed(0.25, 0.5, 0.1, -0.1))
    assert turn is not None
    # 0.9 and 0.1 turns are 0.2 turns apart, across zero; -0.1 is 0.9
    torch.testing.assert_close(turn, torch.tensor([[90, 180, 36, 36], [126, 144, 72, 0.0]], dtype=torch.float64))


def test_pairs_are_of_other_cameras_and_as_turned_as_their_class_says(sides):
    query, gallery = sides
    pairs = correspondence_pairs(query, gallery, per_view=5)
    turn = turn_between(query, gallery)
    assert turn is not None
    limits = {"same side": (0, 60), "quarter turn": (60, 120), "other side": (120, 180)}
    for row in pairs.itertuples():
        assert (query.pids[row.query] == gallery.pids[row.gallery]) == (row.persons == SAME)
        assert query.camids[row.query] != gallery.camids[row.gallery]
        least, most = limits[row.view]
        assert least <= float(turn[row.query, row.gallery]) <= most
    assert (pairs[pairs["persons"] == SAME]["view"].value_counts() == 5).all()


def test_two_persons_differ_from_one_in_the_person_alone(sides):
    query, gallery = sides
    pairs = correspondence_pairs(query, gallery, per_view=5)
    one, two = (pairs[pairs["persons"] == persons].reset_index(drop=True) for persons in (SAME, OTHER))
    for row in two.itertuples():
        like = one[(one["query"] == row.query) & (one["view"] == row.view)]
        assert gallery.camids[row.gallery] in gallery.camids[like["gallery"].to_list()]


def test_pairs_are_the_same_for_a_seed_and_other_ones_for_another(sides):
    first, again, other = (correspondence_pairs(*sides, per_view=4, seed=seed) for seed in (0, 0, 1))
    assert first.equals(again)
    assert not first.equals(other)


def test_without_directions_there_is_one_class():
    pairs = correspondence_pairs(make_table("query", headings=False), make_table("gallery"), per_view=7)
    assert set(pairs["view"]) == {ANY_VIEW}
    assert (pairs["persons"] == SAME).sum() == 7


def test_distractors_are_in_no_pair(sides):
    query, gallery = sides
    images = gallery.images.copy()
    images.loc[images["pid"] <= 4, "pid"] = 0
    strangers = ReIDTable("town", Path(), images)
    pairs = correspondence_pairs(query, strangers, per_view=50)
    assert (strangers.pids[pairs["gallery"].to_list()] > 4).all()


def test_examples_are_the_first_persons_with_their_best_match_and_best_non_match(sides):
    query, gallery = sides
    logits = torch.zeros(len(query), len(gallery))
    own_camera = 0  # the first query is person 1 at camera 0; its own picture there does not count
    logits[0, own_camera], logits[0, 2], logits[0, 9], logits[0, 4] = 9.0, 5.0, 7.0, 6.0
    found = example_pairs(logits, query, gallery, persons=2)
    assert found["persons"].tolist() == [SAME, SAME, OTHER, OTHER]
    assert found["query"].tolist() == [0, 3, 0, 3]
    assert found.loc[[0, 2], "gallery"].tolist() == [2, 9]
    assert found.loc[[0, 2], "logit"].tolist() == [5.0, 7.0]


def test_persons_without_a_match_elsewhere_are_passed_over(sides):
    query, gallery = sides
    rest = gallery.take(gallery.pids != 1)
    found = example_pairs(torch.zeros(len(query), len(rest)), query, rest, persons=1)
    assert query.pids[found["query"].to_list()].tolist() == [2, 2]
