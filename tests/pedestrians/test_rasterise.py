from __future__ import annotations

import pytest
import torch

from whyreid.pedestrians.rasterise import rasterise

HEIGHT, WIDTH = 20, 16


def rasterise_reference(points, faces, picture, pictures: int):
    """Pixel by pixel, triangle by triangle: the nearest whose barycentric coordinates are all >= 0."""
    face = -torch.ones(pictures, HEIGHT, WIDTH, dtype=torch.int64)
    depth = torch.zeros(pictures, HEIGHT, WIDTH, dtype=torch.float64)
    points = points.double()
    for number, corners in enumerate(faces.tolist()):
        (ax, ay, az), (bx, by, bz), (cx, cy, cz) = points[corners].tolist()
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area >= 0:
            continue
        for row in range(HEIGHT):
            for column in range(WIDTH):
                x, y = column + 0.5, row + 0.5
                u = ((bx - x) * (cy - y) - (by - y) * (cx - x)) / area
                v = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) / area
                w = 1 - u - v
                z = u * az + v * bz + w * cz
                if min(u, v, w) >= 0 and z > depth[picture[number], row, column]:
                    depth[picture[number], row, column], face[picture[number], row, column] = z, number
    return face


def soup(count: int, seed: int):
    """Random triangles in two pictures, some behind others, some outside, half of them facing away."""
    generator = torch.Generator().manual_seed(seed)
    points = torch.rand(3 * count, 3, generator=generator) * torch.tensor([WIDTH * 1.4, HEIGHT * 1.4, 1.0])
    points = points - torch.tensor([WIDTH * 0.2, HEIGHT * 0.2, -0.05])
    return points, torch.arange(3 * count).view(-1, 3), torch.randint(0, 2, (count,), generator=generator)


@pytest.mark.parametrize("seed", range(4))
def test_the_same_triangles_are_seen_as_by_a_slow_loop(seed: int, device) -> None:
    points, faces, picture = soup(40, seed)
    seen = rasterise(points.to(device), faces.to(device), picture.to(device), pictures=2, height=HEIGHT, width=WIDTH)
    got = -torch.ones(2 * HEIGHT * WIDTH, dtype=torch.int64)
    got[seen.pixel.cpu()] = seen.face.cpu()
    expected = rasterise_reference(points, faces, picture, 2).flatten()
    assert (got != expected).sum() <= 2  # an edge through a pixel's centre may fall to either side
    assert (expected >= 0).sum() > 100


def test_weights_are_barycentric() -> None:
    points, faces, picture = soup(40, 9)
    seen = rasterise(points, faces, picture, pictures=2, height=HEIGHT, width=WIDTH)
    assert torch.allclose(seen.weights.sum(dim=1), torch.ones(len(seen.face)), atol=1e-5)
    assert seen.weights.min() > -1e-4
    place = (points[faces[seen.face]][..., :2] * seen.weights.unsqueeze(-1)).sum(dim=1)
    column, row = seen.pixel % WIDTH + 0.5, seen.pixel // WIDTH % HEIGHT + 0.5
    assert torch.allclose(place, torch.stack((column, row), dim=1), atol=1e-3)


def test_a_tie_goes_to_the_later_triangle_and_the_nearer_one_wins() -> None:
    flat = torch.tensor([[0.0, 0, 0.5], [0, 20, 0.5], [16, 0, 0.5]])
    nearer = flat.clone()
    nearer[:, 2] = 0.6
    picture = torch.zeros(3, dtype=torch.int64)
    faces = torch.arange(9).view(3, 3)
    for order, winner in (((flat, nearer, flat), 1), ((flat, flat, flat), 2)):
        seen = rasterise(torch.cat(order), faces, picture, pictures=1, height=HEIGHT, width=WIDTH)
        assert set(seen.face.tolist()) == {winner}


def test_a_shared_edge_leaves_no_hole() -> None:
    square = torch.tensor([[1.0, 1, 1], [1, 9, 1], [9, 1, 1], [9, 9, 1]])
    faces = torch.tensor([[0, 1, 2], [1, 3, 2]])
    seen = rasterise(square, faces, torch.zeros(2, dtype=torch.int64), pictures=1, height=HEIGHT, width=WIDTH)
    assert len(seen.pixel) == 64


def test_nothing_in_view_gives_nothing() -> None:
    away = torch.tensor([[100.0, 100, 1], [100, 110, 1], [110, 100, 1]])
    seen = rasterise(away, torch.tensor([[0, 1, 2]]), torch.zeros(1, dtype=torch.int64), pictures=1, height=8, width=8)
    assert seen.pixel.numel() == 0
