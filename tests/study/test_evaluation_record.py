"""The file that `whyreid evaluate --out` writes."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pandas as pd
import pytest
import torch

from whyreid.data import ReIDTable
from whyreid.models import thin_network
from whyreid.retrieval import RankingReport, evaluate_ranking
from whyreid.study.evaluation_record import (
    COLUMNS,
    describe_table,
    describe_target,
    read_evaluations,
    save_evaluation,
    weights_digest,
)

QUERY = (torch.tensor([1, 2, 9]), torch.tensor([0, 0, 0]))
GALLERY = (torch.tensor([1, 2]), torch.tensor([1, 1]))
TABLE = {"name": "my-street", "protocol": "cross_camera", "partial": False, "queries": 3, "gallery": 2, "digest": "0"}
TARGET = {"network": "thin", "weights": "0", "training": {"table": {"name": "promenade-a"}, "seed": 2, "recipe": {}}}


def report() -> RankingReport:
    """The first query's match is first, the second's is second, the third has none: rank-1 1/2, mAP 3/4."""
    distmat = torch.tensor([[0.1, 0.2], [0.1, 0.2], [0.1, 0.2]])
    return evaluate_ranking(distmat, QUERY[0], GALLERY[0], QUERY[1], GALLERY[1])


def save(path: Path, **changed: object) -> None:
    about = {"target": TARGET, "table": TABLE} | changed
    save_evaluation(path, {"as embedded": report()}, **about, options={"device": "cpu"}, seconds=1.25)  # type: ignore[arg-type]


def test_numbers_are_written_with_how_they_were_made(tmp_path):
    save(tmp_path / "one.json")
    record = json.loads((tmp_path / "one.json").read_text())
    [row] = record["rows"]
    assert (row["rank-1"], row["rank-5"], row["mAP"], row["queries"], row["all queries"]) == (0.5, 1, 0.75, 2, 3)
    assert record["provenance"].keys() >= {"made", "device", "commit", "torch", "wall_seconds"}
    assert str(tmp_path) not in (tmp_path / "one.json").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["one.json"]


def test_a_failed_write_leaves_the_old_file(tmp_path):
    save(tmp_path / "one.json")
    before = (tmp_path / "one.json").read_bytes()
    with pytest.raises(TypeError):
        save(tmp_path / "one.json", target={"network": object()})
    assert (tmp_path / "one.json").read_bytes() == before


def test_what_was_written_is_read_as_rows(tmp_path):
    save(tmp_path / "a.json")
    save(tmp_path / "b.json", table=TABLE | {"partial": True}, target=TARGET | {"training": None, "network": "sbs-r50"})
    rows = read_evaluations(tmp_path)
    assert rows["data set"].tolist() == ["my-street", "my-street, partial"]
    assert rows["network"].tolist() == ["thin", "sbs-r50"]
    assert rows["trained on"].tolist()[0] == "promenade-a"
    assert rows[["trained on", "seed"]].iloc[1].isna().all()
    assert rows["mAP"].tolist() == [0.75, 0.75]


def test_without_a_record_there_is_an_empty_table(tmp_path):
    rows = read_evaluations(tmp_path / "absent")
    assert rows.empty
    assert tuple(rows.columns) == COLUMNS


def test_another_file_in_the_folder_is_refused(tmp_path):
    (tmp_path / "x.json").write_text("[]")
    with pytest.raises(ValueError, match=r"x\.json is no record of whyreid evaluate"):
        read_evaluations(tmp_path)


def test_the_digest_is_of_the_weights():
    target, other = thin_network(seed=0), thin_network(seed=1)
    assert weights_digest(target) == weights_digest(thin_network(seed=0)) != weights_digest(other)
    with torch.no_grad():
        target.state_dict()["neck.running_mean"][0] += 1
    assert weights_digest(target) != weights_digest(thin_network(seed=0))


def test_a_target_without_a_training_says_so():
    described = describe_target(thin_network(instance_norm=True, features=256), network=None)
    assert (described["network"], described["training"], described["image_size"]) == ("thin-ibn", None, [128, 64])
    assert describe_target(thin_network(), network="sbs-r50")["network"] == "sbs-r50"


def test_the_digest_of_a_table_is_of_what_is_scored(tmp_path):
    rows = [(f"{number}.png", 1 + number // 2, number % 2, split) for number, split in
            enumerate(["query", "gallery", "train", "train"])]  # fmt: skip
    for path, *_ in rows:
        (tmp_path / path).write_bytes(b"picture")
    images = pd.DataFrame(rows, columns=["path", "pid", "camid", "split"]).assign(time=None)
    table = ReIDTable("my-street", tmp_path, images)
    fewer = dataclasses.replace(table, images=images[images["split"] != "train"].reset_index(drop=True))
    assert describe_table(table) == describe_table(fewer)
    assert (describe_table(table)["queries"], describe_table(table)["gallery"]) == (1, 1)
