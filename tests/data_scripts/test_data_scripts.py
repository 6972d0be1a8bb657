from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from whyreid.data import ReIDTable, annotated_ratios
from whyreid.data.attributes import MARKET1501_NAMES

SCRIPTS = Path(__file__).parents[2] / "data_scripts"
MARKET = [
    "bounding_box_train/0002_c1s1_000451_03.jpg",
    "query/0001_c1s2_001051_00.jpg",
    "bounding_box_test/-1_c1s1_000401_03.jpg",
    "bounding_box_test/0001_c5s1_001426_00.jpg",
]
DUKE = [
    "bounding_box_train/0001_c2_f0046182.jpg",
    "query/0005_c8_f0002935.jpg",
    "bounding_box_test/0005_c1_f0050000.jpg",
]
CUHK = [
    "detected/bounding_box_train/0001_c1_1.png",
    "detected/query/0002_c1_3.png",
    "detected/bounding_box_test/0002_c2_4.png",
]
MSMT = {
    "train": "0000/0000_045_12_0303morning_0006_2.jpg 0",
    "val": "0000/0000_013_04_0303morning_0020_2.jpg 0",
    "query": "0000/0000_000_01_0303morning_0015_0.jpg 0",
    "gallery": "0000/0000_008_15_0303morning_0019_2.jpg 0",
}


def pictures(root: Path, paths: list[str]) -> Path:
    for number, path in enumerate(paths):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 8), (50 * number, 90, 60)).save(root / path)
    return root


@pytest.fixture
def market(tmp_path):
    return pictures(tmp_path / "raw", MARKET)


@pytest.fixture
def annotation(tmp_path):
    def part(pids):
        cells = np.empty((1, len(pids)), dtype=object)
        cells[0] = [f"{pid:04d}" for pid in pids]
        names = ["age", *(name for name in MARKET1501_NAMES if not name.startswith("age"))]
        return {name: np.full((1, len(pids)), 2, dtype=np.uint8) for name in names} | {"image_index": cells}

    savemat(tmp_path / "market_attribute.mat", {"market_attribute": {"train": part([2, 7]), "test": part([1])}})
    return tmp_path / "market_attribute.mat"


@pytest.fixture
def run(monkeypatch, capsys):
    """run("market1501", "--root", ...) -> (exit code, stdout, stderr), in this process."""

    def call(script: str, *arguments: object) -> tuple[int, str, str]:
        monkeypatch.syspath_prepend(str(SCRIPTS))
        monkeypatch.setattr(sys, "argv", [f"{script}.py", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit:
            runpy.run_path(str(SCRIPTS / f"{script}.py"), run_name="__main__")
        captured = capsys.readouterr()
        return int(exit.value.code or 0), captured.out, captured.err

    return call


def test_the_command_of_the_documentation_works_in_a_fresh_process(market, annotation, tmp_path):
    command = [sys.executable, SCRIPTS / "market1501.py", "--root", market, "--attributes", annotation]
    done = subprocess.run(
        [*command, "--out", tmp_path / "table", "--partial"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "partial: true" in done.stdout
    table = ReIDTable.load(tmp_path / "table")
    assert (table.name, table.partial, len(table), table.root) == ("market1501", True, 3, market)
    ratios = annotated_ratios(table)  # the file says 2 (yes, or teenager) of everyone
    assert (ratios.name, ratios["hat"], ratios["age1"]) == ("2 annotated training identities", 1.0, 0.0)
    assert sorted(file.name for file in (tmp_path / "table").iterdir()) == [
        "attributes.csv",
        "dataset.yaml",
        "images.csv",
    ]


def test_a_subset_is_refused_without_partial_and_nothing_is_written(run, market, tmp_path):
    code, out, err = run("market1501", "--root", market, "--out", tmp_path / "table")
    assert (code, out) == (1, "")
    assert "bounding_box_train: 1 image of 1 identity, published 12936 of 751" in err
    assert not (tmp_path / "table").exists()


def test_a_truncated_picture_is_refused_unless_decoding_is_skipped(run, market, tmp_path):
    picture = market / MARKET[0]
    picture.write_bytes(picture.read_bytes()[:-30])
    arguments = ("--root", market, "--out", tmp_path / "table", "--partial")
    code, _, err = run("market1501", *arguments)
    assert code == 1
    assert "1 of 3 pictures" in err
    assert MARKET[0] in err
    assert not (tmp_path / "table").exists()
    assert run("market1501", *arguments, "--no-decode")[0] == 0


def test_a_foreign_folder_is_kept_and_a_table_of_the_same_set_replaced(run, market, tmp_path):
    out = tmp_path / "table"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    arguments = ("--root", market, "--out", out, "--partial")
    code, _, err = run("market1501", *arguments)
    assert code == 1
    assert "not empty and no table" in err
    assert run("market1501", *arguments, "--overwrite")[0] == 0
    assert run("market1501", *arguments)[0] == 0
    assert (out / "notes.txt").read_text() == "mine"


def test_the_wrong_script_names_the_right_reader(run, market, tmp_path):
    code, _, err = run("dukemtmcreid", "--root", market, "--out", tmp_path / "table", "--partial")
    assert code == 1
    assert "they look like market1501: use its reader" in err


def test_duke_is_converted_with_its_clock(run, tmp_path):
    raw = pictures(tmp_path / "raw", DUKE)
    assert run("dukemtmcreid", "--root", raw, "--out", tmp_path / "table", "--partial")[0] == 0
    assert ReIDTable.load(tmp_path / "table").fps == 59.94


def test_msmt17_is_converted_without_times(run, tmp_path):
    raw = pictures(
        tmp_path / "raw",
        [f"{'train' if part in ('train', 'val') else 'test'}/{line.split()[0]}" for part, line in MSMT.items()],
    )
    for part, line in MSMT.items():
        (raw / f"list_{part}.txt").write_text(line + "\n")
    code, out, _ = run("msmt17", "--root", raw, "--out", tmp_path / "table", "--partial")
    assert code == 0
    assert "times: none" in out
    table = ReIDTable.load(tmp_path / "table")
    assert table.images["original_pid"].tolist() == [0, 0, 0, 0]
    assert table.images["pid"].tolist() == [1, 1, 1042, 1042]


def test_cuhk03np_takes_the_boxes_asked_for(run, tmp_path):
    raw = pictures(tmp_path / "raw", CUHK)
    out = tmp_path / "table"
    assert run("cuhk03np", "--root", raw, "--out", out, "--partial")[0] == 1  # labeled is not there
    assert run("cuhk03np", "--root", raw, "--boxes", "detected", "--out", out, "--partial")[0] == 0
    assert ReIDTable.load(out).name == "cuhk03np-detected"


def test_a_table_written_by_hand_is_checked(run, market, tmp_path):
    folder = tmp_path / "mine"
    pictures(folder, ["a.png", "b.png"])
    (folder / "dataset.yaml").write_text("name: mine\nprotocol: no_camera\n")
    (folder / "images.csv").write_text("path,pid,split\na.png,1,query\nb.png,1,gallery\n")
    code, out, _ = run("own_data", "--table", folder)
    assert code == 0
    assert "2 images of 1 identities, no attributes, no_camera" in out
    (folder / "images.csv").write_text("path,pid,split\na.png,1,query\na.png,1,gallery\n")
    code, _, err = run("own_data", "--table", folder)
    assert code == 1
    assert "images.csv, line 3: 'a.png', first in images.csv, line 2" in err


def test_own_pictures_become_a_table_by_a_pattern(run, tmp_path):
    raw = pictures(
        tmp_path / "shop",
        [f"{who}/cam{camera}_{time}.png" for who in ("ann", "bob") for camera, time in ((1, 5), (2, 9))],
    )
    arguments = ["--root", raw, "--name", "shop", "--out", tmp_path / "table", "--fps", 10]
    code, _, err = run("own_pictures", "--pattern", r"^(?P<pid>\w+)/cam(?P<camid>\d)_(?P<time>\d+)", *arguments)
    assert code == 0, err
    table = ReIDTable.load(tmp_path / "table")
    assert table.images["person"].tolist() == ["ann", "ann", "bob", "bob"]
    assert table.pids.tolist() == [1, 1, 2, 2]
    assert sorted(table.images["split"]) == ["gallery", "query", "train", "train"]
    code, _, err = run("own_pictures", "--pattern", r"(?P<person>\w+)/", *arguments)
    assert code == 1
    assert "must have a group (?P<pid>...)" in err


@pytest.mark.data
def test_the_real_sample_is_converted(run, real_data, tmp_path):
    arguments = ["--attributes", real_data / "market_attribute.mat", "--out", tmp_path / "table", "--partial"]
    code, out, err = run("market1501", "--root", real_data / "market1501-mini", *arguments)
    assert code == 0, err
    assert "9598 images of 550 identities, 30 attributes, cross_camera, partial" in out
