"""Part labels of the mask, the materials that carry them, and which parts an edit of an attribute group may touch."""

from __future__ import annotations

from enum import IntEnum


class Part(IntEnum):
    """The value of a pixel in a part-label map (uint8)."""

    BACKGROUND = 0
    HAIR = 1
    HAT = 2
    HEAD = 3
    UPPER = 4
    FOREARM_CLOTH = 5
    UPPER_ARM_SKIN = 6
    FOREARM_SKIN = 7
    HAND = 8
    LOWER = 9
    SHIN_CLOTH = 10
    THIGH_SKIN = 11
    SHIN_SKIN = 12
    SHOE = 13
    BACKPACK = 14
    BAG = 15
    HANDBAG = 16
    OCCLUDER = 17
    OTHER_PERSON = 18


class Material(IntEnum):
    """What a face is made of; the renderer's colour and the part label follow from it."""

    HAIR = 0
    HAT = 1
    HEAD = 2
    UPPER = 3
    SLEEVE = 4
    ARM_SKIN = 5
    HAND = 6
    LOWER = 7
    TROUSER = 8
    LEG_SKIN = 9
    SHOE = 10
    SOLE = 11
    BACKPACK = 12
    BAG = 13
    HANDBAG = 14
    OCCLUDER = 15
    COLLAR = 16
    STRAP = 17
    BAG_STRAP = 18
    TYRE = 19
    CRATE = 20


# The label of a material below the elbow or knee (along >= 0.5), and above it.
LABEL_ABOVE: dict[Material, Part] = {
    Material.HAIR: Part.HAIR, Material.HAT: Part.HAT, Material.HEAD: Part.HEAD, Material.UPPER: Part.UPPER,
    Material.SLEEVE: Part.UPPER, Material.ARM_SKIN: Part.UPPER_ARM_SKIN, Material.HAND: Part.HAND,
    Material.LOWER: Part.LOWER, Material.TROUSER: Part.LOWER, Material.LEG_SKIN: Part.THIGH_SKIN,
    Material.SHOE: Part.SHOE, Material.SOLE: Part.SHOE, Material.BACKPACK: Part.BACKPACK, Material.BAG: Part.BAG,
    Material.HANDBAG: Part.HANDBAG, Material.OCCLUDER: Part.OCCLUDER, Material.COLLAR: Part.UPPER,
    Material.STRAP: Part.BACKPACK, Material.BAG_STRAP: Part.BAG, Material.TYRE: Part.OCCLUDER,
    Material.CRATE: Part.OCCLUDER,
}  # fmt: skip
LABEL_BELOW: dict[Material, Part] = LABEL_ABOVE | {
    Material.SLEEVE: Part.FOREARM_CLOTH,
    Material.ARM_SKIN: Part.FOREARM_SKIN,
    Material.TROUSER: Part.SHIN_CLOTH,
    Material.LEG_SKIN: Part.SHIN_SKIN,
}

PERSON: frozenset[Part] = frozenset(Part) - {Part.BACKGROUND, Part.OCCLUDER, Part.OTHER_PERSON}
_ARM = frozenset({Part.UPPER, Part.FOREARM_CLOTH, Part.UPPER_ARM_SKIN, Part.FOREARM_SKIN})
_LEG = frozenset({Part.LOWER, Part.SHIN_CLOTH, Part.THIGH_SKIN, Part.SHIN_SKIN})

# What an edit of a group may touch: in every changed pixel at least one sub-pixel of the factual or of the
# counterfactual picture carries one of these labels.
CLOSURES: dict[str, frozenset[Part]] = {
    "age": PERSON,
    "gender": PERSON,
    "hair": frozenset({Part.HAIR}),
    "hat": frozenset({Part.HAT}),
    "backpack": frozenset({Part.BACKPACK}),
    "bag": frozenset({Part.BAG}),
    "handbag": frozenset({Part.HANDBAG}),
    "clothes": _LEG,
    "down": _LEG,
    "lower colour": frozenset({Part.LOWER, Part.SHIN_CLOTH}),
    "up": _ARM,
    "upper colour": frozenset({Part.UPPER, Part.FOREARM_CLOTH}),
}

# The pixels that carry a group's value: what `visible_pixels` counts. For an absent hat or bag that is 0.
REGIONS: dict[str, frozenset[Part]] = CLOSURES | {
    "age": frozenset({Part.HAIR, Part.HEAD}),
    "up": frozenset({Part.FOREARM_CLOTH, Part.FOREARM_SKIN}),
    "down": frozenset({Part.SHIN_CLOTH, Part.SHIN_SKIN}),
}
