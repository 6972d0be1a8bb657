"""True effects of attribute groups: models that read one thing, and every sum that has to come out."""

from __future__ import annotations

from itertools import permutations

import pytest
import torch

from whyreid.data.loading import ImageStore
from whyreid.explain.pair_score import TargetDistance, explaining
from whyreid.models.target import ImageInput, TargetModel
from whyreid.pedestrians import GROUPS, counterfactual, read_identities, read_shots
from whyreid.truth.counterfactual_effects import (
    coalition_values,
    counterfactual_effects,
    read_counterfactuals,
    render_counterfactuals,
)


class Bands(torch.nn.Module):
    """The mean colour of horizontal bands: sees colours, knows nothing."""

    def __init__(self, rows: slice) -> None:
        super().__init__()
        self.rows = rows

    def forward(self, image):
        return image[:, :, self.rows]


def band_target(rows: slice) -> TargetModel:
    return TargetModel(
        Bands(rows), feature_node=None, pooling=lambda x: x.mean(dim=(2, 3)), image_input=ImageInput(64, 32)
    )


def test_truth_and_remainder_add_up_to_the_score(few_pairs, renders, network):
    scores = [TargetDistance(network), TargetDistance(network, squared=True)]
    for found in counterfactual_effects(few_pairs, renders, scores):
        torch.testing.assert_close(found.truth.nansum(dim=1) + found.remainder, found.score)
        assert torch.equal(found.differs, few_pairs.differs())
        assert found.groups == GROUPS


def test_the_score_is_that_of_the_pictures_on_disk(few_pairs, renders, network):
    distance, square = counterfactual_effects(
        few_pairs, renders, [TargetDistance(network), TargetDistance(network, squared=True)]
    )
    with torch.no_grad():
        first, second = (
            torch.nn.functional.normalize(network(images).embedding, dim=1)
            for images in few_pairs.pictures(network.image_input)
        )
    expected = (first - second).norm(dim=1).double()
    torch.testing.assert_close(distance.score, expected, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(square.score, expected.square(), rtol=1e-4, atol=1e-6)
    assert (distance.kind, square.kind) == ("distance", "squared_distance")


def test_the_empty_coalition_is_the_picture_and_the_full_one_has_all_groups(few_pairs, renders):
    for number, ((one, other), players) in enumerate(zip(few_pairs.persons(), few_pairs.players(), strict=True)):
        found = read_counterfactuals(renders, number)
        row = int(few_pairs.query_rows[number])
        assert torch.equal(found.query[0], ImageStore(few_pairs.query, (64, 32)).fetch(torch.tensor([row]))[0])
        (shot,) = read_shots(few_pairs.query.images.iloc[[row]], read_identities(few_pairs.query.root))
        assert torch.equal(found.query[-1], counterfactual(one, shot, other, players, height=64, width=32).images[0])


def test_shapley_values_by_all_permutations_of_renderings(few_pairs, renders, network):
    number = min(range(len(few_pairs)), key=lambda p: len(few_pairs.players()[p]))
    score = TargetDistance(network)
    found = read_counterfactuals(renders, number)
    with explaining(score), torch.no_grad():
        value = coalition_values(found, [score])[:, 0]
    worth = {tuple(row): float(v) for row, v in zip(found.plan.members.tolist(), value, strict=True)}
    players = few_pairs.players()[number]
    total = dict.fromkeys(players, 0.0)
    orders = list(permutations(range(len(players))))
    for order in orders:
        taken = [False] * len(players)
        for player in order:
            before = worth[tuple(taken)]
            taken[player] = True
            total[players[player]] += worth[tuple(taken)] - before
    (effects,) = counterfactual_effects(few_pairs, renders, [score])
    for group, gain in total.items():
        assert float(effects.truth[number, GROUPS.index(group)]) == pytest.approx(-gain / len(orders), abs=1e-9)


def test_both_directions_count_alike(few_pairs, renders, network):
    found = read_counterfactuals(renders, 0)
    score = TargetDistance(network)
    with explaining(score), torch.no_grad():
        values = coalition_values(found, [score])[:, 0]
        one, other = (
            torch.nn.functional.normalize(network(network.image_input.prepare(i)).embedding, dim=1)
            for i in (found.query, found.gallery)
        )
    expected = ((one - other[:1]).norm(dim=1) + (other - one[:1]).norm(dim=1)) / 2
    torch.testing.assert_close(values, expected.double(), rtol=1e-4, atol=1e-6)


def test_a_model_of_the_feet_is_told_nothing_by_hats_and_upper_colours(few_pairs, renders):
    (feet,) = counterfactual_effects(few_pairs, renders, [TargetDistance(band_target(slice(56, 64)))])
    (breast,) = counterfactual_effects(few_pairs, renders, [TargetDistance(band_target(slice(16, 28)))])
    colour = GROUPS.index("upper colour")
    differs = feet.differs[:, colour]
    assert differs.any()
    assert (feet.truth[differs, colour].abs() < 0.02 * breast.truth[differs, colour].abs().max()).all()


def test_a_constant_model_has_no_effects(few_pairs, renders):
    constant = TargetModel(
        Bands(slice(0, 64)), feature_node=None, pooling=lambda x: 0 * x.mean(dim=(2, 3)), image_input=ImageInput(64, 32)
    )
    (found,) = counterfactual_effects(few_pairs, renders, [TargetDistance(constant)])
    assert found.truth.nansum() == 0
    assert found.remainder.tolist() == [0, 0, 0]
    assert found.mean_size().nansum() == 0


def test_few_players_are_exact_and_many_have_errors(few_pairs, renders, network):
    (found,) = counterfactual_effects(few_pairs, renders, [TargetDistance(network)])
    for row, players in enumerate(few_pairs.players()):
        errors = found.standard_errors[row][found.differs[row]]
        assert (errors > 0).any() == (len(players) > 5)
    assert {len(players) > 5 for players in few_pairs.players()} == {True, False}


def test_rendering_goes_on_where_it_was_killed(few_pairs, renders, tmp_path, monkeypatch):
    whole = (renders / "00000.pt").read_bytes()
    (tmp_path / "00000.pt").write_bytes(whole)
    render_counterfactuals(few_pairs.take(torch.tensor([0])), tmp_path, most_exact=5, samples=2)
    assert (tmp_path / "00000.pt").read_bytes() == whole
    assert [path.name for path in tmp_path.iterdir()] == ["00000.pt"]


def test_nothing_to_measure_is_refused(few_pairs, renders, network):
    with pytest.raises(ValueError, match=r"there must be pairs and scores, got 3 and 0"):
        counterfactual_effects(few_pairs, renders, [])
    with pytest.raises(ValueError, match=r"got 0 and 1"):
        counterfactual_effects(few_pairs.take(torch.tensor([], dtype=torch.long)), renders, [TargetDistance(network)])
    other = band_target(slice(0, 8))
    with pytest.raises(ValueError, match=r"scores must share one network"):
        counterfactual_effects(few_pairs, renders, [TargetDistance(network), TargetDistance(other)])
