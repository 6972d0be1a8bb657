from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from whyreid.study import needs
from whyreid.study.needs import NEEDS, explain_unmet, unmet_needs


def table(**changes: object) -> SimpleNamespace:
    complete = {
        "name": "street",
        "attributes": pd.DataFrame({"hat": [1]}, index=[1]),
        "images": pd.DataFrame({"time": pd.array([1.0, None], dtype="Float64")}),
        "protocol": "cross_camera",
        "provenance": {"generator": "promenade"},
    }
    return SimpleNamespace(**complete | changes)


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch):
    def load(stand_in: SimpleNamespace) -> None:
        monkeypatch.setattr(needs, "load_table", lambda folder: stand_in)

    return load


def test_a_complete_table_meets_every_need(loaded) -> None:
    loaded(table())
    assert unmet_needs(list(NEEDS), "folder") == {}


@pytest.mark.parametrize(
    ("need", "lacking", "reason"),
    [
        ("attributes", {"attributes": None}, "no `attributes.csv`"),
        ("times", {"images": pd.DataFrame({"time": pd.array([None], dtype="Float64")})}, "has a time"),
        ("cameras", {"protocol": "no_camera"}, "no_camera"),
        ("counterfactuals", {"provenance": {}}, "taken, not rendered"),
    ],
)
def test_what_lacks_is_named_with_the_reason(loaded, need: str, lacking: dict, reason: str) -> None:
    loaded(table(**lacking))
    unmet = unmet_needs(list(NEEDS), "folder")
    assert list(unmet) == [need]
    assert reason in unmet[need]
    assert "street" in unmet[need]


def test_only_declared_needs_count(loaded) -> None:
    loaded(table(attributes=None))
    assert unmet_needs(["times", "cameras"], "folder") == {}


def test_embedded_data_meet_every_need_without_being_made() -> None:
    assert unmet_needs(list(NEEDS), "promenade-a") == {}


def test_a_notebook_without_data_set_needs_none() -> None:
    assert unmet_needs(["attributes"], None) == {}


def test_an_unknown_need_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ValueError, match="may need attributes, times, cameras, counterfactuals; got depth"):
        unmet_needs(["depth"], "promenade-a")


def test_a_folder_that_is_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"promenade-a, promenade-b.*no dataset\.yaml lies there"):
        unmet_needs(["attributes"], str(tmp_path))


def test_the_page_names_need_reason_and_data_set() -> None:
    text = explain_unmet("When?", "street", {"times": "no picture has a time."})
    assert text.startswith("# When?\n")
    assert "`street`" in text
    assert "* **times** (time stamps): no picture has a time." in text
