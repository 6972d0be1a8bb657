"""The colour of the visible surface: cloth, skin, hair and bags, their patterns and folds, and the light on them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from whyreid.pedestrians.camera import Camera
from whyreid.pedestrians.exact import dot, unit, value_noise
from whyreid.pedestrians.parts import LABEL_ABOVE, LABEL_BELOW, Material
from whyreid.pedestrians.people import linear_colour

People = dict[str, Tensor]

# Metres around and along a tube per unit of its texture coordinates.
_AROUND = {Material.UPPER: 1.0, Material.SLEEVE: 0.34, Material.LOWER: 0.95, Material.TROUSER: 0.5}
_ALONG = {Material.UPPER: 0.50, Material.SLEEVE: 0.56, Material.LOWER: 0.85, Material.TROUSER: 0.85}
# Strength of folds and grain.
_FOLDS = {
    Material.UPPER: 0.42, Material.SLEEVE: 0.42, Material.LOWER: 0.36, Material.TROUSER: 0.40, Material.HAIR: 0.55,
    Material.COLLAR: 0.2, Material.BACKPACK: 0.25, Material.BAG: 0.15, Material.HANDBAG: 0.15, Material.HAT: 0.12,
}  # fmt: skip
_UPPER = (Material.UPPER, Material.SLEEVE, Material.COLLAR)
_LOWER = (Material.LOWER, Material.TROUSER)
_JACKET, _SHIRT = 3, 1
_PLAIN, _STRIPES, _COLUMNS, _CHECK, _BLOCKS, _LOGO, _PANEL = range(7)


def _table(values: dict[Material, float], default: float, like: Tensor) -> Tensor:
    return like.new_tensor([values.get(material, default) for material in Material])


def part_labels(material: Tensor, along: Tensor) -> Tensor:
    """Part label [M] of fragments from their material and their place along the limb (0.5 = elbow or knee)."""
    above = torch.tensor([LABEL_ABOVE[m] for m in Material], device=material.device)
    below = torch.tensor([LABEL_BELOW[m] for m in Material], device=material.device)
    return torch.where(along >= 0.5, below[material], above[material])


def skin_colour(tone: Tensor) -> Tensor:
    """[N] in 0..1 to linear colour [N, 3], from light to dark."""
    stops = [tone.new_tensor(linear_colour(c)) for c in ("#f0c8ab", "#d9a077", "#a66f47", "#5e3b26")]
    place = tone.clamp(0.0, 1.0).unsqueeze(-1) * 3.0
    colour = stops[0].expand(tone.shape[0], 3)
    for index in range(3):
        share = (place - index).clamp(0.0, 1.0)
        colour = colour * (1.0 - share) + stops[index + 1] * share
    return colour


def base_colours(people: People) -> Tensor:
    """First colour of every material of every person, [N, materials, 3] linear."""
    skin = skin_colour(people["skin"])
    grey = people["age_grey"].unsqueeze(-1)
    hair = people["hair_colour"] * (1.0 - grey) + 0.42 * grey
    rubber = skin.new_tensor([0.02, 0.02, 0.02]).expand_as(skin)
    metal = skin.new_tensor(linear_colour("#6d7a80")).expand_as(skin)
    upper, lower = people["upper_colour_shade"], people["lower_colour_shade"]
    by_material = {
        Material.HAIR: hair, Material.HAT: people["hat_colour"], Material.UPPER: upper, Material.SLEEVE: upper,
        Material.COLLAR: upper, Material.LOWER: lower, Material.TROUSER: lower, Material.SHOE: people["shoes"],
        Material.SOLE: people["sole"], Material.BACKPACK: people["backpack_colour"], Material.BAG: people["bag_colour"],
        Material.HANDBAG: people["handbag_colour"], Material.STRAP: people["backpack_colour"] * 0.8,
        Material.BAG_STRAP: people["bag_colour"] * 0.8, Material.OCCLUDER: metal, Material.TYRE: rubber,
        Material.CRATE: skin.new_tensor(linear_colour("#a98455")).expand_as(skin),
    }  # fmt: skip
    return torch.stack([by_material.get(material, skin) for material in Material], dim=1)


def _is(material: Tensor, members: Sequence[Material]) -> Tensor:
    hit = material == int(members[0])
    for member in members[1:]:
        hit = hit | (material == int(member))
    return hit


def _fraction(x: Tensor) -> Tensor:
    return x - torch.floor(x)


def pattern_share(
    pattern: Tensor, scale: Tensor, material: Tensor, turns: Tensor, along: Tensor, metres: Tensor
) -> Tensor:
    """How much of the second colour a point of cloth shows, [M] in 0..1.

    Args:
        pattern: [M] code of `identity.PATTERNS`.
        scale: [M] size of the figure relative to the usual.
        material: [M] `Material` numbers.
        turns: [M] place around the tube, 0 = front.
        along: [M] place along the tube.
        metres: [M, 2] the same two in metres.
    """
    across, down = metres.unbind(1)
    period = 0.085 * scale
    stripes = (_fraction(down / period) < 0.42).float()
    columns = (_fraction(across / (0.8 * period)) < 0.38).float()
    block = (
        _fraction(torch.floor(down / (0.19 * scale) + 0.35) * 0.5 + torch.floor(turns * 4.0 + 0.5) * 0.5) > 0.25
    ).float()
    wrapped = (turns - torch.round(turns)).abs()
    from_back = 0.5 - wrapped
    chest = ((along - 0.74).abs() < 0.11 * scale) & (wrapped < 0.085 * scale)
    back = ((along - 0.66).abs() < 0.14 * scale) & (from_back < 0.13 * scale)
    inner = _fraction(along / (0.06 * scale)) < 0.72
    logo = (_is(material, (Material.UPPER,)) & (chest | back) & inner).float()
    side = (wrapped - 0.25).abs()
    panel = torch.where(
        _is(material, (Material.SLEEVE,)), 1.0, (side < torch.where(_is(material, _LOWER), 0.05, 0.07)).float()
    )
    shares = torch.stack((torch.zeros_like(stripes), stripes, columns, 0.5 * (stripes + columns), block, logo, panel))
    return shares.gather(0, pattern.to(torch.int64).unsqueeze(0)).squeeze(0)


def _cloth(people: People, body: Tensor, material: Tensor, colour: Tensor, uv: Tensor, metres: Tensor) -> Tensor:
    """Garments with their patterns; other materials keep ``colour`` [M, 3]."""
    turns, along = uv.unbind(1)
    upper, lower = _is(material, _UPPER), _is(material, _LOWER)
    pattern = torch.where(upper, people["upper_colour_pattern"][body], people["lower_colour_pattern"][body])
    scale = torch.where(upper, people["upper_colour_scale"][body], people["lower_colour_scale"][body])
    second = torch.where(upper.unsqueeze(1), people["upper_colour_second"][body], people["lower_colour_second"][body])
    share = pattern_share(pattern, scale, material, turns, along, metres) * (upper | lower).float()
    share = torch.where(_is(material, (Material.COLLAR,)), (pattern == _PANEL).float(), share)
    colour = colour * (1.0 - share.unsqueeze(1)) + second * share.unsqueeze(1)
    wrapped = (turns - torch.round(turns)).abs()
    on_trunk, form = _is(material, (Material.UPPER,)), people["top_form"][body]
    opened = on_trunk & (form == _JACKET) & (wrapped < 0.030 + 0.012 * along)
    colour = torch.where(opened.unsqueeze(1), people["inner"][body], colour)
    seam = on_trunk & (form == _SHIRT) & (wrapped < 0.006)
    return torch.where(seam.unsqueeze(1), colour * 0.6, colour)


def _face(material: Tensor, colour: Tensor, uv: Tensor) -> Tensor:
    """Brows, eyes, nose shadow and mouth on the head."""
    turns, height = uv.unbind(1)
    wrapped = (turns - torch.round(turns)).abs()
    head = _is(material, (Material.HEAD,))
    eyes = head & (height > 0.0) & (height < 0.12) & (wrapped > 0.040) & (wrapped < 0.085)
    brows = head & (height > 0.20) & (height < 0.28) & (wrapped > 0.030) & (wrapped < 0.100)
    nose = head & (height > -0.32) & (height < -0.22) & (wrapped < 0.030)
    mouth = head & (height > -0.60) & (height < -0.50) & (wrapped < 0.050)
    socket = head & (height > -0.05) & (height < 0.18) & (wrapped > 0.03) & (wrapped < 0.10)
    colour = torch.where(socket.unsqueeze(1), colour * 0.72, colour)
    colour = torch.where((eyes | brows).unsqueeze(1), colour * 0.16, colour)
    colour = torch.where(nose.unsqueeze(1), colour * 0.6, colour)
    return torch.where(mouth.unsqueeze(1), colour * colour.new_tensor([0.62, 0.34, 0.34]), colour)


def _folds(seed: Tensor, material: Tensor, uv: Tensor, metres: Tensor) -> Tensor:
    """Brightness of folds, grain and strands, [M] around 1; closes around the tube."""
    down = metres[:, 1]
    hair = _is(material, (Material.HAIR,))
    around = _table(_AROUND, 0.5, down)[material]
    fine, broad = torch.round(around * 26.0), torch.round(around * 9.0)
    fine = torch.where(hair, 46.0, fine)
    grain = value_noise(
        uv[:, 0] * fine, torch.where(hair, uv[:, 1] * 1.5, down * 17.0), seed, period=fine.to(torch.int64)
    )
    crease = value_noise(uv[:, 0] * broad + down * 6.0, down * 9.0, seed + 1, period=broad.to(torch.int64))
    strength = _table(_FOLDS, 0.06, down)[material]
    return 1.0 + strength * (0.5 * grain + 0.5 * crease - 0.5) * torch.where(hair, 1.6, 1.5)


def _shelter(material: Tensor, uv: Tensor) -> Tensor:
    """Light kept out by the body itself: under the chin, under the shirt's tail, between the legs."""
    along = uv[:, 1]
    neck = _is(material, (Material.HEAD,)) & (along < -1.2)
    crotch = _is(material, (Material.TROUSER, Material.LEG_SKIN)) & (along < 0.16) & (along > 0.0)
    shade = torch.where(neck, 0.62, 1.0)
    return torch.where(crotch, 0.80, shade)


def shade(
    people: People,
    cameras: Sequence[Camera],
    body: Tensor,
    picture: Tensor,
    material: Tensor,
    uv: Tensor,
    normal: Tensor,
) -> Tensor:
    """Linear light [M, 3] of fragments.

    Args:
        people: persons of the batch.
        cameras: one per picture.
        body: [M] rows of ``people``.
        picture: [M] rows of ``cameras``.
        material: [M] `Material` numbers.
        uv: [M, 2] texture coordinates (turns, along).
        normal: [M, 3] in the world frame of the camera, any length.
    """
    sole = _is(material, (Material.SHOE,)) & ((uv[:, 0] - 0.5).abs() < 0.16)
    material = torch.where(sole, int(Material.SOLE), material)
    around, along = _table(_AROUND, 0.5, uv)[material], _table(_ALONG, 0.5, uv)[material]
    metres = uv * torch.stack((around, along), dim=1)
    colour = base_colours(people)[body, material]
    colour = _cloth(people, body, material, colour, uv, metres)
    colour = _face(material, colour, uv)
    colour = colour * (_folds(people["seed"][body], material, uv, metres) * _shelter(material, uv)).unsqueeze(1)
    return colour * light(cameras, picture, unit(normal), like=colour)


def light(cameras: Sequence[Camera], picture: Tensor, normal: Tensor, like: Tensor) -> Tensor:
    """Sun and sky on a surface, [M, 3]: Lambert for the sun, more sky from above than from below."""
    sun = unit(like.new_tensor([camera.sun for camera in cameras]))[picture]
    direct = dot(normal, sun).clamp_min(0.0).unsqueeze(1)
    above = (0.62 + 0.38 * normal[:, 2]).unsqueeze(1)
    sunlight = like.new_tensor([camera.sun_colour for camera in cameras])[picture]
    skylight = like.new_tensor([camera.sky_colour for camera in cameras])[picture]
    return sunlight * direct + skylight * above
