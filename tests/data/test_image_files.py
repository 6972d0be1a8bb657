from __future__ import annotations

import pytest
from PIL import ImageFile

from whyreid.data import ReIDTable
from whyreid.data.image_files import list_files, missing_image_files


def test_good_pictures_pass(table, capsys):
    table.verify_images()
    assert capsys.readouterr() == ("", "")


def test_progress_is_shown_when_asked_for(table, capsys):
    table.verify_images(progress=True)
    assert "13/13" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-30]), "truncated"),
        (lambda path: path.write_bytes(b""), "empty file"),
        (lambda path: path.write_text("a web page that says not found"), "cannot identify image file"),
        (lambda path: path.unlink(), "missing"),
    ],
)
def test_damaged_pictures_are_named_with_the_reason(table, damage, reason):
    damage(table.root / "pictures/2_1.png")
    damage(table.root / "pictures/5_0.png")
    message = (
        rf"2 of 13 pictures .* cannot be decoded: pictures/2_1.png \(.*{reason}.*pictures/5_0.png.*copy them again"
    )
    with pytest.raises(ValueError, match=message):
        table.verify_images()


def test_truncated_jpeg_is_found_although_its_header_is_whole(tmp_path, images):
    from PIL import Image

    Image.effect_noise((64, 128), 80).convert("RGB").save(tmp_path / "a.jpg", quality=95)
    whole = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(whole[: len(whole) // 2])
    table = ReIDTable("one", tmp_path, images.iloc[:1].assign(path="a.jpg"), fps=25)
    with pytest.raises(ValueError, match=r"a.jpg \(.*truncated"):
        table.verify_images()


def test_a_setting_that_hides_truncation_is_refused(table, monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(ValueError, match="LOAD_TRUNCATED_IMAGES must be False"):
        table.verify_images()


def test_only_pictures_are_listed_in_order(tmp_path, write_pictures):
    write_pictures(tmp_path, ["q/b.JPG", "q/a.jpg", "q/.hidden.jpg", "q/deep/c.jpg"])
    (tmp_path / "q/Thumbs.db").touch()
    assert list_files(tmp_path, "q", [".jpg"]) == ["q/a.jpg", "q/b.JPG"]


def test_missing_files_are_found_in_missing_folders_too(tmp_path, write_pictures):
    write_pictures(tmp_path, ["q/a.jpg", "top.jpg"])
    assert missing_image_files(tmp_path, ["q/a.jpg", "q/b.jpg", "r/c.jpg", "top.jpg"]) == ["q/b.jpg", "r/c.jpg"]
