"""Execute what is missing or stale: a notebook's source becomes a page, whole or not at all."""

from __future__ import annotations

import logging
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import nbformat
import papermill
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError

from whyreid.study.artifacts import artifacts_root, locked, versions
from whyreid.study.labels import suffix_labels
from whyreid.study.needs import explain_unmet
from whyreid.study.notebook import insert_below_title, set_parameters, set_title
from whyreid.study.runs import Run, is_stale, run_digest
from whyreid.study.tidy import hide_machine_paths

logger = logging.getLogger(__name__)


class RunsFailed(RuntimeError):
    """One or more notebooks raised an error; the others were executed all the same."""


class ThisInterpreter(AsyncKernelManager):
    """Starts kernels with the Python that runs the study, whatever kernels the machine's user has registered."""

    @property
    def kernel_spec(self) -> KernelSpec:
        """A description of this interpreter as a kernel."""
        quiet = ["-W", "ignore:IProgress not found"]  # Captum asks for a bar that a page can not show
        argv = [sys.executable, *quiet, "-m", "ipykernel_launcher", "--log-level=40", "-f", "{connection_file}"]
        return KernelSpec(argv=argv, display_name="Python 3", language="python")


def execute_runs(runs: Sequence[Run], folder: Path, *, progress: bool = False) -> tuple[str, ...]:
    """Execute every run whose page is missing or stale; the pages of the others stay untouched.

    A page is executed aside and renamed when it is whole. After a failure its half-executed notebook lies in
    ``folder/failed`` and the other runs go on.

    Args:
        runs: as `load_runs` returned them.
        folder: where the executed copies ``<page>.ipynb`` go; made when missing.
        progress: show a bar over the cells of each notebook.

    Returns:
        The names of the pages that were made now.

    Raises:
        RunsFailed: with the traceback of every notebook that failed, after all runs had their turn.
    """
    stale = [run for run in runs if is_stale(run, folder)]
    if len(stale) < len(runs):
        logger.info("%d of %d pages are up to date", len(runs) - len(stale), len(runs))
    for run in runs:
        (folder / "failed" / f"{run.page}.ipynb").unlink(missing_ok=True)
    made, failures = [], []
    for number, run in enumerate(stale, 1):
        try:
            if _execute_once(run, folder, f"{number} of {len(stale)}", progress):
                made.append(run.page)
        except (PapermillExecutionError, DeadKernelError) as error:
            failures.append(_failure(run, folder, error))
            logger.error("run %s failed", run.page)
    if failures:
        raise RunsFailed("\n\n".join(failures))
    return tuple(made)


def _execute_once(run: Run, folder: Path, place: str, progress: bool) -> bool:
    """Make one page under its lock; False when another process made it in the meantime."""
    aside = folder / ".making" / f"{run.page}.ipynb"
    with locked(aside.with_suffix(".lock"), f"page {run.page}"):
        if not is_stale(run, folder):
            return False
        given = ", ".join(str(run.shown_parameters()[key]) for key in ("dataset", "preset") if key in run.parameters)
        logger.info("run %s: %s (%s)", place, run.page, given)
        start = time.monotonic()
        node, digest = _prepared(run), run_digest(run)
        if not run.unmet_needs():
            _papermill(node, run, aside, f"{run.page} ({place})" if progress else None)
            node = nbformat.read(aside, as_version=4)
        _finish(node, run, digest, time.monotonic() - start)
        nbformat.write(node, aside)
        aside.replace(folder / aside.name)
        logger.info("run %s: %s took %.1f s", place, run.page, time.monotonic() - start)
    return True


def _papermill(node: NotebookNode, run: Run, aside: Path, bar: str | None) -> None:
    papermill.execute_notebook(
        node,
        aside,
        kernel_name="python3",
        cwd=run.notebook.path.parent,
        progress_bar={"desc": bar, "leave": False} if bar else False,
        kernel_manager_class=ThisInterpreter,
    )


def _prepared(run: Run) -> NotebookNode:
    """The notebook as it will be executed: its parameters, its title, and a line that names both."""
    node = run.notebook.cells()
    unmet = run.unmet_needs()
    if unmet:
        text = explain_unmet(run.title, str(run.dataset_name), unmet)
        return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text)])
    node.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    set_parameters(node, run.parameters)
    set_title(node, run.title)
    insert_below_title(node, _described(run))
    if not run.first:
        suffix_labels(node, run.page)
    for index, cell in enumerate(node.cells):
        cell["id"] = f"cell-{index}"
    return node


def _described(run: Run) -> str:
    given = ", ".join(f"{name} `{value}`" for name, value in run.shown_parameters().items())
    line = f"*Made with {given}.*" if given else "*Made without parameters.*"
    if run.parameters.get("preset") != "smoke":
        return line
    return (f"{line}\n\n```{{warning}}\nThe preset `smoke` checks that everything runs. It is far too small to learn "
            "anything from:\nno number on this page means anything.\n```")  # fmt: skip


def _finish(node: NotebookNode, run: Run, digest: str, seconds: float) -> None:
    """Write down what the page was made from, and take out what belongs to the machine."""
    hide_machine_paths(node, _known_folders(run))
    set_parameters(node, run.shown_parameters())
    node.metadata.pop("jupytext", None)
    node.metadata["whyreid"] = {
        "page": run.page,
        "digest": digest,
        "notebook": run.notebook.path.relative_to(run.project).as_posix(),
        "parameters": run.shown_parameters(),
        "versions": versions(),
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "wall_seconds": round(seconds, 2),
    }


def _known_folders(run: Run) -> Mapping[Path, str]:
    folders: dict[Path, str] = {run.project: "", artifacts_root(): "artifacts"}
    given = [Path(data) for data in run.datasets().values()]
    return folders | {folder: folder.name for folder in given if folder.is_absolute()}


def _failure(run: Run, folder: Path, error: Exception) -> str:
    """Keep the notebook as far as it came, and say where it lies and what happened."""
    kept = folder / "failed" / f"{run.page}.ipynb"
    kept.parent.mkdir(exist_ok=True)
    shutil.move(folder / ".making" / kept.name, kept)
    return f"run {run.page} ({run.notebook.path.name}) failed; as far as it came it lies in {kept}\n{error}"
