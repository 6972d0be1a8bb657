from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import torchvision
from PIL import Image
from typer.testing import CliRunner

from whyreid.cli import app
from whyreid.models import thin_network
from whyreid.models.target_file import save_target

WIDTH = 80  # of a terminal that nobody has widened


def whyreid(*arguments: str):
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": str(WIDTH)})


@pytest.fixture
def street(tmp_path: Path) -> Path:
    """The folder of a table without times and without anybody to train on."""
    folder = tmp_path / "street"
    folder.mkdir()
    rows = ["path,pid,camid,time,split"]
    for pid in (7, 8):
        for camid, split in enumerate(("query", "gallery")):
            name = f"{pid}_{camid}.png"
            Image.new("RGB", (16, 32), (30 * pid, 60, 90)).save(folder / name)
            rows.append(f"{name},{pid},{camid},,{split}")
    (folder / "images.csv").write_text("\n".join(rows) + "\n")
    (folder / "dataset.yaml").write_text("name: my-street\nprotocol: cross_camera\n")
    return folder


@pytest.fixture
def untrained(tmp_path: Path) -> Path:
    """The folder of a target, without the history of a training."""
    folder = tmp_path / "untrained"
    folder.mkdir()
    save_target(thin_network(), folder / "target.pt")
    return folder


@pytest.mark.slow
@pytest.mark.usefixtures("smoke_results")
def test_a_target_is_trained_continued_and_evaluated(tmp_path: Path) -> None:
    out = str(tmp_path / "target")
    train = ["train", "--dataset", "promenade-a", "--preset", "smoke", "--device", "cpu", "--out", out]
    train += ["--epochs", "3"]
    done = whyreid(*train)
    assert done.exit_code == 0, done.output
    assert "3 epochs" in done.output
    stamp = (tmp_path / "target" / "target.pt").stat().st_mtime_ns
    assert whyreid(*train).exit_code == 0
    assert (tmp_path / "target" / "target.pt").stat().st_mtime_ns == stamp
    for other in (["--seed", "1"], ["--everyone"], ["--epochs", "4"]):
        refused = whyreid(*train, *other)
        assert refused.exit_code == 1
        assert "holds a training with another" in refused.output
    record = tmp_path / "numbers" / "b.json"
    asked = ["--target", out, "--dataset", "promenade-b", "--preset", "smoke", "--rerank", "--lift"]
    done = whyreid("evaluate", *asked, "--out", str(record))
    assert done.exit_code == 0, done.output
    written = json.loads(record.read_text())
    rankings = ["as embedded", "re-ranked", "re-ranked and lifted"]
    assert [row["ranking"] for row in written["rows"]] == rankings
    assert written["target"]["training"]["table"]["name"] == "promenade-a"
    assert (written["target"]["network"], written["table"]["name"]) == ("thin", "promenade-b")
    lines = done.output.splitlines()
    assert max(map(len, lines)) <= WIDTH
    table = [[cell.strip() for cell in line.strip("│").split("│")] for line in lines if line.startswith("│")]
    for row in written["rows"]:  # each on one line, with the numbers that were written
        [shown] = [cells for cells in table if cells[0] == row["ranking"]]
        assert [float(cell) for cell in shown[1:]] == pytest.approx(
            [100 * row[name] for name in ("rank-1", "rank-5", "rank-10", "mAP", "mINP")], abs=0.06
        )


@pytest.mark.slow
@pytest.mark.usefixtures("smoke_results")
def test_lifting_alone_moves_what_the_clock_moves(untrained: Path) -> None:
    asked = ["evaluate", "--target", str(untrained), "--dataset", "promenade-a", "--preset", "smoke", "--lift"]
    done = whyreid(*asked)
    assert done.exit_code == 0, done.output
    plain, lifted = ([line for line in done.output.splitlines() if line.startswith(f"│ {name}")] for name in
                     ("as embedded", "lifted"))  # fmt: skip
    assert len(plain) == len(lifted) == 1
    assert plain[0].split("│")[2:] != lifted[0].split("│")[2:]


def test_a_table_that_nobody_can_be_trained_on_is_scored_all_the_same(street: Path, untrained: Path) -> None:
    done = whyreid("evaluate", "--target", str(untrained), "--dataset", str(street), "--rerank")
    assert done.exit_code == 0, done.output
    assert "my-street, cross_camera, in per cent; 2 of 2 queries have a match" in done.output


def test_lifting_without_times_is_refused_before_anything_is_embedded(
    street: Path, untrained: Path, tmp_path: Path
) -> None:
    out = tmp_path / "numbers.json"
    asked = ["--target", str(untrained), "--dataset", str(street), "--lift", "--out", str(out)]
    done = whyreid("evaluate", *asked)
    assert done.exit_code == 1
    assert "temporal lifting needs the camera and the time of every picture, which my-street" in done.output
    assert not out.exists()


def test_a_published_checkpoint_is_evaluated_under_the_name_it_is_given(street: Path, tmp_path: Path) -> None:
    weights = torchvision.models.resnet50().state_dict()
    torch.save({"state_dict": {key: weights[key] for key in weights if "fc." not in key}}, tmp_path / "model.pth.tar")
    asked = ["evaluate", "--checkpoint", str(tmp_path / "model.pth.tar"), "--dataset", str(street)]
    unnamed = whyreid(*asked)
    assert unnamed.exit_code == 1
    assert "--checkpoint needs --network" in unnamed.output
    out = tmp_path / "numbers.json"
    said = ["--network", "torchreid-r50", "--image-size", "64x32", "--trained-on", "market1501"]
    done = whyreid(*asked, *said, "--out", str(out))
    assert done.exit_code == 0, done.output
    written = json.loads(out.read_text())["target"]
    assert (written["network"], written["image_size"], written["distance"]) == ("torchreid-r50", [64, 32], "euclidean")
    assert written["training"]["table"]["name"] == "market1501"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "give --target"),
        (["--target", "a", "--checkpoint", "b", "--network", "sbs-r50"], "one of the two"),
        (["--target", "a", "--network", "sbs-r50"], "describe a --checkpoint"),
        (["--checkpoint", "b", "--network", "sbs-r50", "--image-size", "384"], "HEIGHTxWIDTH in pixels"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options: list[str], said: str) -> None:
    done = whyreid("evaluate", "--dataset", "promenade-a", "--preset", "smoke", *options)
    assert done.exit_code == 1
    assert said in done.output


def test_an_unknown_network_is_refused_with_those_there_are_before_data_are_made(tmp_path: Path) -> None:
    done = whyreid("train", "--dataset", "nowhere", "--preset", "smoke", "--network", "vgg", "--out", str(tmp_path))
    assert done.exit_code == 1
    assert "thin-ibn" in done.output
    assert "got 'vgg'" in done.output


def test_a_table_without_people_to_train_on_is_refused(street: Path, tmp_path: Path) -> None:
    done = whyreid("train", "--dataset", str(street), "--preset", "smoke", "--out", str(tmp_path / "out"))
    assert done.exit_code == 1
    assert "train must have at least 2 identities" in done.output
    assert not (tmp_path / "out").exists()


def test_a_folder_without_a_target_is_refused(tmp_path: Path) -> None:
    done = whyreid("evaluate", "--target", str(tmp_path), "--dataset", "promenade-a", "--preset", "smoke")
    assert done.exit_code == 1
    assert "finish the training" in done.output


@pytest.mark.parametrize(
    "command",
    [
        ["train", "--dataset", "promenade-a", "--out", "made/here"],
        ["evaluate", "--dataset", "promenade-a", "--target", "nowhere", "--out", "made/here.json"],
        ["claims"],
    ],
)
@pytest.mark.parametrize(
    ("device", "said"),
    [
        ("gpu", "--device must be auto, cpu or cuda (cuda:1 for a second GPU), got 'gpu'"),
        ("cuda:99", "cuda:99"),  # there is no CUDA at all, or no such GPU
    ],
)
def test_a_device_that_is_not_there_is_refused_and_nothing_is_left(
    command: list[str], device: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = whyreid(*command, "--device", device)
    assert done.exit_code == 1
    assert done.output.startswith(f"whyreid {command[0]}: ")
    assert said in done.output
    assert not list(tmp_path.iterdir())


def test_numbers_do_not_go_where_a_folder_or_nothing_can_lie(street: Path, untrained: Path, tmp_path: Path) -> None:
    asked = ["evaluate", "--target", str(untrained), "--dataset", str(street), "--out"]
    for place, said in {
        street: "must be a file, got the folder",
        street / "images.csv" / "n.json": "File exists",
    }.items():
        done = whyreid(*asked, str(place))
        assert done.exit_code == 1
        assert said in done.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["street", "untrained"]


def test_a_training_that_does_not_begin_leaves_no_folder(tmp_path: Path, street: Path) -> None:
    few = (street / "images.csv").read_text().replace("7_0.png,7,0,,query", "7_0.png,7,0,,train")
    few = few.replace("7_1.png,7,1,,gallery", "7_1.png,9,1,,train")
    (street / "images.csv").write_text(few)
    done = whyreid("train", "--dataset", str(street), "--preset", "smoke", "--out", str(tmp_path / "a" / "b"))
    assert done.exit_code == 1
    assert "identities_per_batch=8 but the table has 1 training identities" in done.output
    assert not (tmp_path / "a").exists()
