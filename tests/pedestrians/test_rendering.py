from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
import torch

from whyreid.pedestrians import Part, Rendering, Shot, attribute_regions, render, visible_pixels
from whyreid.pedestrians.identity import SCHEMA
from whyreid.pedestrians.parts import PERSON
from whyreid.pedestrians.rendering import majority
from whyreid.pedestrians.world import Preset, World, make_world

# sha256 of the pictures and masks of the first eight rows of the tiny world; changes only when the renderer changes.
PINNED = "08822f96202e98f0e784013a89c605221c078becf0ca3250376a3650cfeb8d7d"


@pytest.fixture(scope="module")
def rows(world: World):
    """Sixteen persons and shots from all over the world, with neighbours and obstacles among them."""
    chosen = list(world.sightings)[::3][:14]
    chosen += [s for s in world.sightings if s.shot.occluder != "none" or s.shot.other_person >= 0][:2]
    return [world.people[s.person] for s in chosen], [s.shot for s in chosen]


@pytest.fixture(scope="module")
def pictures(rows) -> Rendering:
    return render(*rows)


def equal(first: Rendering, second: Rendering) -> bool:
    names = ("images", "light", "labels", "fine_labels", "shadow")
    return all(torch.equal(getattr(first, name), getattr(second, name)) for name in names)


def test_the_pictures_are_bit_for_bit_those_of_the_record(rows) -> None:
    seen = render(rows[0][:8], rows[1][:8])
    digest = hashlib.sha256(seen.images.numpy().tobytes() + seen.labels.numpy().tobytes()).hexdigest()
    assert digest == PINNED


def test_bits_do_not_depend_on_the_batch(rows, pictures: Rendering) -> None:
    assert equal(render(*rows, chunk=1), pictures)
    assert equal(render(*rows, chunk=5), pictures)


def test_bits_do_not_depend_on_the_number_of_threads(rows, pictures: Rendering) -> None:
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2 if threads == 1 else 1)
        few = render(rows[0][:4], rows[1][:4])
        assert torch.equal(few.images, pictures.images[:4])
        assert torch.equal(few.light, pictures.light[:4])
    finally:
        torch.set_num_threads(threads)


@pytest.mark.gpu
def test_a_gpu_gives_the_same_pictures_up_to_rounding(rows, pictures: Rendering) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    seen = render(*rows, device="cuda")
    assert (seen.labels.cpu() != pictures.labels).float().mean() < 1e-3
    assert (seen.images.cpu().float() - pictures.images.float()).abs().mean() < 0.1


def test_shapes_and_types(pictures: Rendering) -> None:
    assert (pictures.images.shape, pictures.images.dtype) == ((16, 3, 128, 64), torch.uint8)
    assert (pictures.labels.shape, pictures.labels.dtype) == ((16, 128, 64), torch.uint8)
    assert pictures.fine_labels.shape == (16, 256, 128)
    assert pictures.light.min() >= 0


def test_a_person_fills_a_good_part_of_the_box(pictures: Rendering) -> None:
    person = torch.isin(pictures.labels, torch.tensor([int(part) for part in PERSON])).float().mean(dim=(1, 2))
    assert person.min() > 0.04  # behind an obstacle
    assert 0.12 < person.median() < 0.5


def test_majority_takes_the_commonest_label_and_the_larger_of_a_tie() -> None:
    fine = torch.tensor([[[1, 1, 4, 0], [1, 7, 0, 4], [0, 3, 9, 9], [5, 2, 9, 9]]], dtype=torch.uint8)
    assert majority(fine).tolist() == [[[1, 4], [5, 9]]]


def test_visible_pixels_are_counted_part_by_part(pictures: Rendering) -> None:
    counts = visible_pixels(pictures.labels)
    labels = pictures.labels
    hat, shirt = SCHEMA.index("hat"), [SCHEMA.index(f"up{colour}") for colour in ("red", "white")]
    assert torch.equal(counts[:, hat], (labels == Part.HAT).sum(dim=(1, 2)))
    cloth = ((labels == Part.UPPER) | (labels == Part.FOREARM_CLOTH)).sum(dim=(1, 2))
    assert all(torch.equal(counts[:, column], cloth) for column in shirt)
    forearms = ((labels == Part.FOREARM_CLOTH) | (labels == Part.FOREARM_SKIN)).sum(dim=(1, 2))
    assert torch.equal(counts[:, SCHEMA.index("up")], forearms)
    assert torch.equal(attribute_regions(labels).sum(dim=(-2, -1)), counts)


def test_what_is_worn_is_seen_somewhere_and_what_is_not_worn_nowhere(rows, pictures: Rendering) -> None:
    counts = visible_pixels(pictures.labels)
    for name in ("hat", "backpack", "bag", "handbag"):
        worn = torch.tensor([bool(person.attributes()[name]) for person in rows[0]])
        column = counts[:, SCHEMA.index(name)]
        assert (column[~worn] == 0).all()
        assert (column[worn] > 0).float().mean() > 0.5


def test_sleeve_length_shows_on_the_forearms(someone, clear_shot: Shot) -> None:
    long, short = (someone(4, up=value, age="adult") for value in ("long sleeve", "short sleeve"))
    cloth, skin = (render([person], [clear_shot]).labels for person in (long, short))
    assert (cloth == Part.FOREARM_CLOTH).sum() > 10 * (cloth == Part.FOREARM_SKIN).sum()
    assert (skin == Part.FOREARM_CLOTH).sum() == 0 < (skin == Part.FOREARM_SKIN).sum()


def test_no_leg_comes_through_a_long_skirt(someone, clear_shot: Shot) -> None:
    person = someone(8, clothes="dress", down="long lower-body clothing", age="adult", backpack="no backpack")
    shots = [
        replace(clear_shot, phase=phase / 8, heading=turn / 6, stride=1.0) for phase in range(8) for turn in range(6)
    ]
    labels = render([person] * len(shots), shots).fine_labels
    above = torch.tensor([int(Part.THIGH_SKIN)])
    assert not torch.isin(labels, above).any()
    # Some shin may show below the hem, never in the middle of the skirt: cloth on both sides of it in its row.
    shin = labels == Part.SHIN_SKIN
    cloth = (labels == Part.LOWER) | (labels == Part.SHIN_CLOTH)
    left, right = cloth.cumsum(dim=2) > 3, cloth.flip(2).cumsum(dim=2).flip(2) > 3
    assert (shin & left & right).sum() < 0.001 * cloth.sum()


def test_no_cloth_shows_through_cloth(someone, clear_shot: Shot) -> None:
    # Speckle: single sub-pixels of one part amid another. Trousers under a shirt's tail and arms before a trunk are
    # where surfaces are close.
    people = [someone(seed, clothes="pants", age="adult") for seed in range(12)]
    labels = render(people, [replace(clear_shot, heading=seed / 12) for seed in range(12)]).fine_labels.long()
    inner = labels[:, 1:-1, 1:-1]
    around = torch.stack(
        [labels[:, 1 + dy : 255 + dy, 1 + dx : 127 + dx] for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx]
    )
    alone = (around != inner).all(dim=0) & (around == around[:1]).all(dim=0)
    assert alone.sum() <= 0.0005 * (labels > 0).sum()


def test_a_second_person_has_a_label_of_its_own_and_no_attribute(someone, clear_shot: Shot) -> None:
    beside = replace(
        clear_shot,
        other_person=99,
        other=someone(5),
        other_x=clear_shot.x + 0.5,
        other_y=clear_shot.y,
        other_stride=1.0,
    )
    alone, both = (render([someone(4)], [shot]) for shot in (clear_shot, beside))
    assert (both.labels == Part.OTHER_PERSON).sum() > 100
    kept = both.labels != Part.OTHER_PERSON
    assert torch.equal(both.labels[kept], alone.labels[kept])


@pytest.mark.parametrize("domain", ["A", "B"])
def test_the_light_of_every_camera_tells_black_clothes_from_white_ones(someone, domain: str, tiny: Preset) -> None:
    plain = {"age": "adult", "backpack": "no backpack", "bag": "no bag", "handbag": "no handbag"}
    black, white = (someone(9, upper_colour=c, lower_colour=c, **plain) for c in ("black", "white"))
    seen = {}
    for sighting in make_world(domain, tiny, 0).sightings:
        if sighting.pid and sighting.shot.camera not in seen:
            seen[sighting.shot.camera] = replace(sighting.shot, occluder="none", other_person=-1, other=None)
    assert set(seen) == {0, 1, 2, 3}
    for shot in seen.values():
        pictures = render([black, white], [shot] * 2)
        shirt = (pictures.labels == Part.UPPER).all(dim=0)
        dark, bright = pictures.images.float().mean(dim=1)
        assert shirt.sum() > 200
        assert bright[shirt].mean() > dark[shirt].mean() + 60
        assert dark[shirt].std() > 2  # folds are seen even in black


def test_a_missing_second_person_or_shot_is_refused(someone, clear_shot: Shot) -> None:
    with pytest.raises(ValueError, match="second person"):
        render([someone(1)], [replace(clear_shot, other_person=5)])
    with pytest.raises(ValueError, match="one shot per identity"):
        render([someone(1)], [])
