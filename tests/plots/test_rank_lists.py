from __future__ import annotations

import pandas as pd
import pytest
import torch
from matplotlib.colors import to_rgba

from whyreid.data import ReIDTable
from whyreid.plots import MATCH_COLOUR, NON_MATCH_COLOUR, RankListRow, rank_list_figure, rank_list_rows
from whyreid.retrieval import RankList, rank_gallery


def visible_spines(axes):
    return [spine for spine in axes.spines.values() if spine.get_visible()]


def test_matches_are_solid_and_green_others_dashed_and_orange(pictures):
    row = RankListRow(pictures[0], pictures[1:3], [True, False], [0.1, 0.25], label="id 7")
    query, match, other = rank_list_figure([row]).axes
    assert query.get_ylabel() == "id 7"
    assert {spine.get_edgecolor() for spine in visible_spines(match)} == {to_rgba(MATCH_COLOUR)}
    assert {spine.get_edgecolor() for spine in visible_spines(other)} == {to_rgba(NON_MATCH_COLOUR)}
    assert {spine.get_linestyle() for spine in visible_spines(match)} == {"solid"}
    assert {spine.get_linestyle() for spine in visible_spines(other)} != {"solid"}
    assert [match.get_title(), other.get_title()] == ["1: 0.10", "2: 0.25"]


def test_a_shorter_list_leaves_its_last_places_empty(pictures):
    long = RankListRow(pictures[0], pictures[1:4], [True] * 3, [0.1, 0.2, 0.3])
    short = RankListRow(pictures[4], pictures[5:6], [False], [0.4])
    axes = rank_list_figure([long, short]).axes
    assert len(axes) == 8
    assert [bool(a.images) for a in axes[4:]] == [True, True, False, False]


def test_lists_of_unequal_length_are_refused(pictures):
    with pytest.raises(ValueError, match="one entry a rank"):
        RankListRow(pictures[0], pictures[1:3], [True], [0.1, 0.2])


def test_no_rows_are_refused():
    with pytest.raises(ValueError, match="at least one rank list"):
        rank_list_figure([])


@pytest.fixture
def tables(pictures):
    """One query and two gallery pictures: the query's person, then another."""

    def table(first, pids, split):
        paths = [path.name for path in pictures[first : first + len(pids)]]
        images = pd.DataFrame({"path": paths, "pid": pids, "camid": first, "time": None, "split": split})
        return ReIDTable("tiny", pictures[0].parent, images)

    return table(0, [7], "query"), table(1, [8, 7], "gallery")


def test_rows_follow_the_ranking_without_its_padding(tables, pictures):
    query, gallery = tables
    people = query.pids, gallery.pids, query.camids, gallery.camids
    ranked = rank_gallery(torch.tensor([[0.4, 0.2]]), *people, top_k=5)
    (row,) = rank_list_rows(query, gallery, ranked, [0])
    assert row.gallery == [pictures[2], pictures[1]]
    assert row.matches == [True, False]
    assert row.distances == pytest.approx([0.2, 0.4])
    assert row.label == "id 7\ncamera 0"


def test_rankings_of_other_tables_are_refused(tables):
    query, gallery = tables
    ranked = RankList(torch.tensor([[2]]), torch.tensor([[0.1]]), torch.tensor([[True]]))
    with pytest.raises(ValueError, match="1 queries, 2 gallery pictures"):
        rank_list_rows(query, gallery, ranked, [0])
