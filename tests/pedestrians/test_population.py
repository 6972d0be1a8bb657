from __future__ import annotations

from collections import Counter
from random import Random

import numpy as np
import pytest

from whyreid.pedestrians import GROUPS, Correlation, differing_groups
from whyreid.pedestrians.identity import SCHEMA, values_of
from whyreid.pedestrians.population import MARKET_FREQUENCIES, draw_values, group_distributions, populate


def matrix(people) -> np.ndarray:
    return np.array([list(person.attributes().values()) for person in people])


def test_market_frequencies_name_all_attributes_and_leave_room_for_mixed_colours() -> None:
    assert set(MARKET_FREQUENCIES) == set(SCHEMA.names)
    distributions = group_distributions("market")
    for group in GROUPS:
        assert sum(distributions[group].values()) == pytest.approx(1.0)
        assert set(distributions[group]) == set(values_of(group))
    assert distributions["upper colour"]["mixed"] == pytest.approx(0.1038, abs=1e-3)  # 100 - the eight shares above
    assert distributions["up"]["short sleeve"] == pytest.approx(0.9481)


def test_quotas_are_met_to_within_one_person() -> None:
    distributions = group_distributions("market")
    people = draw_values(751, distributions, Random(0))
    for group in GROUPS:
        counts = Counter(person[group] for person in people)
        for value, share in distributions[group].items():
            assert abs(counts[value] - 751 * share) < 1.0


def test_groups_are_independent_by_default() -> None:
    people, _ = populate(range(4000), Random(1), distributions=group_distributions("balanced"))
    values = matrix(people)
    related = np.corrcoef(values.T)
    groups = [SCHEMA.group_of(name) for name in SCHEMA.names]
    between = [abs(related[i, j]) for i in range(30) for j in range(i) if groups[i] != groups[j]]
    assert max(between) < 0.07  # 4 standard errors of a correlation of 4000, over 350 pairs


@pytest.mark.parametrize("phi", [0.5, -0.4])
def test_a_planted_correlation_is_there_and_frequencies_stay(phi: float) -> None:
    distributions = group_distributions({"backpack": 0.4, "upred": 0.3})
    people, _ = populate(
        range(2000), Random(2), distributions=distributions, correlation=Correlation("backpack", "upred", phi)
    )
    values = matrix(people)
    first, second = SCHEMA.index("backpack"), SCHEMA.index("upred")
    assert np.corrcoef(values[:, first], values[:, second])[0, 1] == pytest.approx(
        phi, abs=0.05
    )  # families repeat pairs
    assert values[:, first].mean() == pytest.approx(0.4, abs=0.03)  # look-alikes repeat their families
    assert values[:, second].mean() == pytest.approx(0.3, abs=0.03)
    assert abs(np.corrcoef(values[:, first], values[:, SCHEMA.index("gender")])[0, 1]) < 0.1


def test_an_impossible_correlation_is_refused() -> None:
    distributions = group_distributions("market")
    with pytest.raises(ValueError, match="cannot be had"):
        draw_values(100, distributions, Random(0), correlation=Correlation("hat", "gender", 0.9))
    with pytest.raises(ValueError, match="two groups"):
        draw_values(100, distributions, Random(0), correlation=Correlation("upred", "upblue", 0.1))


def test_look_alikes_are_a_quarter_at_least_and_differ_in_one_or_two_groups() -> None:
    people, family = populate(range(1, 201), Random(3), distributions=group_distributions("market"))
    by_number = {person.person: person for person in people}
    assert len(family) >= 50
    for number, first in family.items():
        if number != first:
            twin, original = by_number[number], by_number[first]
            assert 1 <= len(differing_groups(twin, original)) <= 2
            assert twin.seed != original.seed
            assert (twin.height, twin.skin, twin.shoes) == (original.height, original.skin, original.shoes)


def test_look_alikes_do_not_make_rare_attributes_common() -> None:
    people, _ = populate(range(6000), Random(4), distributions=group_distributions("market"), look_alikes=0.5)
    share = 100 * matrix(people).mean(axis=0)
    for name, value in zip(SCHEMA.names, share, strict=True):
        assert value == pytest.approx(MARKET_FREQUENCIES[name], abs=0.6 if value < 5 else 1.5), name


def test_given_frequencies_hold_and_the_rest_of_their_group_shrinks() -> None:
    distributions = group_distributions({"upred": 0.6, "hat": 0.5, "age4": 0.5})
    assert distributions["upper colour"]["red"] == 0.6
    assert distributions["hat"]["hat"] == 0.5
    assert distributions["age"]["old"] == pytest.approx(0.5)
    market = group_distributions("market")["upper colour"]
    assert distributions["upper colour"]["white"] / distributions["upper colour"]["black"] == pytest.approx(
        market["white"] / market["black"]
    )
    for distribution in distributions.values():
        assert sum(distribution.values()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("frequencies", "message"),
    [
        ("duke", "'market', 'balanced'"),
        ({"umbrella": 0.1}, "name attributes"),
        ({"upred": 0.7, "upblue": 0.6}, "at most 1"),
    ],
)
def test_wrong_frequencies_are_refused(frequencies, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        group_distributions(frequencies)
