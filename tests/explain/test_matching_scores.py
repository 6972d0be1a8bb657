from __future__ import annotations

import math

import pytest
import torch

from whyreid.explain import matching_scores, rank_list_matching_scores


def printed_reference(query: float, gallery: float) -> float:
    return (1 - abs(query - gallery)) / (0.5 + abs(query - 0.5))


def one(query: float, gallery: float, form: str) -> float:
    x = torch.tensor([[query]], dtype=torch.float64)
    y = torch.tensor([[gallery]], dtype=torch.float64)
    return matching_scores(x, y, form=form).scores.item()


@pytest.mark.parametrize(
    ("query", "gallery", "printed", "bounded"),
    [
        (1.0, 1.0, 1.0, 1.0),  # certain and equal
        (1.0, 0.0, 0.0, 0.0),  # opposite extremes
        (0.9, 0.9, 1 / 0.9, 1.0),  # 1 / 0.9
        (0.9, 1.0, 1.0, 1 - 0.1 / 0.9),  # surer than the query: lower than an equal one
        (0.9, 0.0, 0.1 / 0.9, 0.0),  # the lower bound (1 - c) / c
        (0.5, 0.5, 2.0, 1.0),  # the printed form's largest value
        (0.2, 0.6, 0.6 / 0.8, 0.5),  # c = 0.8, difference 0.4
        (0.1, 0.1, 1 / 0.9, 1.0),  # absence is scored as presence is
    ],
)
def test_both_forms_by_hand(query, gallery, printed, bounded):
    assert one(query, gallery, "printed") == pytest.approx(printed, abs=1e-12)
    assert one(query, gallery, "bounded") == pytest.approx(bounded, abs=1e-12)


def test_printed_form_equals_a_plain_loop(generator):
    query = torch.rand(4, 6, generator=generator, dtype=torch.float64)
    gallery = torch.rand(5, 6, generator=generator, dtype=torch.float64)
    scores = matching_scores(query, gallery, form="printed").scores
    for q in range(4):
        for g in range(5):
            for a in range(6):
                expected = printed_reference(query[q, a].item(), gallery[g, a].item())
                assert scores[q, g, a].item() == pytest.approx(expected, abs=1e-12)


def test_bounded_form_is_the_printed_one_less_its_lower_bound(generator):
    query = torch.rand(20, 8, generator=generator, dtype=torch.float64)
    gallery = torch.rand(30, 8, generator=generator, dtype=torch.float64)
    certainty = torch.maximum(query, 1 - query)[:, None, :]
    printed = matching_scores(query, gallery, form="printed").scores
    bounded = matching_scores(query, gallery, form="bounded").scores
    torch.testing.assert_close(bounded, printed - (1 - certainty) / certainty)
    assert bounded.min() >= 0
    assert bounded.max() <= 1
    assert printed.max() > 1  # the printed form is not a fraction


def test_scores_do_not_care_which_side_is_called_present(generator):
    query, gallery = (torch.rand(3, 4, generator=generator, dtype=torch.float64) for _ in range(2))
    for form in ("bounded", "printed"):
        torch.testing.assert_close(
            matching_scores(query, gallery, form=form).scores, matching_scores(1 - query, 1 - gallery, form=form).scores
        )


def test_selection_is_strict_and_absence_is_marked():
    # margin 0.25 and binary fractions, so that the border is exact: 0.75 is not selected
    query = torch.tensor([[0.75, 0.8125, 0.25, 0.125, 0.5]])
    found = matching_scores(query, query, margin=0.25)
    assert found.selected.tolist() == [[False, True, False, True, False]]
    assert found.present.tolist() == [[True, True, False, False, False]]


def test_default_margin_is_the_worked_example():
    query = torch.tensor([[0.95, 0.85, 0.15, 0.05]])
    assert matching_scores(query, query).selected.tolist() == [[True, False, False, True]]
    assert matching_scores(query, query, margin=0.1).selected.all()


def test_mean_counts_selected_attributes_only():
    query = torch.tensor([[1.0, 0.0, 0.6], [0.5, 0.5, 0.5]])
    gallery = torch.tensor([[1.0, 0.5, 0.0], [0.0, 0.0, 0.6]])
    # query 0, selected 0 and 1: gallery 0 (1 + 0.5) / 2, gallery 1 (0 + 1) / 2; query 1 has none
    mean = matching_scores(query, gallery).mean()
    assert mean[0].tolist() == [0.75, 0.5]
    assert mean[1].isnan().all()


def test_rank_list_is_a_gather_of_the_whole(generator):
    query, gallery = torch.rand(4, 3, generator=generator), torch.rand(7, 3, generator=generator)
    ranking = torch.stack([torch.randperm(7, generator=generator)[:5] for _ in range(4)])
    whole = matching_scores(query, gallery, form="printed", margin=0.2)
    listed = rank_list_matching_scores(query, gallery, ranking, form="printed", margin=0.2)
    assert torch.equal(listed.scores, whole.scores.gather(1, ranking[:, :, None].expand(-1, -1, 3)))
    assert torch.equal(listed.selected, whole.selected)
    assert torch.equal(listed.present, whole.present)


def test_missing_rank_is_nan_and_alone():
    query, gallery = torch.tensor([[0.9, 0.9]]), torch.tensor([[0.9, 0.9]])
    listed = rank_list_matching_scores(query, gallery, torch.tensor([[0, -1]]), margin=0.1)
    assert listed.scores[0, 1].isnan().all()
    mean = listed.mean()[0].tolist()
    assert mean[0] == 1.0
    assert math.isnan(mean[1])


def test_gallery_order_moves_with_the_scores(generator):
    query, gallery = torch.rand(2, 3, generator=generator), torch.rand(6, 3, generator=generator)
    order = torch.randperm(6, generator=generator)
    assert torch.equal(matching_scores(query, gallery[order]).scores, matching_scores(query, gallery).scores[:, order])


def test_half_precision_is_scored_in_single():
    query = torch.tensor([[0.9]], dtype=torch.float16)
    assert matching_scores(query, query).scores.dtype == torch.float32


def test_device(device):
    query = torch.rand(2, 3, device=device)
    assert matching_scores(query, query).scores.device.type == device.type


def test_wrong_inputs_are_refused():
    good = torch.rand(2, 3)
    with pytest.raises(TypeError, match=r"torch.from_numpy\(query_probabilities\)"):
        matching_scores(good.numpy(), good)
    with pytest.raises(ValueError, match=r"gallery_probabilities must lie in \[0, 1\].*sigmoid"):
        matching_scores(good, good * 5 + 1)
    with pytest.raises(ValueError, match=r"same attributes, got 3 and 2"):
        matching_scores(good, good[:, :2])
    with pytest.raises(ValueError, match=r"margin must be in \[0, 0.5\).*got 0.5"):
        matching_scores(good, good, margin=0.5)
    with pytest.raises(ValueError, match=r'form must be "bounded" or "printed", got \'clipped\''):
        matching_scores(good, good, form="clipped")
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\], got \[nan"):
        matching_scores(torch.tensor([[float("nan")]]), torch.ones(1, 1))


def test_wrong_rankings_are_refused():
    good = torch.rand(2, 3)
    with pytest.raises(ValueError, match=r"ranking must be \[2, k\].*got \[3, 1\]"):
        rank_list_matching_scores(good, good, torch.zeros(3, 1, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"gallery rows below 2, got 2"):
        rank_list_matching_scores(good, good, torch.full((2, 1), 2))
    with pytest.raises(TypeError, match=r"ranking must be int64"):
        rank_list_matching_scores(good, good, torch.zeros(2, 1))
