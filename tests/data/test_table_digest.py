from __future__ import annotations

import dataclasses
import shutil

import pandas as pd
import pytest
from PIL import Image

from whyreid.data import AttributeSchema, table_digest


def test_digest_is_32_hexadecimal_digits_and_stable(table):
    assert len(table.digest()) == 32
    assert int(table.digest(), 16) >= 0
    assert table.digest() == dataclasses.replace(table).digest()


@pytest.mark.parametrize(
    "change",
    [
        lambda table: {"images": table.images.assign(time=table.images["time"] + 1)},
        lambda table: {"images": table.images.iloc[::-1]},
        lambda table: {"images": table.images.assign(extra=1)},
        lambda table: {"attributes": table.attributes.assign(hat=0)},
        lambda table: {"schema": AttributeSchema.from_dict(table.schema.to_dict() | {"hat": {"one": "bowler"}})},
        lambda table: {"protocol": "no_camera"},
        lambda table: {"fps": 30},
        lambda table: {"name": "avenue"},
        lambda table: {"partial": True},
    ],
)
def test_whatever_is_said_changes_the_digest(table, change):
    assert dataclasses.replace(table, **change(table)).digest() != table.digest()


def test_licence_and_provenance_do_not_change_the_digest(table):
    assert dataclasses.replace(table, licence="mine", provenance={"when": "today"}).digest() == table.digest()


def test_a_changed_pixel_changes_the_digest_within_the_process(table):
    before = table.digest()
    path = table.root / "pictures/1_0.png"
    with Image.open(path) as picture:
        changed = picture.copy()
    changed.putpixel((0, 0), (255, 255, 255))
    changed.save(path)
    assert table.digest() != before


def test_the_place_of_the_pictures_does_not_matter(table, tmp_path):
    shutil.copytree(table.root, tmp_path / "copy")
    assert dataclasses.replace(table, root=tmp_path / "copy").digest() == table.digest()


def test_exchanged_pictures_change_the_digest(table):
    before = table.digest()
    first, second = table.root / "pictures/1_0.png", table.root / "pictures/2_0.png"
    first.rename(table.root / "aside")
    second.rename(first)
    (table.root / "aside").rename(second)
    assert table.digest() != before


def test_bytes_are_read_once_a_process(table, monkeypatch):
    table.digest()
    monkeypatch.setattr(table_digest, "_file_digests", lambda paths: pytest.fail("pictures were read again"))
    assert table.digest() == dataclasses.replace(table, images=pd.DataFrame(table.images)).digest()
