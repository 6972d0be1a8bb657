"""The places behind the people: a floor, a wall and a few standing things, painted from formulas in world coordinates.

Every painter gets the floor point (x, y) and the wall point (x, z) that each pixel looks at, in metres, and returns
linear light in front of which the people are drawn. Nothing depends on who walks there.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from whyreid.pedestrians.camera import Camera
from whyreid.pedestrians.exact import hash_unit, smoothstep, value_noise
from whyreid.pedestrians.people import linear_colour

Painter = Callable[[Tensor, Tensor, int], Tensor]  # two coordinates [K] in metres and a seed to light [K, 3]


def _colour(like: Tensor, colour: str) -> Tensor:
    return like.new_tensor(linear_colour(colour))


def _mix(first: Tensor, second: Tensor, share: Tensor) -> Tensor:
    """``first`` where share is 0, ``second`` where it is 1; colours [..., 3], share [...]."""
    share = share.unsqueeze(-1)
    return first * (1.0 - share) + second * share


def _fraction(x: Tensor) -> Tensor:
    return x - torch.floor(x)


def _noise(x: Tensor, y: Tensor, seed: int) -> Tensor:
    """Two octaves of noise in about 0..1."""
    number = torch.tensor(seed, device=x.device)
    return 0.65 * value_noise(x, y, number) + 0.35 * value_noise(x * 2.7, y * 2.7, number + 1)


def _band(x: Tensor, low: float, high: float) -> Tensor:
    """1 where low <= x < high."""
    return ((x >= low) & (x < high)).to(x.dtype)


def _tiles(
    x: Tensor, y: Tensor, base: str, joint: str, *, size: float, gap: float, variety: float, seed: int
) -> Tensor:
    """Square tiles with joints; every tile has its own brightness."""
    column, row = torch.floor(x / size), torch.floor(y / size)
    own = hash_unit(column.to(torch.int64), row.to(torch.int64), torch.tensor(seed, device=x.device))
    line = torch.maximum(_band(_fraction(x / size), 0.0, gap), _band(_fraction(y / size), 0.0, gap))
    tone = _colour(x, base) * (1.0 + variety * (own - 0.5)).unsqueeze(-1)
    return _mix(tone, _colour(x, joint), line)


def _bricks(x: Tensor, z: Tensor, base: str, joint: str, seed: int) -> Tensor:
    """A brick wall, courses of 14 cm."""
    row = torch.floor(z / 0.14)
    shifted = x / 0.42 + 0.5 * _fraction(row * 0.5) * 2.0
    own = hash_unit(torch.floor(shifted).to(torch.int64), row.to(torch.int64), torch.tensor(seed, device=x.device))
    line = torch.maximum(_band(_fraction(shifted), 0.0, 0.06), _band(_fraction(z / 0.14), 0.0, 0.14))
    return _mix(_colour(x, base) * (0.75 + 0.5 * own).unsqueeze(-1), _colour(x, joint), line)


def _openings(
    x: Tensor, z: Tensor, wall: Tensor, glass: str, frame: str, *, every: float, share: float, low: float, high: float
) -> Tensor:
    """Windows or doors in a wall, one every so many metres, with a frame; the glass is lighter towards the top."""
    place = _fraction(x / every)
    outer = _band(place, 0.5 - share / 2, 0.5 + share / 2) * _band(z, low, high)
    edge = 0.06 / every
    inner = _band(place, 0.5 - share / 2 + edge, 0.5 + share / 2 - edge) * _band(z, low + 0.07, high - 0.07)
    shine = ((z - low) / (high - low)).clamp(0.0, 1.0).unsqueeze(-1)
    pane = _colour(x, glass) * (0.6 + 0.9 * shine)
    return _mix(_mix(wall, _colour(x, frame), outer), pane, inner)


def _leaves(x: Tensor, z: Tensor, dark: str, light: str, seed: int) -> Tensor:
    """Foliage."""
    clumps = _noise(x * 2.2, z * 2.2, seed)
    detail = _noise(x * 9.0, z * 9.0, seed + 7)
    return _mix(_colour(x, dark), _colour(x, light), smoothstep(0.5 * clumps + 0.5 * detail, 0.25, 0.8))


def _street_floor(x: Tensor, y: Tensor, seed: int) -> Tensor:
    """Pavement with a kerb and asphalt in front."""
    asphalt = _colour(x, "#5d5d60") * (0.85 + 0.3 * _noise(x * 12, y * 12, seed)).unsqueeze(-1)
    slabs = _tiles(x, y, "#a39e95", "#77736c", size=0.9, gap=0.035, variety=0.22, seed=seed)
    ground = _mix(_mix(asphalt, slabs, _band(y, 7.4, 99.0)), _colour(x, "#c3beb2"), _band(y, 7.1, 7.4))
    ground = _mix(ground, _colour(x, "#d9d8cf"), _band(y, 4.6, 4.8))
    return ground


def _street_wall(x: Tensor, z: Tensor, seed: int) -> Tensor:
    """A brick house with windows and a plinth behind."""
    house = _bricks(x, z, "#96604a", "#b5a594", seed + 1)
    house = _openings(x, z, house, "#41525e", "#e4ddcf", every=3.1, share=0.42, low=1.1, high=2.7)
    house = _mix(house, _colour(x, "#777069"), _band(z, -9.0, 0.55))
    house = _openings(x + 1.5, z, house, "#33271f", "#4b3a2c", every=12.4, share=0.10, low=0.0, high=2.3)
    return house


def _plaza_floor(x: Tensor, y: Tensor, seed: int) -> Tensor:
    """Light stone with a dark inlay."""
    stone = _tiles(x, y, "#cbc3b2", "#a59d8d", size=1.2, gap=0.03, variety=0.12, seed=seed)
    inlay = torch.maximum(_band(_fraction(x / 4.8 + 0.3), 0.0, 0.10), _band(_fraction(y / 4.8), 0.0, 0.10))
    ground = _mix(stone, _colour(x, "#80776c"), inlay)
    return ground


def _plaza_wall(x: Tensor, z: Tensor, seed: int) -> Tensor:
    """A clipped hedge with planters before a pale facade."""
    facade = _colour(x, "#d3c7aa") * (0.92 + 0.16 * _noise(x * 1.5, z * 1.5, seed)).unsqueeze(-1)
    facade = _openings(x, z, facade, "#5d6b70", "#f0ead8", every=2.6, share=0.40, low=2.1, high=4.2)
    hedge = _leaves(x, z, "#1f3318", "#6d8a3e", seed + 3)
    height = 1.25 + 0.12 * _noise(x * 3.0, x * 0.0, seed + 5)
    return _mix(facade, hedge, (z < height).to(z.dtype))


def _hall_floor(x: Tensor, y: Tensor, seed: int) -> Tensor:
    """A station hall: polished floor with a tactile line, wood panels, posters, light strips."""
    ground = _tiles(x, y, "#a08b74", "#8a7763", size=0.75, gap=0.02, variety=0.10, seed=seed)
    gloss = _noise(x * 0.7, y * 0.5, seed + 2)
    ground = ground * (0.9 + 0.35 * gloss).unsqueeze(-1)
    ground = _mix(ground, _colour(x, "#c7a23c"), _band(x, 1.7, 2.05) * _band(_fraction(y / 0.1), 0.0, 0.6))
    return ground


def _hall_wall(x: Tensor, z: Tensor, seed: int) -> Tensor:
    """A station hall: polished floor with a tactile line, wood panels, posters, light strips."""
    panel = _colour(x, "#8b6a4a") * (0.85 + 0.3 * _noise(x * 14.0, z * 0.8, seed + 4)).unsqueeze(-1)
    panel = _mix(panel, _colour(x, "#4d3826"), _band(_fraction(x / 1.5), 0.0, 0.02))
    poster = hash_unit(torch.floor(x / 3.0).to(torch.int64), torch.tensor(seed, device=x.device)).unsqueeze(-1)
    tint = _colour(x, "#b84f3a") * poster + _colour(x, "#3f6f8f") * (1.0 - poster)
    framed = _band(_fraction(x / 3.0), 0.26, 0.72) * _band(z, 0.8, 2.5)
    panel = _mix(panel, tint, framed)
    return _mix(panel, _colour(x, "#fff4dc") * 1.5, _band(z, 3.0, 3.25))


def _park_floor(x: Tensor, y: Tensor, seed: int) -> Tensor:
    """A gravel path between lawns."""
    gravel = _colour(x, "#b3a182") * (0.75 + 0.5 * _noise(x * 22, y * 22, seed)).unsqueeze(-1)
    lawn = _mix(_colour(x, "#41592a"), _colour(x, "#82984c"), _noise(x * 5.0, y * 5.0, seed + 1))
    edge = 0.4 * _noise(y * 1.3, x * 0.0, seed + 2)
    path = smoothstep((x - 0.15 * (y - 9.0)).abs(), 2.0 + edge, 2.2 + edge)
    ground = _mix(gravel, lawn, path)
    shade = _noise(x * 0.9, y * 0.9, seed + 8)
    ground = ground * (0.65 + 0.5 * smoothstep(shade, 0.35, 0.65)).unsqueeze(-1)
    return ground


def _park_wall(x: Tensor, z: Tensor, seed: int) -> Tensor:
    """Trunks before bushes."""
    bushes = _leaves(x, z, "#20331b", "#7f9a50", seed + 3)
    sky = _mix(bushes, _colour(x, "#c5d3d6"), smoothstep(_noise(x * 1.8, z * 1.8, seed + 4) * 2.0 + z - 4.2, 0.0, 0.4))
    trunk = _band(_fraction(x / 2.7 + 0.06 * _noise(z, z * 0.0, seed)), 0.40, 0.52)
    bark = _colour(x, "#4f4234") * (0.7 + 0.6 * _noise(x * 20, z * 3.0, seed + 6)).unsqueeze(-1)
    return _mix(sky, bark, trunk)


def _arcade_floor(x: Tensor, y: Tensor, seed: int) -> Tensor:
    """Shops in the evening: dark paving, warm windows between pillars, a sign board."""
    ground = _tiles(x, y, "#6f5d4d", "#4d4036", size=0.6, gap=0.04, variety=0.3, seed=seed)
    ground = ground * (0.8 + 0.5 * _noise(x * 0.6, y * 0.6, seed + 1)).unsqueeze(-1)
    return ground


def _arcade_wall(x: Tensor, z: Tensor, seed: int) -> Tensor:
    """Shops in the evening: dark paving, warm windows between pillars, a sign board."""
    front = _colour(x, "#4a3a30").expand(*x.shape, 3)
    goods = _mix(_colour(x, "#a8773f"), _colour(x, "#e6c07a"), _noise(x * 4.0, z * 3.0, seed + 2))
    window = _band(_fraction(x / 3.4), 0.14, 0.86) * _band(z, 0.45, 2.5)
    front = _mix(front, goods, window)
    front = _mix(front, _colour(x, "#2d2722"), _band(_fraction(x / 0.85), 0.0, 0.03) * window)
    sign = hash_unit(torch.floor(x / 3.4).to(torch.int64), torch.tensor(seed, device=x.device)).unsqueeze(-1)
    board = _colour(x, "#8f2f2a") * sign + _colour(x, "#2f5f57") * (1.0 - sign)
    return _mix(front, board, _band(z, 2.6, 3.2))


def _yard_floor(x: Tensor, y: Tensor, seed: int) -> Tensor:
    """Trodden snow before a concrete wall with a rail and bare shrubs."""
    snow = _mix(_colour(x, "#c9d2dd"), _colour(x, "#f2f5f8"), _noise(x * 2.0, y * 2.0, seed))
    slush = smoothstep(_noise(x * 3.5, y * 1.2, seed + 1), 0.55, 0.75) * smoothstep((x + 0.5).abs(), 3.2, 1.8)
    ground = _mix(snow, _colour(x, "#8e949b"), 0.8 * slush)
    return ground


def _yard_wall(x: Tensor, z: Tensor, seed: int) -> Tensor:
    """Trodden snow before a concrete wall with a rail and bare shrubs."""
    concrete = _colour(x, "#8b9098") * (0.85 + 0.3 * _noise(x * 1.2, z * 2.5, seed + 2)).unsqueeze(-1)
    concrete = _mix(concrete, _colour(x, "#61666d"), _band(_fraction(x / 2.4), 0.0, 0.015))
    twigs = smoothstep(_noise(x * 16.0, z * 4.0, seed + 3), 0.58, 0.66) * _band(z, 0.0, 1.1)
    concrete = _mix(concrete, _colour(x, "#4f443c"), twigs * _band(_fraction(x / 6.0), 0.1, 0.55))
    return _mix(concrete, _colour(x, "#eef2f6"), _band(z, 2.3, 2.5))


def _mall_floor(x: Tensor, y: Tensor, seed: int) -> Tensor:
    """A bright floor with a coloured band."""
    ground = _tiles(x, y, "#d8d8d0", "#bcbdb6", size=0.8, gap=0.02, variety=0.06, seed=seed)
    ground = _mix(ground, _colour(x, "#6b9aa0"), _band(_fraction((x + 0.35 * y) / 3.6), 0.0, 0.16))
    ground = ground * (0.9 + 0.25 * _noise(x * 0.8, y * 0.4, seed + 1)).unsqueeze(-1)
    return ground


def _mall_wall(x: Tensor, z: Tensor, seed: int) -> Tensor:
    """Glass shop fronts, a column now and then."""
    shelf = hash_unit(
        torch.floor(x / 0.45).to(torch.int64), torch.floor(z / 0.5).to(torch.int64), torch.tensor(seed, device=x.device)
    )
    glass = _mix(_colour(x, "#7f9a98"), _colour(x, "#d6dccb"), shelf)
    glass = _mix(glass, _colour(x, "#c46a4f"), (shelf > 0.9).to(x.dtype))
    glass = _mix(glass, _colour(x, "#eef0ea"), torch.maximum(_band(_fraction(x / 2.2), 0.0, 0.04), _band(z, 2.4, 2.9)))
    return _mix(glass, _colour(x, "#c9c7bb"), _band(_fraction(x / 5.0 + 0.2), 0.0, 0.13))


def _garage_floor(x: Tensor, y: Tensor, seed: int) -> Tensor:
    """Oil-stained concrete with bay lines."""
    ground = _colour(x, "#77776e") * (0.75 + 0.4 * _noise(x * 1.6, y * 1.6, seed)).unsqueeze(-1)
    ground = _mix(ground, _colour(x, "#3f3e38"), 0.7 * smoothstep(_noise(x * 0.8, y * 0.8, seed + 1), 0.66, 0.8))
    ground = _mix(ground, _colour(x, "#c9a92f"), _band(_fraction((x + 0.2 * y) / 2.5), 0.0, 0.05))
    return ground


def _garage_wall(x: Tensor, z: Tensor, seed: int) -> Tensor:
    """A wall with a warning stripe and pipes."""
    concrete = _colour(x, "#8b8b7f") * (0.8 + 0.35 * _noise(x * 0.9, z * 2.0, seed + 2)).unsqueeze(-1)
    stripe = _band(_fraction((x + z) / 0.5), 0.0, 0.5)
    warning = _mix(_colour(x, "#2b2a26").expand(*x.shape, 3), _colour(x, "#c9a92f"), stripe)
    concrete = _mix(concrete, warning, _band(z, 0.75, 1.05))
    pillar = _band(_fraction(x / 4.5), 0.0, 0.16)
    concrete = _mix(concrete, _colour(x, "#a7a698"), pillar)
    return _mix(concrete, _colour(x, "#5d6b60"), _band(z, 2.3, 2.45))


_PAINTERS: dict[str, tuple[Painter, Painter]] = {
    "street": (_street_floor, _street_wall),
    "plaza": (_plaza_floor, _plaza_wall),
    "hall": (_hall_floor, _hall_wall),
    "park": (_park_floor, _park_wall),
    "arcade": (_arcade_floor, _arcade_wall),
    "yard": (_yard_floor, _yard_wall),
    "mall": (_mall_floor, _mall_wall),
    "garage": (_garage_floor, _garage_wall),
}


def paint(camera: Camera, rays: Tensor) -> tuple[Tensor, Tensor]:
    """The place behind the people.

    Args:
        camera: whose place is painted.
        rays: [B, H, W, 3] world directions of the pixels, see `Views.rays`.

    Returns:
        light [B, H, W, 3], linear; floor [B, H, W, 2], the floor point of every pixel in metres, far away (1e4) where
        the pixel looks at the wall.
    """
    dx, dy, dz = rays.reshape(-1, 3).unbind(1)
    down = (-dz).clamp_min(1e-4)
    behind = camera.far + 3.5
    x, y = camera.height * dx / down, camera.height * dy / down
    on_wall = (dz >= -1e-4) | (y > behind)
    above, below = on_wall.nonzero().squeeze(1), (~on_wall).nonzero().squeeze(1)
    floor_painter, wall_painter = _PAINTERS[camera.place]
    seed = 1 + sum(map(ord, camera.place))
    light = rays.new_empty(dx.numel(), 3)
    light[below] = floor_painter(x[below], y[below], seed)
    light[above] = wall_painter((behind * dx / dy)[above], (camera.height + behind * dz / dy)[above], seed)
    lit = [0.75 * sky + 0.35 * sun for sky, sun in zip(camera.sky_colour, camera.sun_colour, strict=True)]
    floor = torch.stack((torch.where(on_wall, 1e4, x), torch.where(on_wall, 1e4, y)), dim=1)
    return (light * light.new_tensor(lit)).view(rays.shape), floor.view(*rays.shape[:3], 2)
