from __future__ import annotations

import colorsys
from random import Random

import pytest

from whyreid.pedestrians import GROUPS
from whyreid.pedestrians.identity import (
    CUTS,
    HAIR_STYLES,
    HAT_STYLES,
    LOWER_COLOURS,
    PATTERNS,
    UPPER_COLOURS,
    group_fields,
    values_of,
)
from whyreid.pedestrians.wardrobe import draw_style, hsv_to_hex, shade


def hsv(colour: str) -> tuple[float, float, float]:
    hue, saturation, value = colorsys.rgb_to_hsv(*(int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)))
    return 360 * hue, saturation, value


def named(colour: str) -> str:
    """What a person would call a colour, by rules independent of the tables of the wardrobe."""
    hue, saturation, value = hsv(colour)
    if value < 0.2:
        return "black"
    if saturation < 0.12:
        return "white" if value > 0.8 else "gray"
    if hue < 40 and value < 0.5 and saturation > 0.3 and hue > 12:
        return "brown"
    if hue > 320 and saturation < 0.6 and value > 0.8:
        return "pink"
    for limit, name in ((15, "red"), (60, "yellow"), (165, "green"), (250, "blue"), (310, "purple"), (361, "red")):
        if hue < limit:
            return name
    raise AssertionError(colour)


@pytest.mark.parametrize("colour", sorted({*UPPER_COLOURS, *LOWER_COLOURS}))
def test_every_shade_of_a_colour_would_be_called_by_its_name(colour: str) -> None:
    random = Random(0)
    assert {named(shade(colour, random)) for _ in range(200)} == {colour}


def test_hsv_agrees_with_the_standard_library() -> None:
    random = Random(0)
    for _ in range(50):
        hue, saturation, value = random.uniform(0, 360), random.random(), random.random()
        expected = colorsys.hsv_to_rgb(hue / 360, saturation, value)
        got = hsv_to_hex(hue, saturation, value)
        assert [int(got[k : k + 2], 16) for k in (1, 3, 5)] == pytest.approx([255 * c for c in expected], abs=0.51)


@pytest.mark.parametrize("group", GROUPS)
def test_a_style_has_exactly_the_fields_of_its_group(group: str) -> None:
    for value in values_of(group):
        assert set(draw_style(group, value, Random(1))) == set(group_fields(group))


def test_styles_fit_the_value() -> None:
    random = Random(0)
    for _ in range(40):
        assert (
            draw_style("up", "short sleeve", random)["up_length"]
            < 0.5
            < 0.9
            < draw_style("up", "long sleeve", random)["up_length"]
        )
        assert draw_style("hair", "short hair", random)["hair_style"] in HAIR_STYLES[:2]
        assert draw_style("hair", "long hair", random)["hair_style"] in HAIR_STYLES[2:]
        assert draw_style("clothes", "pants", random)["clothes_cut"] in CUTS[:3]
        assert draw_style("clothes", "dress", random)["clothes_cut"] in CUTS[3:]
        assert draw_style("hat", "hat", random)["hat_style"] in HAT_STYLES


def test_a_mixed_garment_has_two_colours_of_different_names_side_by_side() -> None:
    random = Random(0)
    for _ in range(60):
        style = draw_style("upper colour", "mixed", random)
        assert style["upper_colour_pattern"] in PATTERNS[1:5]
        first, second = hsv(style["upper_colour_shade"]), hsv(style["upper_colour_second"])
        apart = min(abs(first[0] - second[0]), 360 - abs(first[0] - second[0]))
        assert apart > 20 or abs(first[2] - second[2]) > 0.25 or abs(first[1] - second[1]) > 0.4


def test_the_second_colour_of_a_patterned_garment_keeps_its_name_unless_it_is_a_print() -> None:
    random = Random(0)
    for _ in range(300):
        style = draw_style("upper colour", "red", random)
        if style["upper_colour_pattern"] != "logo":
            assert named(style["upper_colour_second"]) in ("red", "brown")


def test_styles_of_a_group_know_nothing_of_the_other_groups() -> None:
    # Old age and grey hair are the only tie, and it is a field of age; the hair group itself is drawn alone.
    assert draw_style("hair", "long hair", Random(4)) == draw_style("hair", "long hair", Random(4))
    assert not any(name.startswith("hair") for name in draw_style("age", "old", Random(4)))


def test_an_unknown_value_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="upper colour must be one of"):
        draw_style("upper colour", "turquoise", Random(0))
