from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from whyreid.pedestrians import Shot
from whyreid.pedestrians.camera import CAMERAS
from whyreid.pedestrians.sensor import _blur, _noise, _resample, expose

SHOT = Shot("A", 0, 0, 0.0, 9.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.2, 1.0, 0.0, 11)


def test_noise_is_of_unit_strength_and_depends_on_the_seed_alone() -> None:
    first = _noise([SHOT, replace(SHOT, seed=12)], 64, 32, torch.device("cpu"))
    assert first.mean().abs() < 0.03
    assert first.std() == pytest.approx(1.0, abs=0.03)
    assert torch.corrcoef(first.flatten(1))[0, 1].abs() < 0.05
    assert torch.equal(first[0], _noise([replace(SHOT, camera=3, x=1.0)], 64, 32, torch.device("cpu"))[0])


def test_blur_keeps_a_flat_picture_and_spreads_a_point_by_its_sigma() -> None:
    flat = torch.full((1, 3, 12, 10), 0.25)
    assert torch.allclose(_blur(flat, [1.5]), flat, atol=1e-5)
    point = torch.zeros(1, 1, 21, 21)
    point[0, 0, 10, 10] = 1.0
    spread = _blur(point, [1.0])[0, 0]
    offset = torch.arange(21) - 10.0
    assert float(spread.sum()) == pytest.approx(1.0, abs=1e-4)
    assert float((spread.sum(dim=0) * offset * offset).sum()) == pytest.approx(1.0, abs=0.02)


def test_full_resolution_changes_nothing_and_less_loses_detail(generator: torch.Generator) -> None:
    picture = torch.rand(2, 3, 16, 8, generator=generator)
    both = _resample(picture, [1.0, 0.5])
    assert torch.equal(both[0], picture[0])
    assert both[1].std() < 0.8 * picture[1].std()


def test_more_light_is_brighter_and_a_second_picture_changes_nothing(generator: torch.Generator) -> None:
    light = torch.rand(1, 3, 32, 16, generator=generator) * 0.5
    camera = CAMERAS["A"][0]
    dim, bright = (expose(light, [camera], [replace(SHOT, exposure=e)]).float() for e in (0.7, 1.3))
    assert bright.mean() > dim.mean() + 10
    other = CAMERAS["B"][3]
    pair = expose(
        torch.cat((light, light.flip(2))), [camera, other], [SHOT, replace(SHOT, domain="B", camera=3, seed=5)]
    )
    assert torch.equal(pair[:1], expose(light, [camera], [SHOT]))


def test_domain_b_is_noisier_and_more_compressed_than_domain_a() -> None:
    assert sum(c.noise for c in CAMERAS["B"]) > sum(c.noise for c in CAMERAS["A"])
    assert sum(c.quality for c in CAMERAS["B"]) < sum(c.quality for c in CAMERAS["A"])
