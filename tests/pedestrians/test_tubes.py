from __future__ import annotations

import math

import pytest
import torch

from whyreid.pedestrians.body import walk
from whyreid.pedestrians.exact import cross, dot
from whyreid.pedestrians.obstacles import obstacles
from whyreid.pedestrians.people import stack_people
from whyreid.pedestrians.rendering import body_mesh
from whyreid.pedestrians.shot import Shot
from whyreid.pedestrians.tubes import make_tube, mesh_of, surface


def cylinder(segments: int = 64, **settings):
    """Radius 0.5, height 2, axis up."""
    centre = torch.tensor([[[0.0, 0.0, z] for z in (0.0, 1.0, 2.0)]])
    front, left = torch.tensor([[[1.0, 0, 0]]]), torch.tensor([[[0.0, 1, 0]]])
    half = torch.tensor(0.5)
    return make_tube(centre, front, left, half, half, material=3, segments=segments, **settings)


def triangle_normals(mesh) -> torch.Tensor:
    a, b, c = (mesh.points[mesh.faces[:, k]] for k in range(3))
    return cross(b - a, c - a)


def test_a_cylinder_has_its_area_and_looks_outward() -> None:
    mesh = mesh_of([cylinder()])
    normals = triangle_normals(mesh)
    area = 0.5 * normals.norm(dim=1).sum()
    assert float(area) == pytest.approx(2 * math.pi * 0.5 * 2, rel=2e-3)
    middle = mesh.points[mesh.faces].mean(dim=1) * torch.tensor([1.0, 1.0, 0.0])
    assert (dot(normals, middle) > 0).all()
    assert (dot(mesh.normals, mesh.points * torch.tensor([1.0, 1.0, 0.0])) > 0.49).all()


def test_a_tube_written_downward_looks_outward_too() -> None:
    tube = cylinder()
    flipped = make_tube(
        tube.centre.flip(1), tube.front, tube.left, tube.depth, tube.width, material=3, segments=16, downward=True
    )
    mesh = mesh_of([flipped])
    middle = mesh.points[mesh.faces].mean(dim=1) * torch.tensor([1.0, 1.0, 0.0])
    assert (dot(triangle_normals(mesh), middle) > 0).all()


def test_boxiness_fills_the_corners_and_not_the_sides() -> None:
    round_, boxy = (surface(cylinder(8, boxiness=value))[0][0, 0] for value in (0.0, 1.0))
    assert torch.allclose(round_[0], boxy[0])
    assert boxy[1].norm() > 1.2 * round_[1].norm()


def test_the_last_point_around_closes_the_tube_and_turns_run_from_zero_to_one() -> None:
    points, _, coordinates = surface(cylinder(12))
    assert torch.equal(points[:, :, 0], points[:, :, -1])
    assert coordinates[0, 0, :, 0].tolist() == pytest.approx([k / 12 for k in range(13)])


def test_a_tube_that_is_not_present_has_no_faces() -> None:
    two = cylinder(8)
    two = make_tube(
        two.centre.repeat(2, 1, 1), two.front, two.left, two.depth[0, 0], two.width[0, 0], material=1, segments=8,
        present=torch.tensor([True, False]),
    )  # fmt: skip
    mesh = mesh_of([two])
    assert set(mesh.body.tolist()) == {0}
    assert len(mesh.faces) == 2 * 8 * 2


def test_all_of_a_dressed_body_looks_outward(someone) -> None:
    # A closed surface that looks outward has a positive volume; one inside-out part would subtract.
    people = stack_people([someone(seed, age="adult") for seed in range(6)])
    mesh = body_mesh(
        people, walk(people, torch.rand(6, generator=torch.Generator().manual_seed(0)), torch.ones(6), torch.zeros(6))
    )
    a, b, c = (mesh.points[mesh.faces[:, k]] for k in range(3))
    volume = dot(a, cross(b, c)) / 6
    for body in range(6):
        for material in mesh.material.unique():
            chosen = (mesh.body == body) & (mesh.material == material)
            if chosen.any():
                centre = mesh.points[mesh.faces[chosen]].mean(dim=(0, 1))
                shifted = dot(a[chosen] - centre, cross(b[chosen] - centre, c[chosen] - centre)).sum() / 6
                assert shifted > 0, (body, int(material))
    assert 0.03 < volume[mesh.body == 0].sum() < 0.25  # cubic metres: between a doll and a wardrobe


def test_obstacles_look_outward() -> None:
    for kind in ("pole", "box", "bicycle"):
        shot = Shot("A", 0, 0, 0, 9, 0, 0, 1, 0, 0, 0, 1, 1, 0.0, 0, occluder=kind)
        mesh = mesh_of(obstacles([shot]))
        a, b, c = (mesh.points[mesh.faces[:, k]] for k in range(3))
        centre = mesh.points[mesh.faces].mean(dim=(0, 1))
        assert dot(a - centre, cross(b - centre, c - centre)).sum() > 0, kind
