"""The four sizes in which the study runs, and what a name of one means."""

from __future__ import annotations

from typing import Literal

Size = Literal["smoke", "default", "paper"]

PRESETS: dict[str, str] = {
    "smoke": "tiny data and short trainings, for tests and a first look; its numbers mean nothing",
    "default": "one seed on a laptop without a GPU; what the book shows",
    "full": "the data and the trainings of default with at least three seeds and every ablation; what claims rest on",
    "paper": "the published models and schedules, on one GPU",
}


def size_of(preset: str) -> Size:
    """The size of data and trainings that a preset asks for: "smoke", "default" or "paper".

    `full` repeats the trainings of `default` on the same data, so both share what is made.

    Raises:
        ValueError: no such preset; the message lists those that are.

    Example:
        >>> size_of("full")
        'default'
    """
    if preset not in PRESETS:
        known = "; ".join(f"{name}: {meaning}" for name, meaning in PRESETS.items())
        raise ValueError(f"preset must be one of {', '.join(PRESETS)}, got {preset!r}; choose from {known}.")
    sizes: dict[str, Size] = {"smoke": "smoke", "default": "default", "full": "default", "paper": "paper"}
    return sizes[preset]
