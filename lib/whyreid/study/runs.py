"""runs.yml: which notebook becomes which page of the book, with which parameters, and is the page still true?"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml

from whyreid.study.artifacts import versions
from whyreid.study.canonical import canonical_json, digest_text
from whyreid.study.code_digest import code_digest, source_digest
from whyreid.study.needs import check_needs, is_embedded, load_table, unmet_needs
from whyreid.study.notebook import SourceNotebook, read_notebook
from whyreid.study.project import RUNS_FILE

PRESET_VARIABLE = "WHYREID_PRESET"
_KEYS = ("page", "title", "notebook", "parameters")
DATASETS = ("dataset", "dataset_other")
"""Parameters that name a data set: the one that a page is about, and another one beside it."""


@dataclass(frozen=True)
class Run:
    """One page that is made by executing a notebook.

    Attributes:
        page: the page's name: the executed copy is ``<page>.ipynb``.
        title: the page's heading, and its entry in the table of contents.
        notebook: the source.
        parameters: a value for every parameter of the notebook; a table's folder is an absolute path.
        project: the folder of runs.yml.
        first: whether no earlier run uses the same notebook; the labels of later ones get the page's name.
    """

    page: str
    title: str
    notebook: SourceNotebook
    parameters: Mapping[str, Any]
    project: Path
    first: bool = True

    @property
    def dataset(self) -> str | None:
        """The run's data set: an embedded one's name or a table's folder; None when the notebook takes none."""
        return self.parameters.get("dataset")

    @property
    def dataset_name(self) -> str | None:
        """The data set as a reader may see it: a folder without where it lies."""
        return None if self.dataset is None else Path(self.dataset).name

    def datasets(self) -> dict[str, str]:
        """Every parameter that names a data set, see `DATASETS`, and its value."""
        return {name: self.parameters[name] for name in DATASETS if self.parameters.get(name) is not None}

    def shown_parameters(self) -> dict[str, Any]:
        """The parameters as a reader may see them."""
        return {**self.parameters, **{name: Path(value).name for name, value in self.datasets().items()}}

    def unmet_needs(self) -> dict[str, str]:
        """What the notebook needs and the data set lacks, with the reason; empty when it can run."""
        return unmet_needs(self.notebook.needs, self.dataset)


def load_runs(project: Path) -> tuple[Run, ...]:
    """Read and check runs.yml. $WHYREID_PRESET, when set, takes the place of every run's preset.

    Args:
        project: the folder that holds runs.yml.

    Returns:
        The runs, in the order of the file.

    Raises:
        FileNotFoundError: no runs.yml, or a notebook that it names is missing.
        ValueError: an entry with a missing or unknown key, a page twice, a parameter that the notebook does not have or
            that is not given, or a value of another type than the notebook's default. All with the names that exist.
    """
    entries = yaml.safe_load((project / RUNS_FILE).read_text(encoding="utf-8"))
    if not isinstance(entries, list) or not entries:
        raise ValueError(
            f"{RUNS_FILE} must be a list of entries with {', '.join(_KEYS)}; got {type(entries).__name__}."
        )
    runs: list[Run] = []
    for number, entry in enumerate(entries, 1):
        run = _read_entry(entry, f"{RUNS_FILE}, entry {number}", project)
        if run.page in {other.page for other in runs}:
            raise ValueError(
                f"{RUNS_FILE}, entry {number}: page {run.page!r} is there twice; every page needs its own name."
            )
        runs.append(replace(run, first=all(other.notebook.path != run.notebook.path for other in runs)))
    preset = os.environ.get(PRESET_VARIABLE)
    return with_parameters(runs, preset=preset) if preset else tuple(runs)


def with_parameters(runs: Sequence[Run], **values: Any) -> tuple[Run, ...]:
    """The same runs with other values, where a notebook has such a parameter; others stay as they are.

    Args:
        runs: as `load_runs` returned them.
        **values: for example ``preset="smoke"``.

    Returns:
        New runs, in the same order.
    """
    return tuple(
        replace(run, parameters={**run.parameters, **{key: values[key] for key in values if key in run.parameters}})
        for run in runs
    )


def run_on(
    runs: Sequence[Run], dataset: str, preset: str | None = None, *, dataset_other: str | None = None
) -> tuple[Run, ...]:
    """The study on another data set: every run whose notebook takes a data set, each notebook once.

    Args:
        runs: as `load_runs` returned them.
        dataset: an embedded data set's name or a table's folder (relative to the working directory).
        preset: takes the place of every run's preset; None leaves them.
        dataset_other: the second data set of those runs that take two; None leaves it.

    Returns:
        New runs; those that would do the same thing as an earlier one are left out.

    Raises:
        ValueError: no notebook takes a data set.
    """
    values = {"dataset": _absolute(dataset, Path.cwd()), **({"preset": preset} if preset else {})}
    values |= {"dataset_other": _absolute(dataset_other, Path.cwd())} if dataset_other else {}
    chosen: dict[str, Run] = {}
    for run in with_parameters([run for run in runs if run.dataset is not None], **values):
        chosen.setdefault(canonical_json({"notebook": str(run.notebook.path), **run.parameters}), run)
    if not chosen:
        raise ValueError(f"no notebook of {RUNS_FILE} has the parameter 'dataset', so none can run on {dataset}.")
    return tuple(replace(run, first=True) for run in chosen.values())


def only_page(runs: Sequence[Run], page: str | None) -> tuple[Run, ...]:
    """The run of one page; all runs when ``page`` is None.

    Raises:
        ValueError: no such page, with those that exist.
    """
    if page is None:
        return tuple(runs)
    chosen = tuple(run for run in runs if run.page == page)
    if not chosen:
        raise ValueError(f"no page {page!r} in {RUNS_FILE}; there are: {', '.join(run.page for run in runs)}.")
    return chosen


def run_digest(run: Run) -> str:
    """One digest of everything that decides what the page says.

    That is the notebook's text, the parameters, the title, the files that the notebook says it reads, the content of a
    table's folder, the library modules that the notebook and the runner reach, and the versions of torch and numpy.

    Args:
        run: as `load_runs` returned it.

    Returns:
        64 hexadecimal digits.
    """
    inputs = {
        "page": [run.page, run.title, run.first],
        "notebook": digest_text(run.notebook.path.read_text(encoding="utf-8")),
        "parameters": run.shown_parameters(),
        "tables": [None if is_embedded(data) else _table_digest(data) for data in run.datasets().values()],
        "reads": _content(run),
        "code": [source_digest(run.notebook.code).digest, code_digest(["whyreid.study.execution"]).digest],
        "versions": versions(),
    }
    return digest_text(canonical_json(inputs))


def is_stale(run: Run, folder: Path) -> bool:
    """Whether a page is missing or would say something else if it were made now.

    Args:
        run: as `load_runs` returned it.
        folder: where executed copies lie.
    """
    return stored_digest(folder / f"{run.page}.ipynb") != run_digest(run)


def stored_digest(page: Path) -> str | None:
    """The digest with which an executed copy was made; None when there is no such copy."""
    if not page.is_file():
        return None
    return json.loads(page.read_text(encoding="utf-8"))["metadata"].get("whyreid", {}).get("digest")


@cache
def _table_digest(folder: str) -> str:
    """Once a process: it may read every picture of the table."""
    return load_table(Path(folder)).digest()


def _content(run: Run) -> dict[str, str]:
    files = sorted({path for pattern in run.notebook.reads for path in run.project.glob(pattern)})
    return {path.relative_to(run.project).as_posix(): sha256(path.read_bytes()).hexdigest() for path in files}


def _read_entry(entry: Any, where: str, project: Path) -> Run:
    if not isinstance(entry, dict):
        raise ValueError(f"{where} must be a mapping with {', '.join(_KEYS)}; got {entry!r}.")
    _refuse_difference(set(entry), set(_KEYS), where, "key")
    page, title = entry["page"], entry["title"]
    if not isinstance(page, str) or not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", page):
        raise ValueError(
            f"{where}: page must be lower-case words joined by hyphens, got {page!r}; it becomes a file name."
        )
    if not isinstance(title, str) or not title.strip() or "\n" in title:
        raise ValueError(f"{where}: title must be one line of text, got {title!r}.")
    notebook = read_notebook(project / str(entry["notebook"]))
    check_needs(notebook.needs)
    parameters = dict(entry["parameters"] or {})
    _check_parameters(parameters, notebook, f"{where} (page {page})")
    for name in DATASETS:
        if isinstance(parameters.get(name), str):
            parameters[name] = _absolute(parameters[name], project)
    return Run(page, title, notebook, parameters, project)


def _check_parameters(given: Mapping[str, Any], notebook: SourceNotebook, where: str) -> None:
    _refuse_difference(set(given), set(notebook.parameters), where, f"parameter of {notebook.path.name}")
    for name, value in given.items():
        default = notebook.parameters[name]
        number = isinstance(default, float) and type(value) is int
        if default is not None and value is not None and type(value) is not type(default) and not number:
            expected = f"{type(default).__name__} like its default {default!r}"
            raise ValueError(f"{where}: parameter {name} must be {expected}, got {value!r}.")


def _refuse_difference(given: set[Any], exist: set[str], where: str, what: str) -> None:
    unknown, missing = sorted(map(str, given - exist)), sorted(exist - given)
    if not unknown and not missing:
        return
    said = [f"unknown {what}: {', '.join(map(repr, unknown))}"] if unknown else []
    said += [f"missing {what}: {', '.join(map(repr, missing))}"] if missing else []
    near = {close for name in unknown for close in get_close_matches(name, exist, n=1)}
    meant = f" Did you mean {', '.join(sorted(near))}?" if near else ""
    raise ValueError(f"{where}: {'; '.join(said)}. There are: {', '.join(sorted(exist)) or 'none'}.{meant}")


def _absolute(dataset: str, base: Path) -> str:
    """A table's folder as an absolute path; the name of an embedded data set as it is."""
    if is_embedded(dataset):
        return dataset
    return str((base / Path(dataset).expanduser()).resolve())
