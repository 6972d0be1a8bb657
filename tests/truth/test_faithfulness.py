"""Insertion and deletion: by hand on a model that reads one patch, against a slow loop, controls at zero, the rank."""

from __future__ import annotations

import pytest
import torch

from whyreid.explain import MatchingLogit, OcclusionExplainer, TargetDistance, filling
from whyreid.models import thin_network
from whyreid.models.qaconv_features import thin_qaconv
from whyreid.truth.faithfulness import (
    area_under,
    block_order,
    closer_rivals,
    faithfulness_curves,
    rank_response,
)
from whyreid.truth.known_evidence import patch_target

SIZE = (32, 16)
BLOCKS = (4, 4)
TINY = {"widths": (4, 4, 6, 6), "depths": (1, 1, 1), "image_size": SIZE}


def distance() -> TargetDistance:
    """Reads the red of block 5 (second row, second column) of a grid of 4 x 4: embedding = 2 x its mean."""
    return TargetDistance(patch_target(slice(8, 16), slice(4, 8), size=SIZE, cell=4))


def pictures(red_of_query: float, red_of_gallery: float):
    query, gallery = torch.full((2, 1, 3, *SIZE), 0.3)
    query[0, 0, 8:16, 4:8] = red_of_query
    gallery[0, 0, 8:16, 4:8] = red_of_gallery
    return query, gallery


def block_map(value: float) -> torch.Tensor:
    maps = torch.zeros(1, 1, *BLOCKS)
    maps[0, 0, 1, 1] = value
    return maps


def test_hand_worked_deletion_of_the_block_that_sets_apart():
    query, gallery = pictures(0.0, 2.0)  # distance 4; without the block 0
    found = faithfulness_curves(distance(), query, gallery, block_map(4.0), blocks=BLOCKS, steps=4)
    assert found.shares.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert found.apart_first.tolist() == [[pytest.approx(4.0)] + [pytest.approx(0.0)] * 4]
    assert found.together_first.tolist() == [[pytest.approx(4.0)] * 4 + [pytest.approx(0.0)]]
    apart, together = found.areas()
    assert (apart.item(), together.item()) == (pytest.approx(0.5), pytest.approx(3.5))
    assert found.gain().item() == pytest.approx(3.0)


def test_hand_worked_insertion_of_the_block_that_holds_together():
    query, gallery = pictures(2.0, 2.0)  # distance 0; without the block 4
    maps = block_map(-4.0)
    found = faithfulness_curves(distance(), query, gallery, maps, mode="insertion", blocks=BLOCKS, steps=4)
    assert found.together_first.tolist() == [[pytest.approx(4.0)] + [pytest.approx(0.0)] * 4]
    assert found.apart_first.tolist() == [[pytest.approx(4.0)] * 4 + [pytest.approx(0.0)]]
    assert found.gain().item() == pytest.approx(3.0)


@pytest.mark.parametrize("mode", ["deletion", "insertion"])
def test_the_reversed_map_loses_what_the_map_gains(mode):
    query, gallery = torch.randn(2, 3, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    maps = torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    one, other = (
        faithfulness_curves(distance(), query, gallery, sign * maps, mode=mode, blocks=BLOCKS, steps=8)
        for sign in (1, -1)
    )
    torch.testing.assert_close(one.gain(), -other.gain())
    assert one.gain().abs().sum() > 0


def test_insertion_is_deletion_in_the_other_order_run_backwards():
    score = TargetDistance(thin_network(**TINY))
    query, gallery = torch.randn(2, 3, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    maps = torch.randn(3, 1, *BLOCKS, generator=torch.Generator().manual_seed(1))
    deletion, insertion = (
        faithfulness_curves(score, query, gallery, maps, mode=mode, blocks=BLOCKS, steps=8)
        for mode in ("deletion", "insertion")
    )
    torch.testing.assert_close(insertion.together_first, deletion.apart_first.flip(1))
    torch.testing.assert_close(insertion.gain(), deletion.gain())


@pytest.mark.parametrize("mode", ["deletion", "insertion"])
@pytest.mark.parametrize("fill", ["mean", "blur"])
def test_curves_equal_a_slow_loop(mode, fill):
    score = TargetDistance(thin_network(**TINY).eval())
    query, gallery = torch.randn(2, 2, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    maps = torch.randn(2, 1, *BLOCKS, generator=torch.Generator().manual_seed(1))
    found = faithfulness_curves(
        score, query, gallery, maps, mode=mode, fill=fill, blocks=BLOCKS, steps=16, batch_size=5
    )
    filled = filling(gallery, fill, score.image_input)
    start, end = (gallery, filled) if mode == "deletion" else (filled, gallery)
    for pair in range(2):
        picture = start[pair : pair + 1].clone()
        order = maps[pair, 0].flatten().argsort(descending=True).tolist()
        for step, block in enumerate([None, *order]):
            if block is not None:
                row, column = divmod(block, 4)
                where = (..., slice(8 * row, 8 * row + 8), slice(4 * column, 4 * column + 4))
                picture[where] = end[pair : pair + 1][where]
            with torch.no_grad():
                expected = score.compare(score.represent(query[pair : pair + 1]), score.represent(picture))
            assert found.apart_first[pair, step].item() == pytest.approx(expected.item(), abs=1e-5)


def test_maps_without_information_gain_nothing_on_average():
    score = TargetDistance(thin_network(**TINY).eval())
    query, gallery = torch.randn(2, 1, 3, *SIZE, generator=torch.Generator().manual_seed(0)).expand(2, 200, 3, *SIZE)
    noise = torch.randn(200, 1, *BLOCKS, generator=torch.Generator().manual_seed(1))
    gains = faithfulness_curves(score, query, gallery, noise, blocks=BLOCKS, steps=8).gain()
    assert abs(gains.mean()) < 3 * gains.std() / 200**0.5


def test_a_map_that_is_the_same_everywhere_has_a_random_order_that_repeats():
    flat = torch.zeros(50, 1, *BLOCKS)
    order = block_order(flat, BLOCKS, seed=3)
    assert torch.equal(order.sort(dim=1).values, torch.arange(16).expand(50, 16))
    assert order[:, 0].unique().numel() > 8
    assert torch.equal(order, block_order(flat, BLOCKS, seed=3))
    assert not torch.equal(order, block_order(flat, BLOCKS, seed=4))


def test_an_explainer_of_the_model_gains_and_one_of_another_model_does_not():
    query, gallery = torch.randn(2, 8, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    elsewhere = patch_target(slice(24, 32), slice(12, 16), size=SIZE, cell=4)
    gains = []
    for explained in (distance(), TargetDistance(elsewhere)):
        maps = OcclusionExplainer(explained, window=(8, 4), stride=(8, 4)).explain(query, gallery).gallery_maps
        gains.append(faithfulness_curves(distance(), query, gallery, maps, blocks=BLOCKS).gain())
    assert (gains[0] > 0).all()
    assert gains[0].mean() > gains[1].mean() + 3 * gains[1].std() / 8**0.5


def test_a_similarity_falls_when_what_holds_together_goes():
    score = MatchingLogit(thin_qaconv(neck=4, **TINY).eval())
    query, gallery = torch.rand(2, 6, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    maps = OcclusionExplainer(score, window=(8, 4), stride=(8, 4)).explain(query, gallery).gallery_maps
    found = faithfulness_curves(score, query, gallery, maps, blocks=BLOCKS, steps=16)
    assert not found.higher_is_apart
    first = found.together_first[:, 1] - found.together_first[:, 0]
    assert (first <= found.apart_first[:, 1] - found.apart_first[:, 0]).all()  # occlusion's own first step
    with pytest.raises(ValueError, match="must be of a distance"):
        rank_response(found, torch.rand(6, 3))


def test_rank_of_the_true_match_equals_a_loop_with_ties_at_half():
    generator = torch.Generator().manual_seed(0)
    distances, rivals = (
        torch.randint(0, 5, (3, 4), generator=generator),
        torch.randint(0, 5, (3, 7), generator=generator),
    )
    found = closer_rivals(distances.float(), rivals.float())
    for pair in range(3):
        for step in range(4):
            here = distances[pair, step]
            expected = ((rivals[pair] < here).sum() + 0.5 * (rivals[pair] == here).sum()) / 7
            assert found[pair, step].item() == pytest.approx(expected.item())


def test_rows_with_fewer_rivals_are_filled_with_infinity():
    rivals = torch.tensor([[1.0, 2.0, torch.inf], [1.0, 2.0, 9.0]])
    found = closer_rivals(torch.tensor([[1.5, 5.0]]).expand(2, 2), rivals)
    assert found.tolist() == [[0.5, 1.0], [pytest.approx(1 / 3), pytest.approx(2 / 3)]]
    with pytest.raises(ValueError, match="at least one finite"):
        closer_rivals(torch.ones(1, 1), torch.full((1, 2), torch.inf))


def test_the_rank_gets_worse_when_what_holds_together_goes():
    query, gallery = pictures(2.0, 2.0)
    curves = faithfulness_curves(distance(), query, gallery, block_map(-4.0), blocks=BLOCKS, steps=4)
    ranks = rank_response(curves, torch.tensor([[1.0, 2.0, 3.0, 9.0]]))
    assert ranks.together_first.tolist() == [[0.0] + [0.75] * 4]
    assert ranks.apart_first.tolist() == [[0.0] * 4 + [0.75]]
    assert ranks.gain().item() == pytest.approx(0.75 * 0.75)
    assert curves.mode == ranks.mode


def test_area_under_a_line_is_its_middle():
    shares = torch.linspace(0, 1, 5)
    assert area_under(torch.stack([shares, 1 - shares, torch.ones(5)]), shares).tolist() == [0.5, 0.5, 1.0]


def test_pairs_are_independent_and_the_batch_size_changes_nothing():
    score = TargetDistance(thin_network(**TINY))
    query, gallery = torch.randn(2, 4, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    maps = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    whole = faithfulness_curves(score, query, gallery, maps, blocks=BLOCKS, steps=5)
    small = faithfulness_curves(score, query, gallery, maps, blocks=BLOCKS, steps=5, batch_size=3)
    alone = faithfulness_curves(score, query[2:3], gallery[2:3], maps[2:3], blocks=BLOCKS, steps=5)
    torch.testing.assert_close(whole.apart_first, small.apart_first)
    torch.testing.assert_close(whole.together_first[2:3], alone.together_first)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"blocks": (5, 4)}, "blocks must divide"),
        ({"blocks": BLOCKS, "steps": 17}, r"steps be in 1\.\.16"),
        ({"blocks": BLOCKS, "mode": "removal"}, '"deletion" or "insertion"'),
        ({"blocks": BLOCKS, "fill": "black"}, "mean, blur"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        faithfulness_curves(distance(), *pictures(0.0, 1.0), block_map(1.0), **settings)


def test_maps_and_rivals_of_other_pairs_are_refused():
    with pytest.raises(ValueError, match="one a pair"):
        faithfulness_curves(distance(), *pictures(0.0, 1.0), torch.ones(2, 1, 4, 4))
    with pytest.raises(ValueError, match=r"rivals must be \[1, R\]"):
        closer_rivals(torch.ones(1, 3), torch.ones(1, 0))
