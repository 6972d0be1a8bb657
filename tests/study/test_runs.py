from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from whyreid.study import runs as runs_module
from whyreid.study.runs import is_stale, load_runs, only_page, run_digest, run_on


@pytest.fixture
def hello(project: Any) -> Any:
    project.notebook("hello")
    project.runs(project.entry("one"), project.entry("two", seed=1))
    return project


def test_entries_become_runs_in_their_order(hello: Any) -> None:
    one, two = load_runs(hello.folder)
    assert (one.page, one.title, one.dataset, one.first) == ("one", "One", "promenade-a", True)
    assert (two.page, two.parameters["seed"], two.first) == ("two", 1, False)


def change(project: Any, **changes: Any) -> None:
    entry = {**project.entry("one"), **changes}
    project.runs({key: value for key, value in entry.items() if value is not ...})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"titel": "x"}, r"1: unknown key: 'titel'\. There are: notebook, page, parameters, title\. Did you mean title"),  # noqa: E501
        ({"title": ...}, r"missing key: 'title'"),
        ({"page": "../up"}, "page must be lower-case words"),
        ({"page": 3}, "page must be lower-case words"),
        ({"title": ""}, "title must be one line"),
        ({"title": "a\nb"}, "title must be one line"),
        (
            {"parameters": {"dataset": "promenade-a", "preset": "smoke", "sed": 1}},
            r"\(page one\): unknown parameter of hello.py: 'sed'; missing parameter of hello.py: 'seed'\. "
            r"There are: dataset, preset, seed\. Did you mean seed\?",
        ),
        ({"parameters": {"dataset": "promenade-a", "preset": "smoke"}}, r"missing parameter of hello.py: 'seed'\. "),
        ({"parameters": None}, "missing parameter of hello.py: 'dataset', 'preset', 'seed'"),
        (
            {"parameters": {"dataset": "promenade-a", "preset": "smoke", "seed": "0"}},
            "parameter seed must be int like its default 0, got '0'",
        ),
        (
            {"parameters": {"dataset": "promenade-a", "preset": "smoke", "seed": True}},
            "parameter seed must be int like its default 0, got True",
        ),
    ],
)  # fmt: skip
def test_a_wrong_entry_is_refused_with_what_exists(hello: Any, changes: dict[str, Any], message: str) -> None:
    change(hello, **changes)
    with pytest.raises(ValueError, match=message):
        load_runs(hello.folder)


def test_a_page_twice_is_refused(hello: Any) -> None:
    hello.runs(hello.entry("one"), hello.entry("one", seed=1))
    with pytest.raises(ValueError, match="entry 2: page 'one' is there twice"):
        load_runs(hello.folder)


def test_a_missing_notebook_is_refused(hello: Any) -> None:
    change(hello, notebook="notebooks/gone.py")
    with pytest.raises(FileNotFoundError, match=r"gone\.py does not exist"):
        load_runs(hello.folder)


@pytest.mark.parametrize("text", ["", "pages: []", "- just text"])
def test_a_file_that_is_no_list_of_mappings_is_refused(hello: Any, text: str) -> None:
    (hello.folder / "runs.yml").write_text(text)
    with pytest.raises(ValueError, match=r"runs\.yml.* must be a "):
        load_runs(hello.folder)


def test_a_whole_number_may_stand_for_a_float_and_none_for_anything(project: Any) -> None:
    project.notebook("hello", '# %% tags=["parameters"]\nrate = 0.5\nlimit = None\nname = "x"\n')
    entry = {"page": "one", "title": "One", "notebook": "notebooks/hello.py"}
    project.runs({**entry, "parameters": {"rate": 1, "limit": 3, "name": None}})
    assert load_runs(project.folder)[0].parameters == {"rate": 1, "limit": 3, "name": None}


def test_an_unknown_need_is_refused_before_anything_runs(project: Any) -> None:
    project.notebook("hello", needs="[depth]")
    project.runs(project.entry("one"))
    with pytest.raises(ValueError, match=r"a notebook may need attributes, .*; got depth"):
        load_runs(project.folder)


def test_the_preset_of_every_run_can_be_set_from_outside(hello: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before = [run_digest(run) for run in load_runs(hello.folder)]
    monkeypatch.setenv("WHYREID_PRESET", "smoke")
    runs = load_runs(hello.folder)
    assert [run.parameters["preset"] for run in runs] == ["smoke", "smoke"]
    assert not set(before) & {run_digest(run) for run in runs}


def test_the_same_run_has_the_same_digest(hello: Any) -> None:
    one, two = load_runs(hello.folder)
    assert run_digest(one) == run_digest(load_runs(hello.folder)[0])
    assert run_digest(one) != run_digest(two)


def test_an_edit_of_the_notebook_touches_only_its_runs(hello: Any) -> None:
    hello.notebook("other")
    hello.runs(hello.entry("one"), hello.entry("two", "other"))
    before = [run_digest(run) for run in load_runs(hello.folder)]
    path = hello.folder / "notebooks" / "other.py"
    path.write_text(path.read_text().replace("A question.", "A better question."))
    after = [run_digest(run) for run in load_runs(hello.folder)]
    assert before[0] == after[0]
    assert before[1] != after[1]


def test_an_edit_of_a_file_that_the_notebook_reads_counts(hello: Any) -> None:
    hello.notebook("hello", reads="[book/results/*.json]")
    results = hello.folder / "book" / "results"
    digests = {run_digest(load_runs(hello.folder)[0])}
    results.mkdir()
    for text in ("1", "2"):
        (results / "a.json").write_text(text)
        digests.add(run_digest(load_runs(hello.folder)[0]))
    (hello.folder / "book" / "other.json").write_text("not read")
    digests.add(run_digest(load_runs(hello.folder)[0]))
    assert len(digests) == 3


def test_an_edit_of_the_library_counts_only_where_it_is_reached(hello: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    one, _ = load_runs(hello.folder)
    before = run_digest(one)
    monkeypatch.setattr(runs_module, "source_digest", lambda code: SimpleNamespace(digest="edited"))
    assert run_digest(one) != before


def test_other_versions_make_a_page_stale(hello: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    one, _ = load_runs(hello.folder)
    before = run_digest(one)
    monkeypatch.setattr(runs_module, "versions", lambda: {"torch": "99", "numpy": "1"})
    assert run_digest(one) != before


def test_a_table_is_its_content_not_its_place(hello: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs_module, "_table_digest", lambda folder: "same pictures")
    digests = set()
    for place in ("here", "there"):
        hello.runs(hello.entry("one", dataset=f"{place}/street"))
        digests.add(run_digest(load_runs(hello.folder)[0]))
    assert len(digests) == 1
    monkeypatch.setattr(runs_module, "_table_digest", lambda folder: "other pictures")
    assert run_digest(load_runs(hello.folder)[0]) not in digests


def test_a_tables_folder_is_relative_to_the_project_and_shown_without_its_place(hello: Any) -> None:
    hello.runs(hello.entry("one", dataset="tables/street"))
    run = load_runs(hello.folder)[0]
    assert run.dataset == str(hello.folder / "tables" / "street")
    assert run.shown_parameters()["dataset"] == "street"


TWO_DATA_SETS = """\
# %% [markdown]
# # Which two?

# %% tags=["parameters"]
dataset = "promenade-a"  # or a folder
preset = "smoke"  # a "size"
seed = 0
dataset_other = "promenade-b"  # or a folder
"""


def test_the_second_data_set_of_a_page_is_treated_as_the_first(hello: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs_module, "_table_digest", lambda folder: Path(folder).name)
    hello.notebook("two", TWO_DATA_SETS)
    digests = set()
    for other in ("here/street", "there/street", "there/square"):
        hello.runs(hello.entry("one", "two", dataset_other=other))
        [run] = load_runs(hello.folder)
        assert run.datasets() == {"dataset": "promenade-a", "dataset_other": str(hello.folder / other)}
        assert run.shown_parameters()["dataset_other"] == Path(other).name
        digests.add(run_digest(run))
    assert len(digests) == 2  # its content, not its place
    [run] = run_on(load_runs(hello.folder), "promenade-b", dataset_other="promenade-a")
    assert run.datasets() == {"dataset": "promenade-b", "dataset_other": "promenade-a"}


def test_a_page_is_stale_until_it_holds_the_digest(hello: Any) -> None:
    run = load_runs(hello.folder)[0]
    assert is_stale(run, hello.pages)
    hello.pages.mkdir()
    page = hello.pages / "one.ipynb"
    page.write_text(json.dumps({"metadata": {}}))
    assert is_stale(run, hello.pages)
    page.write_text(json.dumps({"metadata": {"whyreid": {"digest": run_digest(run)}}}))
    assert not is_stale(run, hello.pages)


def test_one_page_can_be_chosen(hello: Any) -> None:
    runs = load_runs(hello.folder)
    assert [run.page for run in only_page(runs, "two")] == ["two"]
    assert only_page(runs, None) == runs
    with pytest.raises(ValueError, match=r"no page 'three' in runs\.yml; there are: one, two"):
        only_page(runs, "three")


def test_the_study_on_another_data_set_runs_each_notebook_once(hello: Any, tmp_path: Path) -> None:
    hello.notebook("dataless", '# %% tags=["parameters"]\nseed = 0\n')
    dataless = {**hello.entry("three", "dataless"), "parameters": {"seed": 0}}
    hello.runs(hello.entry("one"), hello.entry("two", dataset="promenade-b"), hello.entry("four", seed=1), dataless)
    runs = run_on(load_runs(hello.folder), str(tmp_path / "street"), "smoke")
    assert [run.page for run in runs] == ["one", "four"]
    assert {run.dataset for run in runs} == {str(tmp_path / "street")}
    assert {run.parameters["preset"] for run in runs} == {"smoke"}


def test_a_study_without_data_sets_cannot_run_on_another(project: Any) -> None:
    project.notebook("hello", '# %% tags=["parameters"]\nseed = 0\n')
    project.runs({**project.entry("one"), "parameters": {"seed": 0}})
    with pytest.raises(ValueError, match=r"no notebook of runs\.yml has the parameter 'dataset'"):
        run_on(load_runs(project.folder), "promenade-b")
