"""Promenade: time a picture on one CPU thread, memory, the whole default set, and a GPU where there is one."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import torch
from measure import asked_task, best_seconds, print_row, run_in_child, save, use_threads

from whyreid.pedestrians import PRESETS, Identity, Shot, render, render_promenade
from whyreid.pedestrians.world import make_world

SIZES = ((128, 64, "<= 30 ms"), (256, 128, "-"))


def rows_of_default(count: int) -> tuple[list[Identity], list[Shot]]:
    """Every n-th row of the default set of domain A."""
    world = make_world("A", PRESETS["default"], 0)
    chosen = world.sightings[:: len(world.sightings) // count][:count]
    return [world.people[row.person] for row in chosen], [row.shot for row in chosen]


def one_thread(height: int, width: int, wanted: str) -> dict[str, object]:
    """Milliseconds of processor time and of wall time a picture, 2x supersampling, the best of several runs."""
    people, shots = rows_of_default(32)

    def processor() -> float:
        start = time.process_time()
        render(people, shots, height=height, width=width)
        return time.process_time() - start

    wall = best_seconds({"render": lambda: render(people, shots, height=height, width=width)}, repeats=4)["render"]
    return {
        "case": f"render, {height} x {width}, 2 x 2 sub-pixels, one thread",
        "ms_a_picture": round(1000 * wall / len(shots), 1),
        "processor_ms_a_picture": round(1000 * min(processor() for _ in range(3)) / len(shots), 1),
        "wanted": wanted,
    }


def on_gpu(height: int, width: int) -> dict[str, object]:
    """How many times as fast a GPU is as one CPU thread, in its own batch size."""
    people, shots = rows_of_default(512)
    few = 32

    def gpu() -> None:
        render(people, shots, height=height, width=width, device="cuda", chunk=128)
        torch.cuda.synchronize()

    gpu()
    seconds = best_seconds({"gpu": gpu, "cpu": lambda: render(people[:few], shots[:few], height=height, width=width)})
    each = {"gpu": seconds["gpu"] / len(shots), "cpu": seconds["cpu"] / few}
    return {
        "case": f"render, {height} x {width}, {torch.cuda.get_device_name()} against one CPU thread",
        "ms_a_picture": round(1000 * each["gpu"], 3),
        "times_faster": round(each["cpu"] / each["gpu"], 1),
        "wanted": ">= 20",
    }


def memory(pictures: int) -> None:
    """Peak memory of a process that renders so many pictures of 128 x 64."""
    people, shots = rows_of_default(pictures)
    start = time.perf_counter()
    for first in range(0, pictures, 48):
        render(people[first : first + 48], shots[first : first + 48])
    print_row(f"render {pictures} pictures of 128 x 64, memory", time.perf_counter() - start, wanted="flat")


def whole_set() -> dict[str, object]:
    """Both domains of the default preset on all cores, written to disk."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        tables = [render_promenade(Path(folder) / domain, domain=domain, preset="default") for domain in "AB"]
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    return {
        "case": f"render_promenade, both domains of default, {sum(map(len, tables))} pictures, all cores",
        "seconds": round(time.perf_counter() - start, 1),
        "megabytes_on_disk": round(size / 1e6),
        "wanted": "<= 120 s on two cores",
    }


if __name__ == "__main__":
    tasks = {"96": 96, "768": 768}
    task = asked_task(*tasks)
    use_threads(1)
    if task:
        memory(tasks[task])
    else:
        rows = [one_thread(*size) for size in SIZES]
        rows += [run_in_child(__file__, name) for name in tasks]
        rows.append(whole_set())
        if torch.cuda.is_available():
            rows += [on_gpu(height, width) for height, width, _ in SIZES]
        save("rendering", rows)
