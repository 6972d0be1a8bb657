from __future__ import annotations

import math

import pytest
import torch

from whyreid.explain import (
    area_by_attribute,
    area_under_curve,
    balanced_accuracy,
    calibration_error,
    prediction_quality,
    reliability_curve,
)

TRUE_FALSE = torch.tensor([True, True, True, False, False])


def test_balanced_accuracy_by_hand():
    # positives: .9 right, .4 wrong, .5 half -> 1.5 / 3; negatives: .1 right, .8 wrong -> 1 / 2
    probabilities = torch.tensor([0.9, 0.4, 0.5, 0.1, 0.8])
    assert balanced_accuracy(probabilities, TRUE_FALSE) == pytest.approx((0.5 + 0.5) / 2)
    # 2 of 3 and 2 of 2
    assert balanced_accuracy(torch.tensor([0.9, 0.6, 0.2, 0.1, 0.4]), TRUE_FALSE) == pytest.approx((2 / 3 + 1) / 2)


def test_constant_prediction_is_worth_a_half_however_rare_the_attribute():
    labels = torch.arange(100) < 3
    for value in (0.0, 0.5, 1.0):
        assert balanced_accuracy(torch.full((100,), value), labels) == 0.5


def test_area_under_curve_equals_counting_pairs(generator):
    scores = torch.randint(0, 6, (40,), generator=generator).double()  # many ties
    labels = torch.rand(40, generator=generator) < 0.4
    won = sum(
        1.0 if p > n else 0.5 if p == n else 0.0 for p in scores[labels].tolist() for n in scores[~labels].tolist()
    )
    expected = won / (int(labels.sum()) * int((~labels).sum()))
    assert area_under_curve(scores, labels) == pytest.approx(expected)


def test_area_by_attribute_is_the_area_of_each_column(generator):
    scores = torch.rand(30, 3, generator=generator)
    labels = torch.rand(30, 3, generator=generator) < 0.5
    labels[:, 2] = True
    areas = area_by_attribute(scores, labels)
    assert areas[:2].tolist() == [area_under_curve(scores[:, a], labels[:, a]) for a in (0, 1)]
    assert areas[2].isnan()
    with pytest.raises(ValueError, match=r"must be \[N, A\] each, got \[30, 3\] and \[30, 2\]"):
        area_by_attribute(scores, labels[:, :2])


def test_area_under_curve_extremes():
    labels = torch.tensor([True, False])
    assert area_under_curve(torch.tensor([0.9, 0.1]), labels) == 1.0
    assert area_under_curve(torch.tensor([0.1, 0.9]), labels) == 0.0
    assert area_under_curve(torch.tensor([0.5, 0.5]), labels) == 0.5


def test_measures_of_one_sided_labels_are_undefined():
    for labels in (torch.tensor([True, True]), torch.tensor([False, False])):
        assert math.isnan(balanced_accuracy(torch.tensor([0.2, 0.9]), labels))
        assert math.isnan(area_under_curve(torch.tensor([0.2, 0.9]), labels))


def test_calibration_error_by_hand():
    # bin [.0, .5): .1 .3, one of two positive: |.5 - .2| = .3; bin [.5, 1]: .6 .8 1.0, two of three: |2/3 - .8|
    probabilities = torch.tensor([0.1, 0.3, 0.6, 0.8, 1.0], dtype=torch.float64)
    labels = torch.tensor([True, False, True, False, True])
    expected = 2 / 5 * 0.3 + 3 / 5 * (0.8 - 2 / 3)
    assert calibration_error(probabilities, labels, bins=2) == pytest.approx(expected)
    curve = reliability_curve(probabilities, labels, bins=2)
    assert curve["n"].tolist() == [2, 3]
    assert curve["mean_probability"].tolist() == pytest.approx([0.2, 0.8])
    assert curve["positive_share"].tolist() == pytest.approx([0.5, 2 / 3])


def test_honest_probabilities_are_calibrated_and_overconfident_ones_are_not(generator):
    honest = torch.rand(20_000, generator=generator, dtype=torch.float64)
    labels = torch.rand(20_000, generator=generator, dtype=torch.float64) < honest
    assert calibration_error(honest, labels) < 0.02
    assert calibration_error((honest > 0.5).double(), labels) == pytest.approx(0.25, abs=0.02)


def test_empty_bins_are_shown_and_do_not_count():
    curve = reliability_curve(torch.tensor([0.05, 0.95]), torch.tensor([False, True]), bins=10)
    assert curve["n"].sum() == 2
    assert curve["mean_probability"].isna().sum() == 8
    assert calibration_error(torch.tensor([0.05, 0.95]), torch.tensor([False, True])) == pytest.approx(0.05)


def test_table_masks_missing_labels_and_unlearned_attributes():
    probabilities = torch.tensor([[0.9, 0.5], [0.1, 0.5], [0.9, 0.5]])
    attributes = torch.tensor([[True, True], [False, False], [False, True]])
    known = torch.tensor([[True, True], [True, True], [False, True]])
    table = prediction_quality(
        probabilities, attributes, names=["hat", "bag"], known=known, fitted=torch.tensor([True, False])
    )
    assert table["positives"].tolist() == [1, 2]
    assert table["negatives"].tolist() == [1, 1]
    assert table.loc[0, "balanced_accuracy"] == 1.0  # the wrong third picture has no label
    assert table.loc[1, ["balanced_accuracy", "auc", "calibration_error"]].isna().all()


def test_wrong_inputs_are_refused():
    with pytest.raises(TypeError, match=r"labels must be bool, got torch.int64"):
        balanced_accuracy(torch.rand(3), torch.ones(3, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"one attribute at a time"):
        area_under_curve(torch.rand(3, 2), torch.ones(3, 2, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\], got \[-1, 2\].*sigmoid"):
        calibration_error(torch.tensor([-1.0, 2.0]), torch.tensor([True, False]))
    with pytest.raises(ValueError, match=r"must be \[N, 2\] \(one column a name\)"):
        prediction_quality(torch.rand(3, 3), torch.ones(3, 3, dtype=torch.bool), names=["a", "b"])
