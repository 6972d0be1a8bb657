"""Who lives in a world: attribute values at wanted frequencies, planted correlations, families of look-alikes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from whyreid.pedestrians.identity import GROUPS, MIXED, SCHEMA, Identity, positive_value, values_of
from whyreid.pedestrians.wardrobe import draw_identity, draw_style

# Share of positive training identities of Market-1501 (751 identities; Lin et al. 2019), in per cent.
MARKET_FREQUENCIES: dict[str, float] = {
    "age1": 1.86, "age2": 75.77, "age3": 21.30, "age4": 1.07, "backpack": 26.50, "bag": 24.63, "handbag": 11.45,
    "clothes": 85.35, "down": 60.85, "up": 94.81, "hair": 32.62, "hat": 2.66, "gender": 42.61, "downblack": 39.01,
    "downblue": 16.38, "downbrown": 9.19, "downgray": 16.38, "downgreen": 1.86, "downpink": 3.86, "downpurple": 0.27,
    "downwhite": 7.72, "downyellow": 1.33, "upblack": 15.05, "upblue": 6.13, "upgreen": 7.46, "upgray": 11.45,
    "uppurple": 3.99, "upred": 10.39, "upwhite": 30.36, "upyellow": 4.79,
}  # fmt: skip


@dataclass(frozen=True)
class Correlation:
    """A planted dependence between two binary attributes.

    Attributes:
        first, second: names of attributes of different groups.
        phi: their correlation coefficient over the identities, -1..1; both keep their frequencies.
    """

    first: str
    second: str
    phi: float


def group_distributions(frequencies: Mapping[str, float] | str = "market") -> dict[str, dict[str, float]]:
    """The distribution of every group's values.

    Args:
        frequencies: "market" (training identities of Market-1501), "balanced" (all values of a group equally often), or
            a mapping from some of the 30 names to the share of positive identities in 0..1; names that are not given
            keep Market-1501's share, scaled to the room that their group leaves.

    Returns:
        group -> value -> probability; what the colours of a group leave is "mixed".

    Raises:
        ValueError: an unknown name, or shares of one group that add up to more than 1.
    """
    if isinstance(frequencies, str):
        if frequencies not in ("market", "balanced"):
            raise ValueError(f"frequencies must be 'market', 'balanced' or a mapping, got {frequencies!r}; choose one.")
        if frequencies == "balanced":
            return {group: {value: 1.0 / len(values_of(group)) for value in values_of(group)} for group in GROUPS}
        frequencies = {}
    unknown = sorted(set(frequencies) - set(SCHEMA.names))
    if unknown:
        raise ValueError(f"frequencies must name attributes of {list(SCHEMA.names)}, got {unknown}; correct the names.")
    return {group: _distribution(group, frequencies) for group in GROUPS}


def _distribution(group: str, given: Mapping[str, float]) -> dict[str, float]:
    """One group's distribution: given shares, Market's scaled to the rest, what is left for "mixed" or "no"."""
    members = SCHEMA.groups[group]
    fixed = sum(given[name] for name in members if name in given)
    if fixed > 1.0 + 1e-9 or any(given[name] < 0 for name in members if name in given):
        raise ValueError(f"shares of {group!r} must be in 0..1 and add up to at most 1, got {fixed:.3f}; lower them.")
    if group not in ("age", "upper colour", "lower colour"):
        share = given.get(group, MARKET_FREQUENCIES[group] / 100.0)
        absent, present = values_of(group)
        return {absent: 1.0 - share, present: share}
    default = {name: MARKET_FREQUENCIES[name] / 100.0 for name in members}
    if group == "age":
        default = {name: share / sum(default.values()) for name, share in default.items()}
    free = 1.0 - sum(default[name] for name in members if name in given)
    scale = (1.0 - fixed) / free if free > 0 else 0.0
    shares = {positive_value(name): given.get(name, default[name] * scale) for name in members}
    if group == "age":
        total = sum(shares.values())
        return {value: share / total for value, share in shares.items()}
    return shares | {MIXED: max(0.0, 1.0 - sum(shares.values()))}


def _quota(distribution: Mapping[str, float], count: int, random: Random) -> list[str]:
    """``count`` values in random order whose numbers differ from the distribution by less than one each."""
    exact = {value: share * count for value, share in distribution.items()}
    counts = {value: math.floor(number + 1e-9) for value, number in exact.items()}
    rest = sorted(exact, key=lambda value: (counts[value] - exact[value], value))
    for value in rest[: count - sum(counts.values())]:
        counts[value] += 1
    values = [value for value, number in counts.items() for _ in range(number)]
    random.shuffle(values)
    return values


def draw_values(
    count: int,
    distributions: Mapping[str, Mapping[str, float]],
    random: Random,
    *,
    correlation: Correlation | None = None,
) -> list[dict[str, str]]:
    """Values of all groups for ``count`` persons: quotas met to within one person, groups independent of each other.

    With a ``correlation`` the group of its second attribute is drawn given the first attribute instead.
    """
    columns = {group: _quota(distributions[group], count, random) for group in GROUPS}
    people = [{group: columns[group][index] for group in GROUPS} for index in range(count)]
    if correlation is not None:
        _plant(people, distributions, correlation, random)
    return people


def _plant(
    people: list[dict[str, str]],
    distributions: Mapping[str, Mapping[str, float]],
    correlation: Correlation,
    random: Random,
) -> None:
    """Redraw the second attribute's group so that its correlation with the first is as asked, quotas in both halves."""
    first, second = SCHEMA.group_of(correlation.first), SCHEMA.group_of(correlation.second)
    if first == second:
        raise ValueError(f"a correlation needs attributes of two groups, got both of {first!r}; choose another pair.")
    wanted, target = positive_value(correlation.first), positive_value(correlation.second)
    p, q = distributions[first][wanted], distributions[second][target]
    both = p * q + correlation.phi * math.sqrt(p * (1 - p) * q * (1 - q))
    if not max(0.0, p + q - 1.0) - 1e-9 <= both <= min(p, q) + 1e-9:
        raise ValueError(
            f"phi={correlation.phi} cannot be had with frequencies {p:.3f} and {q:.3f}; "
            "lower |phi| or change the frequencies."
        )
    for value, share in ((True, both / p if p else q), (False, (q - both) / (1 - p) if p < 1 else q)):
        rows = [person for person in people if (person[first] == wanted) == value]
        others = {v: s for v, s in distributions[second].items() if v != target}
        scale = (1.0 - share) / max(1e-12, sum(others.values()))
        drawn = _quota({target: share} | {v: s * scale for v, s in others.items()}, len(rows), random)
        for person, new in zip(rows, drawn, strict=True):
            person[second] = new


def look_alike(
    identity: Identity,
    person: int,
    distributions: Mapping[str, Mapping[str, float]],
    random: Random,
    *,
    protected: Sequence[str] = (),
) -> Identity:
    """Another person who looks the same but for one or two attribute groups.

    Proposed changes are accepted with the ratio of the two values' frequencies (Metropolis), so that look-alikes do not
    make rare attributes common. Groups in ``protected`` are kept.
    """
    twin = replace(identity, person=person, seed=random.getrandbits(31))
    changes = random.choice((1, 2))
    open_groups = [group for group in GROUPS if group not in protected]
    while changes:
        group = random.choice(open_groups)
        old = identity.value(group)
        new = random.choice([value for value in values_of(group) if value != old])
        odds = distributions[group][new] / max(distributions[group][old], 1e-9)
        if random.random() < odds:
            twin = replace(twin, **draw_style(group, new, random))
            open_groups.remove(group)
            changes -= 1
    return twin


def populate(
    numbers: Sequence[int],
    random: Random,
    *,
    distributions: Mapping[str, Mapping[str, float]],
    correlation: Correlation | None = None,
    look_alikes: float = 0.6,
) -> tuple[list[Identity], dict[int, int]]:
    """The people of one split.

    Args:
        numbers: one person number each.
        random: source of all draws.
        distributions: of every group's values, see `group_distributions`.
        correlation: a planted dependence; its groups are the same in both members of a family.
        look_alikes: share of the persons that belong to a family of two to four who look like its first member.

    Returns:
        the persons, and person -> family (the number of the family's first person) for those who have one.
    """
    values = draw_values(len(numbers), distributions, random, correlation=correlation)
    people = [draw_identity(number, value, random) for number, value in zip(numbers, values, strict=True)]
    protected = [] if correlation is None else [SCHEMA.group_of(correlation.first), SCHEMA.group_of(correlation.second)]
    family: dict[int, int] = {}
    start, wanted = 0, look_alikes * len(numbers)
    while start + 2 <= len(numbers) and start < wanted:
        size = min(random.choice((2, 2, 3, 4)), len(numbers) - start)
        first = people[start]
        for place in range(start + 1, start + size):
            people[place] = look_alike(first, numbers[place], distributions, random, protected=protected)
        family |= {number: first.person for number in numbers[start : start + size]}
        start += size
    return people, family
