"""Where the project lies: the folder that holds runs.yml, found from wherever somebody stands in it."""

from __future__ import annotations

from pathlib import Path

RUNS_FILE = "runs.yml"


def find_project(start: Path | None = None) -> Path:
    """The nearest folder with a runs.yml: from ``start`` upwards, else from where this library lies upwards.

    Args:
        start: a folder inside the project; the working directory unless given.

    Returns:
        The folder, absolute.

    Raises:
        FileNotFoundError: neither way up has a runs.yml.
    """
    for origin in ((start or Path.cwd()).resolve(), Path(__file__).resolve()):
        for folder in (origin, *origin.parents):
            if (folder / RUNS_FILE).is_file():
                return folder
    raise FileNotFoundError(
        f"no {RUNS_FILE} found from {start or Path.cwd()} upwards; go to the project's folder, "
        "or set WHYREID_ARTIFACTS to the folder that shall hold stored results."
    )
