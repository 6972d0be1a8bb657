"""Sphinx extension: before the book is built, execute the runs that are missing or stale.

With this extension in ``_config.yml`` a plain ``jupyter-book build book/`` does everything. A notebook that fails ends
the build. A page that pastes a number from an executed page is built again when that page has changed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError

from whyreid.study.execution import RunsFailed, execute_runs
from whyreid.study.presets import size_of
from whyreid.study.progress import progress_on_terminal
from whyreid.study.project import find_project
from whyreid.study.runs import PRESET_VARIABLE, load_runs

RUNS_FOLDER = "runs"


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the two hooks with Sphinx."""
    app.connect("builder-inited", execute_stale_runs)
    app.connect("env-get-outdated", pages_that_paste)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def execute_stale_runs(app: Sphinx) -> None:
    """Bring ``runs/`` in the book's source folder up to date with runs.yml.

    Args:
        app: the build; its source folder lies in the project.

    Raises:
        ExtensionError: runs.yml or the preset is wrong, or a notebook failed; the message holds its traceback.
    """
    source = Path(app.srcdir)
    try:
        if os.environ.get(PRESET_VARIABLE):
            size_of(os.environ[PRESET_VARIABLE])
        with progress_on_terminal():
            execute_runs(load_runs(find_project(source)), source / RUNS_FOLDER, progress=sys.stderr.isatty())
    except (RunsFailed, ValueError, OSError) as error:
        raise ExtensionError(str(error)) from error


def pages_that_paste(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> list[str]:
    """Pages whose text names an executed page that is new or has changed: their pasted numbers are old.

    Args:
        app: the build.
        env: knows all pages.
        added: names of new pages.
        changed: names of pages whose file has changed.
        removed: names of pages that are gone.

    Returns:
        Names of pages to be read again.
    """
    fresh = {page for page in added | changed if page.startswith(f"{RUNS_FOLDER}/")}
    others = env.found_docs - added - changed
    return [page for page in others if _names(Path(env.doc2path(page)), fresh)]


def _names(file: Path, pages: Iterable[str]) -> bool:
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    return any(f"{page}.ipynb" in text for page in pages)
