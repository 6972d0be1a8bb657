"""What a value of an attribute group looks like on one person: shades, patterns, lengths, styles.

`draw_style` turns ("upper colour", "red") into one of many red garments. The draws of different groups are
independent, so that knowing one group's style says nothing about another's; the exceptions are recorded in
`KNOWN_BIASES` and in the data-set card.
"""

from __future__ import annotations

from random import Random
from typing import Any

from whyreid.pedestrians.identity import MIXED, TOP_FORMS, Identity, value_field, values_of

KNOWN_BIASES: dict[str, str] = {
    "age, hair colour": "old people have grey hair (85 % of them fully, the others in part); young people never",
    "age, stature and girth": "young people are small with a large head, old people stoop, adults are stouter",
    "gender, outline": "shoulders, waist, hips and limbs differ on average; the two distributions overlap",
}

# name -> hue range in degrees, saturation range, value range (HSV of sRGB)
_SHADES: dict[str, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    "black": ((0, 360), (0.0, 0.25), (0.05, 0.13)),
    "white": ((30, 60), (0.0, 0.05), (0.90, 1.0)),
    "gray": ((200, 230), (0.0, 0.06), (0.40, 0.62)),
    "red": ((354, 366), (0.80, 0.95), (0.58, 0.88)),
    "blue": ((212, 234), (0.62, 0.88), (0.40, 0.85)),
    "green": ((100, 150), (0.50, 0.85), (0.32, 0.65)),
    "yellow": ((46, 54), (0.75, 0.95), (0.85, 0.98)),
    "purple": ((270, 288), (0.50, 0.75), (0.40, 0.68)),
    "brown": ((18, 30), (0.52, 0.70), (0.26, 0.42)),
    "pink": ((332, 348), (0.32, 0.52), (0.88, 0.98)),
    "orange": ((22, 28), (0.82, 0.95), (0.90, 0.98)),
    "teal": ((174, 184), (0.60, 0.85), (0.45, 0.68)),
    "beige": ((34, 42), (0.28, 0.38), (0.70, 0.82)),
    "maroon": ((345, 352), (0.60, 0.75), (0.28, 0.36)),
}
_BAG_SHADES = ("black", "black", "gray", "brown", "blue", "red", "green", "beige", "pink", "teal", "orange")
_HAIR_SHADES = ("#12100e", "#1c1512", "#2b1d14", "#4a2f1b", "#6b4526", "#a5793f", "#7a3018")
_SHOE_SHADES = ("black", "black", "black", "white", "white", "white", "gray", "gray", "brown", "blue", "red")
_MIXED_PAIRS = (
    ("orange", "blue"), ("red", "white"), ("teal", "pink"), ("green", "yellow"), ("black", "orange"),
    ("purple", "yellow"), ("blue", "white"), ("brown", "teal"), ("beige", "maroon"), ("red", "black"),
)  # fmt: skip


def shade(name: str, random: Random) -> str:
    """One shade of a named colour as `#rrggbb`."""
    hue, saturation, value = (random.uniform(*limits) for limits in _SHADES[name])
    return hsv_to_hex(hue % 360.0, saturation, value)


def hsv_to_hex(hue: float, saturation: float, value: float) -> str:
    """Hue in degrees, saturation and value in 0..1, to `#rrggbb`."""

    def channel(n: float) -> int:
        k = (n + hue / 60.0) % 6.0
        return round(255 * (value - value * saturation * max(0.0, min(k, 4.0 - k, 1.0))))

    return f"#{channel(5):02x}{channel(3):02x}{channel(1):02x}"


def _near(colour: str, random: Random) -> str:
    """A clearly darker or lighter tone of the same hue: the second colour of a garment that still has one colour."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    bright = max(red, green, blue)
    if bright < 70:
        return "#{0:02x}{0:02x}{0:02x}".format(random.randint(70, 110))
    factor = random.uniform(0.55, 0.72)
    return "#{:02x}{:02x}{:02x}".format(*(round(factor * c) for c in (red, green, blue)))


def _contrast(colour: str, random: Random) -> str:
    """The colour of a print: light on dark, dark on light."""
    bright = max(int(colour[i : i + 2], 16) for i in (1, 3, 5))
    names = ("white", "yellow", "orange") if bright < 150 else ("black", "blue", "red")
    return shade(names[int(random.random() * 3)], random)


def _colour_style(name: str, value: str, random: Random) -> dict[str, Any]:
    """Shade, second colour, pattern and its scale of the garment on one half of the body."""
    upper = name == "upper_colour"
    if value == MIXED:
        first, second = random.choice(_MIXED_PAIRS)
        first, second = shade(first, random), shade(second, random)
        pattern = random.choice(("stripes", "check", "blocks", "blocks"))
    else:
        first = shade(value, random)
        pattern = random.choices(
            ("plain", "stripes", "columns", "check", "logo", "panel"),
            (50, 12, 5, 7, 16, 10) if upper else (70, 0, 8, 8, 0, 14),
        )[0]
        second = _contrast(first, random) if pattern == "logo" else _near(first, random)
    scale = round(random.uniform(0.8, 1.4), 3)
    return {f"{name}_shade": first, f"{name}_second": second, f"{name}_pattern": pattern, f"{name}_scale": scale}


def _lengths(group: str, value: str, random: Random) -> dict[str, Any]:
    """Where a sleeve ends along the arm (1 = wrist), where trousers or a skirt end along the leg (1 = ankle)."""
    limits = {"long sleeve": (0.95, 1.0), "short sleeve": (0.30, 0.46)} | {
        "long lower-body clothing": (0.90, 0.98),
        "short lower-body clothing": (0.30, 0.44),
    }
    return {f"{group}_length": round(random.uniform(*limits[value]), 3)}


def _hair(value: str, random: Random) -> dict[str, Any]:
    styles = ("crop", "full") if value == "short hair" else ("bob", "straight", "straight", "ponytail")
    return {
        "hair_style": random.choice(styles),
        "hair_colour": random.choice(_HAIR_SHADES),
        "hair_volume": round(random.uniform(0.0, 1.0), 3),
    }


def _hat(value: str, random: Random) -> dict[str, Any]:
    names = ("black", "gray", "red", "blue", "white", "green", "beige", "yellow")
    return {"hat_style": random.choice(("cap", "beanie", "brim")), "hat_colour": shade(random.choice(names), random)}


def _clothes(value: str, random: Random) -> dict[str, Any]:
    cuts = ("slim", "slim", "regular", "regular", "wide") if value == "pants" else ("skirt", "dress")
    return {"clothes_cut": random.choice(cuts), "clothes_flare": round(random.uniform(0.0, 1.0), 3)}


def _carried(name: str, random: Random) -> dict[str, Any]:
    """Colour, size, style and side of a backpack, a shoulder bag or a handbag."""
    style: dict[str, Any] = {f"{name}_colour": shade(random.choice(_BAG_SHADES), random)}
    if name == "bag":
        return style | {"bag_style": random.choice(("cross", "tote")), "bag_side": random.choice((-1, 1))}
    style[f"{name}_size"] = round(random.uniform(0.85, 1.2), 3)
    return style if name == "backpack" else style | {"handbag_side": random.choice((-1, 1))}


def _age(value: str, random: Random) -> dict[str, Any]:
    grey = {"old": 1.0 if random.random() < 0.85 else 0.6, "adult": 0.4 if random.random() < 0.2 else 0.0}
    stoop = {"old": random.uniform(0.5, 1.0)}
    girth = {"adult": random.uniform(0.06, 0.18), "old": random.uniform(0.02, 0.14), "young": -0.04}
    return {
        "age_grey": grey.get(value, 0.0),
        "age_stoop": round(stoop.get(value, random.uniform(0.0, 0.25)), 3),
        "age_girth": round(girth.get(value, random.uniform(-0.05, 0.05)), 3),
    }


def _gender(value: str, random: Random) -> dict[str, Any]:
    form = min(1.0, max(-1.0, random.gauss(0.65 if value == "female" else -0.65, 0.25)))
    return {"gender_form": round(form, 3)}


def draw_style(group: str, value: str, random: Random) -> dict[str, Any]:
    """All fields of an attribute group for one value of it.

    Args:
        group: one of `identity.GROUPS`.
        value: one of `values_of(group)`.
        random: source of the draw; advanced.

    Raises:
        ValueError: the group or the value is unknown.
    """
    if value not in values_of(group):
        raise ValueError(f"{group} must be one of {list(values_of(group))}, got {value!r}; choose one of them.")
    name = value_field(group)
    if name in ("upper_colour", "lower_colour"):
        return {name: value} | _colour_style(name, value, random)
    if name in ("up", "down"):
        return {name: value} | _lengths(name, value, random)
    if name in ("backpack", "bag", "handbag"):
        return {name: value} | _carried(name, random)
    drawers = {"hair": _hair, "hat": _hat, "clothes": _clothes, "age": _age, "gender": _gender}
    return {name: value} | drawers[name](value, random)


def draw_identity(person: int, values: dict[str, str], random: Random) -> Identity:
    """A person with these values of all attribute groups, everything else drawn at random."""
    looks: dict[str, Any] = {}
    for group, value in values.items():
        looks |= draw_style(group, value, random)
    return Identity(
        person=person,
        seed=random.getrandbits(31),
        height=round(random.gauss(1.70, 0.07), 3),
        build=round(min(1.25, max(0.86, random.gauss(1.0, 0.08))), 3),
        skin=round(random.random(), 3),
        shoes=shade(random.choice(_SHOE_SHADES), random),
        sole=random.choice(("#e8e8e4", "#1a1a1a", "#b9a58a")),
        stride=round(random.uniform(0.85, 1.1), 3),
        swing=round(random.uniform(0.6, 1.2), 3),
        top_form=random.choice(TOP_FORMS),
        top_loose=round(random.uniform(0.0, 1.0), 3),
        top_hem=round(random.uniform(0.0, 1.0), 3),
        inner=shade(random.choice(("white", "gray", "black")), random),
        **looks,
    )
