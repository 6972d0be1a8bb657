"""Which pairs are asked about."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from whyreid.models.target import ImageInput
from whyreid.pedestrians import GROUPS, differing_groups, read_identities
from whyreid.truth.counterfactual_pairs import impostor_pairs, join_pairs, random_pairs


@pytest.fixture(scope="module")
def tables(town):
    return town.select("query"), town.select("gallery")


@pytest.mark.parametrize("least", [3, 6])
def test_persons_of_a_pair_are_known_and_differ_in_enough_groups(tables, least):
    pairs = random_pairs(*tables, 20, seed=0, least_players=least)
    people = read_identities(pairs.query.root)
    assert len(pairs) == 20
    for q, g, players in zip(pairs.query_rows.tolist(), pairs.gallery_rows.tolist(), pairs.players(), strict=True):
        first, second = int(tables[0].pids[q]), int(tables[1].pids[g])
        assert first > 0
        assert second > 0
        assert players == differing_groups(people[first], people[second])
        assert len(players) >= least


def test_no_pair_is_drawn_twice_and_all_are_found_when_all_are_asked_for(tables):
    query, gallery = tables
    pairs = random_pairs(query, gallery, 10_000, seed=0)
    drawn = set(zip(pairs.query_rows.tolist(), pairs.gallery_rows.tolist(), strict=True))
    people = read_identities(query.root)
    expected = {
        (q, g)
        for q, first in enumerate(query.pids.tolist())
        for g, second in enumerate(gallery.pids.tolist())
        if second > 0 and len(differing_groups(people[first], people[second])) >= 3
    }
    assert len(drawn) == len(pairs)
    assert drawn == expected


def test_the_seed_decides_the_draw(tables):
    one, same, other = (random_pairs(*tables, 8, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(one.query_rows, same.query_rows)
    assert torch.equal(one.gallery_rows, same.gallery_rows)
    assert not torch.equal(one.query_rows, other.query_rows)


def test_impostors_come_from_the_lists(tables):
    query, gallery = tables
    ranking = torch.full((len(query), 4), -1)
    ranking[0], ranking[3] = torch.arange(4), torch.arange(4, 8)
    pairs = impostor_pairs(query, gallery, ranking, 100, seed=0, least_players=1)
    assert 0 < len(pairs) <= 8
    assert set(pairs.query_rows.tolist()) <= {0, 3}
    for q, g in zip(pairs.query_rows.tolist(), pairs.gallery_rows.tolist(), strict=True):
        assert g in ranking[q].tolist()
        assert gallery.pids[g] not in (0, query.pids[q])
    assert pairs.impostor.all()


def test_lists_without_impostors_give_no_pairs(tables):
    query, gallery = tables
    pairs = impostor_pairs(query, gallery, torch.full((len(query), 2), -1), 5, seed=0)
    assert len(pairs) == 0
    assert pairs.differs().shape == (0, len(GROUPS))
    assert pairs.families().shape == (0, 2)


def test_joined_pairs_keep_their_kind(tables):
    query, gallery = tables
    ranking = torch.arange(len(gallery)).expand(len(query), -1)
    both = join_pairs(random_pairs(*tables, 2, seed=0), impostor_pairs(*tables, ranking, 3, seed=0))
    assert both.impostor.tolist() == [False, False, True, True, True]
    assert len(both.take(both.impostor)) == 3


def test_pictures_and_masks_are_those_of_the_rows(tables):
    pairs = random_pairs(*tables, 2, seed=0)
    input_ = ImageInput(64, 32)
    first, second = pairs.pictures(input_)
    assert first.shape == second.shape == (2, 3, 64, 32)
    again, _ = pairs.take(torch.tensor([1])).pictures(input_)
    assert torch.equal(again[0], first[1])
    assert [mask.shape for mask in pairs.masks()] == [(2, 64, 32), (2, 64, 32)]


def test_who_has_no_look_alike_is_a_family_of_one(tables):
    pairs = random_pairs(*tables, 30, seed=0)
    for (first, second), (one, other) in zip(pairs.families().tolist(), pairs.persons(), strict=True):
        assert first <= one.person
        assert second <= other.person
        assert first > 0
        assert second > 0


def test_only_rendered_tables_can_be_paired(tables):
    query, gallery = tables
    plain = dataclasses.replace(query, images=query.images.drop(columns="person"))
    with pytest.raises(ValueError, match=r"must be rendered, got no column person"):
        random_pairs(plain, gallery, 2, seed=0)
    with pytest.raises(ValueError, match=r"ranking must be \[\d+, k\], one row a query"):
        impostor_pairs(query, gallery, torch.zeros(2, 3), 2, seed=0)
