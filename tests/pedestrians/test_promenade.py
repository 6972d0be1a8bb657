from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch

import whyreid
from whyreid.data import ReIDTable
from whyreid.pedestrians import (
    Correlation,
    Preset,
    read_families,
    read_identities,
    read_masks,
    read_shots,
    read_visible,
    render,
    render_promenade,
    visible_pixels,
)
from whyreid.pedestrians import promenade as writer
from whyreid.pedestrians.promenade_folder import read_image_rows


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory, tiny: Preset) -> ReIDTable:
    return render_promenade(tmp_path_factory.mktemp("promenade") / "a", domain="A", preset=tiny, frequencies="balanced")


def content(folder: Path) -> dict[str, bytes]:
    """Everything in a folder, path -> bytes."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def test_the_table_holds_together(table: ReIDTable, tiny: Preset) -> None:
    assert len(table) == (tiny.train + tiny.test) * tiny.shots + tiny.strangers
    assert table.name == "promenade-a"
    assert (table.protocol, table.fps) == ("cross_camera", 25.0)
    assert len(table.schema.names) == 30
    assert table.attribute_tensor(missing=False).shape == (len(table), 30)
    table.verify_images()
    assert ReIDTable.load(table.root).digest() == table.digest()
    assert set(table.images["split"]) == {"train", "val", "query", "gallery"}


def test_attributes_are_those_of_the_rendered_people(table: ReIDTable) -> None:
    people = read_identities(table.root)
    for pid in table.attributes.index:
        assert table.attributes.loc[pid].to_dict() == people[pid].attributes()


def test_every_picture_can_be_made_again_from_its_row(table: ReIDTable) -> None:
    people = read_identities(table.root)
    rows = table.images.iloc[::5]
    seen = render([people[person] for person in rows["person"]], read_shots(rows, people))
    from whyreid.data.loading import ImageStore

    stored = ImageStore(ReIDTable.load(table.root), (128, 64), memory_limit=0)
    images = next(iter(stored.batches([torch.arange(0, len(table), 5)])))
    assert torch.equal(images, seen.images)
    assert torch.equal(read_masks(table, range(0, len(table), 5)), seen.labels)


def test_counts_of_visible_pixels_are_those_of_the_masks(table: ReIDTable) -> None:
    counts = read_visible(table)
    assert list(counts.columns) == list(table.schema.names)
    assert torch.equal(torch.from_numpy(counts.to_numpy()), visible_pixels(read_masks(table)))
    queries = table.select("query")
    chosen = counts[table.images["split"] == "query"]
    assert read_visible(queries).to_numpy().tolist() == chosen.to_numpy().tolist()


def test_families_and_parties_are_recorded(table: ReIDTable) -> None:
    kin = read_families(table.root)
    assert (kin["family"] > 0).sum() >= 0.25 * (kin.index < 100_000).sum()
    assert set(kin.loc[kin["family"] > 0, "family"]) <= set(kin.index)


def test_a_whole_folder_is_not_made_again(table: ReIDTable, tiny: Preset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "render", lambda *a, **k: pytest.fail("rendered again"))
    again = render_promenade(table.root, domain="A", preset=tiny, frequencies="balanced")
    assert again.digest() == table.digest()


def test_a_folder_of_other_settings_is_refused(table: ReIDTable, tiny: Preset) -> None:
    with pytest.raises(ValueError, match="another domain, seed"):
        render_promenade(table.root, domain="B", preset=tiny, seed=1, frequencies="balanced")


def test_a_failed_rendering_is_taken_up_and_ends_the_same(
    table: ReIDTable, tiny: Preset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "CHUNK", 16)
    calls = []

    def failing(*arguments, **settings):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return render(*arguments, **settings)

    with monkeypatch.context() as patch:
        patch.setattr(writer, "render", failing)
        with pytest.raises(KeyboardInterrupt):
            render_promenade(tmp_path, domain="A", preset=tiny, frequencies="balanced")
    assert not (tmp_path / "dataset.yaml").exists()
    (tmp_path / "images" / ".00001.png.123.part").write_bytes(b"half of a picture")
    made = []
    monkeypatch.setattr(writer, "render", lambda *a, **k: made.append(1) or render(*a, **k))
    render_promenade(tmp_path, domain="A", preset=tiny, frequencies="balanced")
    assert len(made) == -(-len(table) // 16) - 2
    assert content(tmp_path) == content(table.root)


@pytest.mark.slow
def test_two_workers_make_what_one_makes_also_after_a_kill(table: ReIDTable, tiny: Preset, tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from whyreid.pedestrians import Preset, promenade; promenade.CHUNK = 8;"
        f"promenade.render_promenade(Path(sys.argv[1]), domain='A', preset={tiny!r}, frequencies='balanced', workers=2)"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(whyreid.__file__).parents[1])}
    command = [sys.executable, "-c", script, str(tmp_path)]
    first = subprocess.Popen(command, env=environment, start_new_session=True)
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob(".chunks/[0-9]*.csv")) and time.monotonic() < deadline and first.poll() is None:
        time.sleep(0.02)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    assert not (tmp_path / "dataset.yaml").exists()
    subprocess.run(command, env=environment, check=True, timeout=300)
    assert content(tmp_path) == content(table.root)


def test_a_failing_worker_is_reported_with_its_error(table: ReIDTable, tiny: Preset, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text("{}")
    (tmp_path / ".chunks").mkdir()
    for name in ("images.csv", "identities.csv"):
        (tmp_path / name).write_bytes((table.root / name).read_bytes())
    with pytest.raises(RuntimeError, match="KeyError"):
        writer._render_all(tmp_path, len(table), 2, progress=False)


def test_settings_are_recorded(table: ReIDTable, tiny: Preset, tmp_path: Path) -> None:
    assert table.provenance["domain"] == "A"
    assert table.provenance["frequencies"] == "balanced"
    plan = json.loads((table.root / "plan.json").read_text())
    assert plan == table.provenance
    small = Preset(train=5, test=2, shots=4, strangers=0, height=32, width=16)
    planted = render_promenade(
        tmp_path,
        domain="B",
        preset=small,
        frequencies={"hat": 0.5, "hair": 0.5},
        correlation=Correlation("hat", "hair", 0.9),
    )
    assert planted.provenance["correlation"] == {"first": "hat", "second": "hair", "phi": 0.9}
    assert read_masks(planted).shape == (len(planted), 32, 16)


def test_shots_survive_the_file(table: ReIDTable) -> None:
    people = read_identities(table.root)
    rows = read_image_rows(table.root)
    assert read_shots(rows, people) == read_shots(table.images, people)
    assert isinstance(rows, pd.DataFrame)


def test_a_table_without_masks_is_refused(table: ReIDTable, tmp_path: Path) -> None:
    import dataclasses

    bare = dataclasses.replace(table, images=table.images.drop(columns="mask"), root=tmp_path)
    with pytest.raises(ValueError, match="must have the column mask"):
        read_masks(bare)
    with pytest.raises(ValueError, match=r"visible\.csv"):
        read_visible(bare)


def test_an_unknown_preset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="preset must be one of"):
        render_promenade(tmp_path, domain="A", preset="huge")
