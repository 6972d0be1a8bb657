"""Faults planted in training data, and the shares by which explanations are judged on them."""

from __future__ import annotations

import dataclasses
import random

import numpy as np
import pandas as pd
import pytest
import torch

from whyreid.data.loading import read_image
from whyreid.explain.pair import PairExplanation
from whyreid.pedestrians import (
    GROUPS,
    Correlation,
    Part,
    Preset,
    read_identities,
    read_masks,
    read_shots,
    render_promenade,
)
from whyreid.pedestrians.population import draw_values, group_distributions
from whyreid.study import planted_fault_claim
from whyreid.study.colour_blind_table import write_colour_blind_table
from whyreid.study.planted_fault import ENDPOINTS, FAULTS, compare, faulty_subject
from whyreid.study.planted_fault_claim import (
    confirmation_table,
    planted_fault_units,
    revelation_table,
    revelations,
)
from whyreid.study.planted_pairs import MOST_PLAYERS, PLANTED, planted_pairs
from whyreid.study.planted_shares import Shares, contribution_shares, grown, map_shares, true_shares
from whyreid.study.planted_tables import (
    TIE,
    Spot,
    choose_spots,
    empty_place,
    moved_picture,
    write_background_table,
)
from whyreid.truth.counterfactual_effects import CounterfactualEffects

BACKPACK, COLOUR = GROUPS.index("backpack"), GROUPS.index("upper colour")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("promenade")
    return render_promenade(folder, domain="A", preset=Preset(10, 12, 4, 2, 64, 32), workers=1)


@pytest.fixture(scope="module")
def background(table, tmp_path_factory):
    folder = tmp_path_factory.mktemp("background")
    return write_background_table(table.select("train"), folder, generator=torch.Generator().manual_seed(0))


def shots_of(table):
    return read_shots(table.images, read_identities(table.root))


def test_the_tie_makes_nearly_every_backpack_go_with_white_and_keeps_both_as_frequent():
    people = draw_values(1000, group_distributions("market"), random.Random(0), correlation=TIE)
    carries = np.array([person["backpack"] == "backpack" for person in people])
    white = np.array([person["upper colour"] == "white" for person in people])
    assert np.corrcoef(carries, white)[0, 1] > 0.88
    assert white[carries].mean() > 0.97
    assert white[~carries].mean() < 0.08
    assert abs(white.mean() - 0.3036) < 0.01  # Market-1501's share


def test_a_stronger_tie_would_change_how_frequent_the_attributes_are():
    stronger = Correlation(TIE.first, TIE.second, 0.95)
    with pytest.raises(ValueError, match="cannot be had"):
        draw_values(100, group_distributions("market"), random.Random(0), correlation=stronger)


def test_there_are_as_many_background_pictures_as_ordinary_ones_and_no_attributes(table, background):
    assert len(background) == len(table.select("train"))
    assert background.attributes is None


def test_every_spot_is_behind_several_pictures_of_several_persons(table, background):
    source = table.select("train")
    persons = pd.DataFrame({"spot": background.pids.tolist(), "person": source.pids.tolist()})
    assert persons.groupby("spot")["person"].nunique().min() >= 2


def test_a_moved_picture_keeps_its_person_bit_for_bit(table):
    source = table.select("train")
    shots = shots_of(source)
    picture = moved_picture(source, 0, shots[0], choose_spots(shots)[-1])
    inside = read_masks(source, [0])[0] > 0
    before = torch.from_numpy(np.array(read_image(source.image_paths()[0]))).permute(2, 0, 1)
    assert inside.any()
    assert torch.equal(picture[:, inside], before[:, inside])


def test_a_moved_picture_shows_the_empty_place_away_from_the_person(table):
    source = table.select("train")
    shots = shots_of(source)
    spot = choose_spots(shots)[-1]
    away = ~grown(read_masks(source, [0]) > 0, 2)[0]
    picture = moved_picture(source, 0, shots[0], spot)
    place = empty_place(shots[0], spot, height=64, width=32)
    assert away.any()
    assert torch.equal(picture[:, away], place[:, away])


def test_the_empty_place_of_a_shots_own_spot_is_its_background(table):
    shot = next(shot for shot in shots_of(table) if shot.occluder == "none" and shot.other is None)
    row = shots_of(table).index(shot)
    spot = Spot(shot.domain, shot.camera, (shot.box_x, shot.box_y, shot.box_height))
    place = empty_place(shot, spot, height=64, width=32).float()
    picture = torch.from_numpy(np.array(read_image(table.image_paths()[row]))).permute(2, 0, 1).float()
    away = ~grown(read_masks(table, [row]) > 0, 6)[0]
    away[32:] = False  # shadows lie on the floor
    assert away.any()
    assert (place - picture).abs()[:, away].mean() < 1.0  # of 255; JPEG blocks reach a little further


def test_spots_of_one_camera_are_different_places(table):
    spots = choose_spots(shots_of(table.select("train")))
    assert len(set(spots)) == len(spots)
    assert {spot.camera for spot in spots} == {0, 1, 2, 3}


def test_a_shifted_spot_moves_by_shares_of_its_height():
    moved = Spot("A", 0, (0.5, 0.25, 2.0)).shifted([0.5, -0.25, 0.5])
    assert moved.box == (1.5, -0.25, 3.0)


@pytest.fixture(scope="module")
def colour_blind(table, tmp_path_factory):
    folder = tmp_path_factory.mktemp("colour-blind")
    return write_colour_blind_table(table.select("train"), folder, generator=torch.Generator().manual_seed(0))


def test_colour_blind_pictures_are_the_ordinary_ones_but_for_the_upper_garment(table, colour_blind):
    source = table.select("train")
    masks = read_masks(source)
    away = ~grown(torch.isin(masks, torch.tensor([Part.UPPER, Part.FOREARM_CLOTH], dtype=torch.uint8)), 8)
    for row in range(len(source)):
        before, after = (
            torch.from_numpy(np.array(read_image(each.image_paths()[row]))).permute(2, 0, 1).float()
            for each in (source, colour_blind)
        )
        assert (before - after).abs()[:, away[row]].mean() < 2.0  # of 255; JPEG blocks reach a little further


def test_in_colour_blind_pictures_most_people_change_their_upper_garment(table, colour_blind):
    source = table.select("train")
    garment = read_masks(source) == Part.UPPER
    changed = []
    for row in range(len(source)):
        before, after = (np.array(read_image(each.image_paths()[row])).astype(float) for each in (source, colour_blind))
        inside = garment[row].numpy()
        changed.append(np.abs(before - after)[inside].mean() > 10)
    assert np.mean(changed) > 0.6


def test_colour_blind_pictures_keep_who_when_and_where_and_have_no_attributes(table, colour_blind):
    source = table.select("train")
    assert colour_blind.pids.tolist() == source.pids.tolist()
    assert colour_blind.camids.tolist() == source.camids.tolist()
    assert colour_blind.attributes is None


def test_pairs_differ_in_both_planted_groups_and_few_others(table):
    pairs = planted_pairs(table)
    assert len(pairs) > 0
    for players in pairs.players():
        assert set(PLANTED) <= set(players)
        assert 3 <= len(players) <= MOST_PLAYERS


def test_pairs_show_the_backpack_and_ask_each_query_person_once(table):
    pairs = planted_pairs(table)
    seen = sum((mask == Part.BACKPACK).flatten(1).any(dim=1).int() for mask in pairs.masks())
    persons = [person.person for person, _ in pairs.persons()]
    assert bool((seen > 0).all())
    assert len(set(persons)) == len(persons)


def effects(truth, remainder):
    truth, remainder = torch.tensor(truth, dtype=torch.float64), torch.tensor(remainder, dtype=torch.float64)
    score = truth.nansum(dim=1) + remainder
    return CounterfactualEffects(score, "distance", GROUPS, truth, torch.zeros_like(truth), remainder)


def one_pair(**values):
    row = [float("nan")] * len(GROUPS)
    for name, value in values.items():
        row[GROUPS.index(name.replace("_", " "))] = value
    return [row]


def test_true_shares_are_of_absolute_effects_and_of_the_remainder():
    # |-1| + 3 = 4 among the groups, 6 beside them
    found = true_shares(effects(one_pair(backpack=-1.0, upper_colour=3.0), [6.0]))
    assert found.of("backpack").tolist() == [0.25]
    assert found.of("upper colour").tolist() == [0.75]
    assert found.of("elsewhere").tolist() == [0.6]
    assert bool(found.of("hat").isnan())


def differing(*names):
    return torch.tensor([[group in names for group in GROUPS]])


def test_contributions_of_one_group_are_added_with_their_signs():
    contributions = torch.tensor([[1.0, 4.0, -1.0, 2.0]])  # backpack, upred, upblue, hat; remainder 10 - 6 = 4
    explanation = PairExplanation.from_contributions(
        torch.tensor([10.0]), contributions, kind="distance", attributes=("backpack", "upred", "upblue", "hat")
    )
    found = contribution_shares(explanation, differing("backpack", "upper colour"))
    assert found.of("backpack").tolist() == [0.25]
    assert found.of("upper colour").tolist() == [0.75]
    assert found.of("elsewhere").item() == pytest.approx((2 + 4) / (1 + 3 + 2 + 4))


def test_contributions_that_are_all_zero_have_no_shares():
    explanation = PairExplanation.from_contributions(
        torch.zeros(1), torch.zeros(1, 1), kind="distance", attributes=("backpack",)
    )
    found = contribution_shares(explanation, differing("backpack", "upper colour"))
    assert bool(found.of("backpack").isnan())
    assert bool(found.of("elsewhere").isnan())


def maps_only(query, gallery):
    score = torch.ones(1)
    return PairExplanation(score, "distance", None, query, gallery, (), score)


def labels(width=40):
    """A person of one row: backpack, then two pixels of shirt, at the left edge of an empty picture."""
    mask = torch.zeros(1, 1, width, dtype=torch.uint8)
    mask[0, 0, :3] = torch.tensor([Part.BACKPACK, Part.UPPER, Part.UPPER])
    return mask


def test_an_even_map_has_the_shares_of_the_areas():
    heat = torch.ones(1, 1, 1, 40)
    found = map_shares(maps_only(heat, -heat), (labels(), labels()), differing("backpack", "upper colour"))
    assert found.of("backpack").item() == pytest.approx(1 / 3)
    assert found.of("elsewhere").item() == pytest.approx((40 - 3 - 4) / 40)  # the person and a margin of four pixels


def test_a_coarse_map_is_spread_evenly_over_its_cells():
    heat = torch.tensor([[[[1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]]]])  # cells of five pixels
    found = map_shares(maps_only(heat, heat), (labels(), labels()), differing("backpack", "upper colour"))
    assert found.of("backpack").item() == pytest.approx(1 / 3)
    assert found.of("elsewhere").item() == pytest.approx(0.5)


def test_maps_of_attributes_weigh_as_much_as_their_contributions():
    maps = torch.zeros(1, 2, 1, 40)
    maps[0, 0, 0, 0], maps[0, 1, 0, 1] = 5.0, 0.1  # the scale of a map does not count
    explanation = PairExplanation.from_contributions(
        torch.tensor([4.0]), torch.tensor([[1.0, 3.0]]), kind="distance", attributes=("backpack", "upred"),
        query_maps=maps, gallery_maps=maps,
    )  # fmt: skip
    found = map_shares(explanation, (labels(), labels()), differing("backpack", "upper colour"))
    assert found.of("backpack").item() == pytest.approx(0.25)
    assert found.of("elsewhere").item() == pytest.approx(0.0)


def test_shares_of_contributions_need_contributions_and_shares_of_maps_need_maps():
    with pytest.raises(ValueError, match="use map_shares"):
        contribution_shares(maps_only(torch.ones(1, 1, 1, 40), None), differing("backpack"))
    with pytest.raises(ValueError, match="use contribution_shares"):
        map_shares(maps_only(torch.ones(1, 1, 1, 40), None), (labels(), labels()), differing("backpack"))


def shares(backpack, elsewhere):
    groups = torch.zeros(len(backpack), len(GROUPS), dtype=torch.float64)
    groups[:, BACKPACK] = torch.tensor(backpack, dtype=torch.float64)
    groups[:, COLOUR] = 1 - groups[:, BACKPACK]
    return Shares(groups, torch.tensor(elsewhere, dtype=torch.float64))


def test_a_change_is_the_mean_over_pairs_and_a_tie_is_half_a_rise():
    families = torch.tensor([[1, 2], [3, 4], [5, 6], [7, 8]])
    before = shares([0.1, 0.1, 0.1, 0.1], [0.5, 0.5, 0.5, 0.5])
    after = shares([0.2, 0.2, 0.2, 0.1], [0.5, 0.6, 0.4, 0.5])
    rows = {row["quantity"]: row for row in compare(before, after, families)}
    assert rows["backpack"]["change"] == pytest.approx(0.075)
    assert rows["backpack"]["risen"] == pytest.approx(3.5 / 4)
    assert rows["elsewhere"]["risen"] == pytest.approx(0.5)
    assert rows["upper colour"]["change"] == pytest.approx(-0.075)


def test_pairs_without_a_share_in_either_target_do_not_count():
    families = torch.tensor([[1, 2], [3, 4], [5, 6]])
    before, after = shares([0.1, float("nan"), 0.3], [0.5] * 3), shares([0.2, 0.9, 0.4], [0.5] * 3)
    row = compare(before, after, families)[0]
    assert (row["sound"], row["change"]) == (pytest.approx(0.2), pytest.approx(0.1))


def row(fault, explainer, quantity, change, low, high, *, seed=0):
    evidence = "re-rendering" if explainer == "truth" else "maps"
    described = {"fault": fault, "seed": seed, "explainer": explainer, "evidence": evidence, "quantity": quantity}
    numbers = {"sound": 0.2, "faulty": 0.2 + change, "change": change, "low": low, "high": high, "risen": 0.5}
    sizes = {"sound size": 0.1, "faulty size": 0.3} if explainer == "truth" else {}
    return described | numbers | sizes


@pytest.fixture
def rows():
    found = [
        row("tied", "truth", "backpack", 0.0, -0.05, 0.05),
        row("tied", "seeing", "backpack", 0.0, -0.05, 0.05),
        row("tied", "inventing", "backpack", 0.05, 0.02, 0.08),
        row("tied", "seeing", "elsewhere", 0.3, 0.2, 0.4),
        row("background", "truth", "elsewhere", 0.2, 0.1, 0.3),
        row("background", "seeing", "elsewhere", 0.1, 0.05, 0.15),
        row("background", "inventing", "elsewhere", 0.1, -0.05, 0.25),
        row("colour-blind", "truth", "upper colour", -0.3, -0.4, -0.2),
        row("colour-blind", "seeing", "upper colour", -0.05, -0.08, -0.02),
        row("colour-blind", "inventing", "upper colour", 0.05, 0.02, 0.08),
        row("none", "truth", "backpack", 0.0, -0.1, 0.1),
        row("none", "truth", "elsewhere", 0.05, 0.01, 0.09),
        row("none", "seeing", "backpack", 0.1, 0.05, 0.15),
        row("none", "seeing", "elsewhere", 0.1, 0.05, 0.15),
    ]
    return pd.DataFrame(found)


def verdicts(rows, explainer):
    found = revelations(rows)
    mine = found[found["explainer"] == explainer]
    return dict(zip(zip(mine["fault"], mine["quantity"], strict=True), mine["verdict"], strict=True))


def test_a_true_change_is_revealed_by_a_sure_change_that_goes_the_same_way(rows):
    found = verdicts(rows, "seeing")
    assert found["background", "elsewhere"] == "revealed"
    assert found["colour-blind", "upper colour"] == "revealed"


def test_a_true_change_is_missed_without_a_sure_one_and_a_sure_one_the_other_way_misleads(rows):
    found = verdicts(rows, "inventing")
    assert found["background", "elsewhere"] == "missed"
    assert found["colour-blind", "upper colour"] == "misled"


def test_where_the_truth_did_not_change_silence_is_right_and_a_sure_change_a_false_alarm(rows):
    assert verdicts(rows, "seeing")["tied", "backpack"] == "quiet"
    assert verdicts(rows, "inventing")["tied", "backpack"] == "false alarm"


def test_two_sound_targets_are_judged_by_the_same_rule(rows):
    found = verdicts(rows, "seeing")
    assert found["none", "backpack"] == "false alarm"
    assert found["none", "elsewhere"] == "revealed"  # trainings differ for sure, and it says so


def test_only_the_endpoint_of_a_fault_is_judged(rows):
    assert ("tied", "elsewhere") not in verdicts(rows, "seeing")


def test_the_table_starts_with_the_truth_and_counts_seeds(rows):
    second = rows.assign(seed=1)
    table = revelation_table(pd.concat([rows, second], ignore_index=True))
    assert table.index[0] == ("truth", "re-rendering")
    assert table.loc[("truth", "re-rendering"), "colour-blind: change"] == "-30.0 ± 0.0"
    assert table.loc[("truth", "re-rendering"), "tied: verdict"] == "0 of 2 confirmed"
    assert table.loc[("seeing", "maps"), "background: verdict"] == "2 revealed"
    assert table.loc[("seeing", "maps"), "sound against sound"] in (
        "2 false alarm, 2 revealed",
        "2 revealed, 2 false alarm",
    )
    assert table.loc[("inventing", "maps"), "sound against sound"] == "–"


def test_a_fault_that_was_not_measured_has_no_columns(rows):
    table = revelation_table(rows[rows["fault"] != "tied"])
    assert not [name for name in table.columns if name.startswith("tied")]


def test_the_confirmation_holds_true_effects_only_and_counts_sure_changes(rows):
    table = confirmation_table(rows)
    assert list(table.index) == [("tied", "backpack"), ("background", "elsewhere"), ("colour-blind", "upper colour")]
    assert table.loc[("tied", "backpack"), "effect (faulty)"] == pytest.approx(0.3)
    assert table["confirmed"].tolist() == [0, 1, 1]


def test_the_first_seed_of_all_faults_is_measured_first():
    names = [unit.name for unit in planted_fault_units()]
    assert names[: len(FAULTS)] == [f"{fault}-seed0" for fault in FAULTS]
    assert len(set(names)) == len(FAULTS) * len(planted_fault_claim.SEEDS)


def test_every_planted_fault_has_an_endpoint():
    assert set(ENDPOINTS) == set(FAULTS) - {"none"}


def test_an_unknown_fault_is_refused_before_anything_is_made():
    with pytest.raises(ValueError, match="fault must be one of"):
        faulty_subject("shadow", "smoke", seed=0)


def test_rows_of_a_table_are_needed_with_their_masks(table):
    bare = dataclasses.replace(table, images=table.images.drop(columns="mask"))
    with pytest.raises(ValueError, match="column mask"):
        moved_picture(bare.select("train"), 0, shots_of(table.select("train"))[0], Spot("A", 0, (0.0, 0.0, 0.2)))
