"""Render a domain of Promenade into a table folder: in chunks, on all cores, taken up again after a kill."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from PIL import Image
from tqdm import tqdm

import whyreid
from whyreid.data.table import ReIDTable
from whyreid.pedestrians.identity import SCHEMA, Identity
from whyreid.pedestrians.population import Correlation
from whyreid.pedestrians.promenade_folder import (
    IDENTITIES_FILE,
    IMAGES_FILE,
    VISIBLE_FILE,
    attribute_frame,
    identity_frame,
    image_frame,
    read_identities,
    read_image_rows,
    read_shots,
)
from whyreid.pedestrians.rendering import render, visible_pixels
from whyreid.pedestrians.visit import FPS
from whyreid.pedestrians.world import PRESETS, Preset, make_world

logger = logging.getLogger(__name__)

CHUNK = 48
_PLAN, _CHUNKS = "plan.json", ".chunks"
_WORTH_A_WORKER = 240  # pictures; below that a second process costs more than it brings
LICENCE = "CC0-1.0: made by this project, shows nobody"


def render_promenade(
    folder: Path,
    *,
    domain: str,
    preset: str | Preset,
    seed: int = 0,
    frequencies: Mapping[str, float] | str = "market",
    correlation: Correlation | None = None,
    workers: int | None = None,
    progress: bool = False,
) -> ReIDTable:
    """A domain of synthetic pedestrians, rendered into a folder and returned as a table.

    A whole folder of the same settings is returned as it is; a half-made one is finished. The pictures depend on the
    settings alone, not on the number of workers or on interruptions.

    Args:
        folder: made when absent; holds the result and, while being made, what is done so far.
        domain: "A" or "B"; they share no identity and no camera.
        preset: "smoke", "default", "full", "paper", or a `Preset` of one's own.
        seed: of people, ways and noise.
        frequencies: of the attributes, see `population.group_distributions`.
        correlation: one planted dependence between two attributes; by default groups are independent.
        workers: processes; by default one per core when the set is large enough. Each is a process of its own that
            imports this package afresh (no `if __name__ == "__main__"` needed), and uses one thread.
        progress: show a bar.

    Returns:
        the table, with masks, shots and counts of visible pixels beside it (`promenade_folder`).

    Raises:
        ValueError: unknown domain, preset or frequencies, or a folder made with other settings.
        RuntimeError: a worker failed; what is done stays.

    Cost: about 20 ms a picture and core at 128×64.
    """
    size = _size(preset)
    plan = _plan(domain, size, seed, frequencies, correlation)
    folder = Path(folder)
    if not _begin(folder, plan):
        world = make_world(domain, size, seed, frequencies=frequencies, correlation=correlation)
        identity_frame(world).to_csv(folder / IDENTITIES_FILE, index=False)
        image_frame(world).to_csv(folder / IMAGES_FILE, index=False)
        (folder / _CHUNKS).mkdir(exist_ok=True)
        _render_all(folder, len(world.sightings), workers, progress=progress)
        _finish(folder, plan, attribute_frame(world))
    return ReIDTable.load(folder)


def _size(preset: str | Preset) -> Preset:
    if isinstance(preset, Preset):
        return preset
    if preset not in PRESETS:
        raise ValueError(f"preset must be one of {list(PRESETS)} or a Preset, got {preset!r}; choose one of them.")
    return PRESETS[preset]


def _plan(
    domain: str, size: Preset, seed: int, frequencies: Mapping[str, float] | str, correlation: Correlation | None
) -> dict[str, Any]:
    """Everything that the folder's content depends on, as plain values."""
    return {
        "generator": "promenade",
        "maker": f"whyreid {whyreid.__version__}, whyreid.pedestrians.render_promenade",
        "domain": domain,
        "seed": seed,
        "preset": asdict(size),
        "frequencies": frequencies if isinstance(frequencies, str) else dict(frequencies),
        "correlation": None if correlation is None else asdict(correlation),
    }


def _begin(folder: Path, plan: dict[str, Any]) -> bool:
    """Prepare the folder; True when it is whole already. Refuses a folder of other settings."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _PLAN
    if path.is_file():
        there = json.loads(path.read_text(encoding="utf-8"))
        if there != plan:
            differing = sorted(key for key in plan if there.get(key) != plan[key])
            raise ValueError(
                f"{folder} was made with another {', '.join(differing)}; remove it or choose another folder."
            )
    else:
        write_whole(path, json.dumps(plan, indent=2))
    return (folder / "dataset.yaml").is_file()


def write_whole(path: Path, text: str) -> None:
    """Write a text file aside and rename it: it is there whole or not at all."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    aside.write_text(text, encoding="utf-8")
    os.replace(aside, path)


def _markers(folder: Path, pictures: int, chunk: int) -> dict[Path, slice]:
    """The file that marks a chunk as whole, and the rows of images.csv that are in it."""
    starts = range(0, pictures, chunk)
    return {
        folder / _CHUNKS / f"{start:07d}-{min(start + chunk, pictures):07d}.csv": slice(start, start + chunk)
        for start in starts
    }


def _render_all(folder: Path, pictures: int, workers: int | None, *, progress: bool) -> None:
    """Render all chunks that are not there yet, in this process or in several."""
    markers = _markers(folder, pictures, CHUNK)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    workers = workers or max(1, min(cores, pictures // _WORTH_A_WORKER))
    with tqdm(total=len(markers), unit="chunk", disable=not progress, desc="rendering") as bar:

        def show() -> None:
            bar.update(sum(marker.is_file() for marker in markers) - bar.n)

        if workers == 1:
            with _one_thread():
                for _ in render_share(folder, 0, 1, CHUNK):
                    show()
        else:
            _watch(folder, [_start_worker(folder, share, workers) for share in range(workers)], show)
        show()


@contextmanager
def _one_thread() -> Iterator[None]:
    """The work is many small steps: a second thread waits more than it helps."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _start_worker(folder: Path, share: int, workers: int) -> subprocess.Popen[str]:
    """A process of its own that renders every ``workers``-th chunk."""
    paths = os.pathsep.join([str(Path(whyreid.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    numbers = [str(number) for number in (share, workers, CHUNK)]
    command = [sys.executable, "-m", "whyreid.pedestrians.promenade", str(folder.resolve()), *numbers]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)


def _watch(folder: Path, processes: Sequence[subprocess.Popen[str]], show: Callable[[], None]) -> None:
    """Wait for the workers; when one fails, or this process is interrupted, stop them all."""
    try:
        while any(process.poll() is None for process in processes):
            if any(process.poll() not in (None, 0) for process in processes):
                break
            time.sleep(0.2)
            show()
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
    for process in processes:
        _, errors = process.communicate()
        if process.returncode > 0:
            raise RuntimeError(
                f"a rendering worker failed; what is done stays in {folder}. Its error:\n{errors[-2000:]}"
            )
    if any(process.returncode != 0 for process in processes):
        raise RuntimeError(f"a rendering worker was killed; call again to go on from what is done in {folder}.")


def render_share(folder: Path, share: int, shares: int, chunk: int) -> Iterator[int]:
    """Render every ``shares``-th chunk of a planned folder from ``share`` on; yield the numbers of those made."""
    people = read_identities(folder)
    rows = read_image_rows(folder)
    for number, (marker, part) in enumerate(_markers(folder, len(rows), chunk).items()):
        if number % shares == share and not marker.is_file():
            write_whole(marker, _render_rows(folder, rows.iloc[part], people).to_csv(index=False))
            yield number


def _render_rows(folder: Path, rows: pd.DataFrame, people: dict[int, Identity]) -> pd.DataFrame:
    """Write pictures and masks of some rows; returns their counts of visible pixels."""
    size = json.loads((folder / _PLAN).read_text(encoding="utf-8"))["preset"]
    with torch.inference_mode():
        pictures = render(
            [people[person] for person in rows["person"]], read_shots(rows, people),
            height=size["height"], width=size["width"],
        )  # fmt: skip
    for index, (path, mask) in enumerate(zip(rows["path"], rows["mask"], strict=True)):
        _write_png(folder / path, pictures.images[index].permute(1, 2, 0))
        _write_png(folder / mask, pictures.labels[index])
    counts = pd.DataFrame(visible_pixels(pictures.labels).numpy(), columns=list(SCHEMA.names))
    counts.insert(0, "path", list(rows["path"]))
    return counts


def _write_png(path: Path, values: torch.Tensor) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    Image.fromarray(values.contiguous().numpy()).save(aside, format="PNG", compress_level=6)
    os.replace(aside, path)


def _finish(folder: Path, plan: dict[str, Any], attributes: pd.DataFrame) -> None:
    """Put the counts together, write the table's own files (dataset.yaml last), drop the marks of the chunks."""
    for leftover in folder.rglob(".*.part"):  # of a kill in the middle of a file
        leftover.unlink()
    markers = _markers(folder, len(read_image_rows(folder)), CHUNK)
    write_whole(folder / VISIBLE_FILE, pd.concat([pd.read_csv(marker) for marker in markers]).to_csv(index=False))
    table = ReIDTable(
        name=f"promenade-{plan['domain'].lower()}", root=folder, images=read_image_rows(folder), attributes=attributes,
        schema=SCHEMA, fps=FPS, licence=LICENCE, provenance=plan,
    )  # fmt: skip
    table.save(folder, overwrite=True)
    shutil.rmtree(folder / _CHUNKS)


if __name__ == "__main__":
    torch.set_num_threads(1)
    for _ in render_share(Path(sys.argv[1]), *map(int, sys.argv[2:5])):
        pass
