"""What matched locations show, on a Promenade of a few people and on planted maps."""

from __future__ import annotations

import pandas as pd
import pytest
import torch
from torch.nn import functional as F

from whyreid.explain.correspondences import find_correspondences, nearest_locations
from whyreid.models import QAConv, QAConvModel, qaconv_from_target, thin_network
from whyreid.pedestrians import Preset, render_promenade
from whyreid.study.correspondence_maps import pair_maps, target_maps
from whyreid.study.correspondence_pairs import OTHER, SAME, correspondence_pairs
from whyreid.study.correspondence_parts import BODY_PARTS, CONTROLS, PairParts
from whyreid.study.correspondence_scores import (
    BESIDE,
    MUTUAL,
    QACONV,
    STRONGEST,
    agreement_rows,
    evidence_rows,
    measure_correspondences,
    nearest_agreement,
    qaconv_agreement,
)
from whyreid.study.qaconv_steps import TrainedQAConv, qaconv_maps
from whyreid.training import TrainingHistory


@pytest.fixture(scope="module")
def sides(tmp_path_factory):
    folder = tmp_path_factory.mktemp("promenade")
    table = render_promenade(folder, domain="A", preset=Preset(4, 6, 6, 2, 64, 32), workers=1)
    return table.select("query"), table.select("gallery")


@pytest.fixture(scope="module")
def target():
    return thin_network(widths=(4, 8, 8, 8), depths=(1, 1, 1), image_size=(64, 32)).eval()


@pytest.fixture(scope="module")
def trained(target, tmp_path_factory):
    model: QAConvModel = qaconv_from_target(target, neck=8, seed=0).eval()
    return TrainedQAConv(model, TrainingHistory((), {}), tmp_path_factory.mktemp("qaconv"))


@pytest.fixture(scope="module")
def pairs(sides):
    return correspondence_pairs(*sides, per_view=3)


@pytest.fixture(scope="module")
def rows(trained, target, sides, pairs):
    return measure_correspondences(trained, {"thin target": target}, *sides, pairs, device="cpu")


def test_every_method_and_control_is_measured_on_the_same_classes_of_pairs(rows, pairs):
    agreement = rows[rows["kind"] == "agreement"]
    assert set(agreement["method"]) == {QACONV, MUTUAL, STRONGEST, "thin target", *CONTROLS}
    classes = set(map(tuple, pairs[["persons", "view"]].drop_duplicates().to_numpy()))
    full = agreement[agreement["method"] == QACONV]
    assert set(map(tuple, full[["persons", "view"]].to_numpy())) == classes
    assert agreement["agreement"].between(0, 1).all()


def test_no_matching_agrees_more_often_than_is_possible(rows):
    table = rows[rows["kind"] == "agreement"].pivot_table(
        index="method", columns=["persons", "view"], values="agreement"
    )
    for method in (QACONV, "thin target", "same place", "same height", "any place"):
        assert (table.loc[method] <= table.loc["as far as possible"] + 1e-9).all()


def test_evidence_adds_up_to_the_logit_without_its_constant(rows, trained, sides, pairs):
    evidence = rows[rows["kind"] == "evidence"]
    assert set(evidence["part"]) == {*BODY_PARTS, BESIDE}
    maps = pair_maps(lambda table: qaconv_maps(trained, table, device="cpu"), *sides, pairs)
    found = find_correspondences(trained.model.matcher, *maps)
    for persons in (SAME, OTHER):
        chosen = evidence[evidence["persons"] == persons]
        assert chosen["area"].sum() == pytest.approx(1.0)
        of_them = torch.tensor((pairs["persons"] == persons).to_numpy())
        expected = float((found.logit - found.bias)[of_them].mean())
        assert chosen["contribution"].sum() == pytest.approx(expected, abs=1e-5)


def test_maps_of_pairs_are_those_of_their_pictures(sides, target):
    query, gallery = sides
    pairs = pd.DataFrame({"query": [2, 0, 2], "gallery": [1, 1, 3]})
    asked = []

    def embed(table):
        asked.append(len(table))
        return target_maps(target, table, device="cpu")

    maps = pair_maps(embed, query, gallery, pairs)
    assert asked == [2, 2]  # every picture once
    whole = [target_maps(target, table, device="cpu") for table in sides]
    torch.testing.assert_close(maps[0], whole[0][[2, 0, 2]])
    torch.testing.assert_close(maps[1], whole[1][[1, 1, 3]])


def test_maps_of_a_target_have_length_one_and_leave_it_as_it_was(sides, target):
    target.train()
    maps = target_maps(target, sides[0], device="cpu")
    assert target.training
    target.eval()
    torch.testing.assert_close(maps.norm(dim=1), torch.ones_like(maps[:, 0]))


@pytest.fixture
def planted():
    """Maps that name the part of each location; every part is to be seen in both pictures."""
    generator = torch.Generator().manual_seed(0)
    parts = torch.stack([torch.randperm(8, generator=generator).view(4, 2) % 4 for _ in range(6)])
    maps = F.one_hot(parts).movedim(3, 1).float()
    return PairParts(parts[:3], parts[3:]), (maps[:3], maps[3:])


def test_maps_that_name_the_part_agree_wholly(planted):
    parts, maps = planted
    assert nearest_agreement(nearest_locations(*maps), parts).tolist() == [1.0] * 3


def test_mutual_and_strongest_matches_are_some_of_all(planted):
    parts, maps = planted
    matcher = QAConv(4, 4, 2).eval()
    found = qaconv_agreement(find_correspondences(matcher, *maps), parts)
    assert list(found) == [QACONV, MUTUAL, STRONGEST]
    for values in found.values():
        assert values.tolist() == [1.0] * 3


def test_pairs_in_which_nothing_counts_are_left_out_of_the_mean():
    pairs = pd.DataFrame({"persons": [SAME, SAME, OTHER], "view": ["any view"] * 3})
    rows = agreement_rows("matcher", torch.tensor([0.5, torch.nan, torch.nan], dtype=torch.float64), pairs)
    assert rows[["persons", "agreement", "pairs"]].to_numpy().tolist() == [[SAME, 0.5, 1]]


def test_evidence_of_a_part_is_what_its_locations_add(planted):
    parts, maps = planted
    matcher = QAConv(4, 4, 2).eval()
    found = find_correspondences(matcher, *maps)
    pairs = pd.DataFrame({"persons": [SAME] * 3})
    rows = evidence_rows(found, parts, pairs).set_index("part")
    head = sum(
        float(found.query_contributions[p][parts.query[p] == 0].sum())
        + float(found.gallery_contributions[p][parts.gallery[p] == 0].sum())
        for p in range(3)
    )
    assert rows.loc["head", "contribution"] == pytest.approx(head / 3)
    assert rows.loc["head", "area"] == pytest.approx(1 / 4)
    assert rows.loc[BESIDE, "area"] == 0
