from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from whyreid.data import ReIDTable
from whyreid.explain.correspondences import CorrespondenceLines
from whyreid.pedestrians import Part
from whyreid.study.correspondence_parts import (
    BODY_PARTS,
    PairParts,
    agreement_both_ways,
    agreement_controls,
    body_parts,
    has_parts,
    lines_agree,
)

HEAD, TRUNK, SHOES = (list(BODY_PARTS).index(name) for name in ("head", "trunk", "shoes"))


def test_every_part_of_a_person_belongs_to_one_body_part():
    labels = [label for group in BODY_PARTS.values() for label in group]
    assert len(labels) == len(set(labels)) == len(Part) - 3
    assert not {Part.BACKGROUND, Part.OCCLUDER, Part.OTHER_PERSON} & set(labels)


def test_locations_show_what_covers_most_of_them(tmp_path):
    mask = np.zeros((4, 4), dtype=np.uint8)
    mask[:2, :2] = [[Part.HAIR, Part.HEAD], [Part.HAT, Part.UPPER]]  # three pixels of the head
    mask[:2, 2:] = Part.OTHER_PERSON
    mask[2:, :2] = [[Part.SHOE, Part.SHOE], [Part.SHOE, Part.BACKGROUND]]
    Image.fromarray(mask).save(tmp_path / "mask.png")
    frame = pd.DataFrame({"path": ["a.png"], "pid": [1], "camid": [0], "split": ["query"], "mask": ["mask.png"]})
    table = ReIDTable("town", tmp_path, frame)
    assert has_parts(table)
    assert body_parts(table, (2, 2)).tolist() == [[[HEAD, -1], [SHOES, -1]]]


def test_without_masks_there_are_no_parts():
    table = ReIDTable("town", Path(), pd.DataFrame({"path": ["a"], "pid": [1], "camid": [0], "split": ["query"]}))
    assert not has_parts(table)
    with pytest.raises(ValueError, match="must have the column mask"):
        body_parts(table, (2, 2))


@pytest.fixture
def parts() -> PairParts:
    """One pair on a map of 2 x 2: head over shoes in the query; head over head and trunk in the gallery picture."""
    query = torch.tensor([[[HEAD, -1], [SHOES, -1]]])
    gallery = torch.tensor([[[HEAD, -1], [HEAD, TRUNK]]])
    return PairParts(query, gallery)


def test_both_directions_count_every_location_once(parts):
    query_matches = torch.tensor([[[2, 0], [2, 0]]])  # head finds head, shoes find head
    gallery_matches = torch.tensor([[[0, 0], [2, 0]]])  # head finds head, head finds shoes, trunk finds head
    assert agreement_both_ways(query_matches, gallery_matches, parts).item() == pytest.approx(2 / 5)


def test_only_what_is_kept_counts(parts):
    matches = torch.tensor([[[0, 0], [0, 0]]])
    first, nothing = torch.tensor([[[True, False], [False, False]]]), torch.zeros(1, 2, 2, dtype=torch.bool)
    assert agreement_both_ways(matches, matches, parts, kept=(first, first)).item() == 1.0
    assert agreement_both_ways(matches, matches, parts, kept=(nothing, nothing)).isnan().all()


def test_controls_by_hand(parts):
    found = {name: value.item() for name, value in agreement_controls(parts).items()}
    # query head: 2 of 4 places, 1 of 2 in its row, right at the same place; query shoes: nowhere. Gallery heads: 1 of
    # 4 places each, 1 of 2 in the row above and none below, the upper one right at the same place; trunk: nowhere.
    assert found["any place"] == pytest.approx((2 / 4 + 0 + 1 / 4 + 1 / 4 + 0) / 5)
    assert found["same height"] == pytest.approx((1 / 2 + 0 + 1 / 2 + 0 + 0) / 5)
    assert found["same place"] == pytest.approx(2 / 5)
    assert found["as far as possible"] == pytest.approx(3 / 5)


def test_controls_are_what_such_matches_would_reach():
    generator = torch.Generator().manual_seed(0)
    parts = PairParts(*torch.randint(-1, 3, (2, 4, 5, 3), generator=generator))
    controls = agreement_controls(parts)
    here = torch.arange(15).view(5, 3).expand(4, 5, 3)
    torch.testing.assert_close(controls["same place"], agreement_both_ways(here, here, parts))
    row = here // 3 * 3
    shifted = [agreement_both_ways(row + shift, row + shift, parts) for shift in range(3)]
    torch.testing.assert_close(controls["same height"], torch.stack(shifted).mean(dim=0))
    everywhere = [agreement_both_ways(torch.full_like(here, n), torch.full_like(here, n), parts) for n in range(15)]
    torch.testing.assert_close(controls["any place"], torch.stack(everywhere).mean(dim=0))
    assert (controls["as far as possible"] >= torch.stack(everywhere).max(dim=0).values - 1e-12).all()


@pytest.mark.parametrize("side", ["query", "gallery"])
def test_a_line_is_right_when_both_ends_show_one_part(parts, side):
    first, second = (0.25, 0.25), (0.75, 0.25)  # the left column, top and bottom
    start, end = torch.tensor([[first, second, first]]), torch.tensor([[second, first, first]])
    lines = CorrespondenceLines(start, end, torch.ones(1, 3), side)
    # query: head over shoes; gallery: head over head
    expected = {"query": [True, False, True], "gallery": [False, True, True]}
    assert lines_agree(lines, parts).tolist() == [expected[side]]


def test_a_line_that_begins_beside_the_person_is_wrong(parts):
    nowhere = torch.tensor([[(0.25, 0.75)]])
    lines = CorrespondenceLines(nowhere, nowhere, torch.ones(1, 1), "query")
    assert lines_agree(lines, parts).tolist() == [[False]]
