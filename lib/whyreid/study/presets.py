"""The four sizes in which the study runs, and what a name of one means."""

from __future__ import annotations

PRESETS: dict[str, str] = {
    "smoke": "tiny data and short trainings, for tests and a first look; its numbers mean nothing",
    "default": "one seed on a laptop without a GPU; what the book shows",
    "full": "the data of default, at least three seeds and every ablation; what the claims rest on",
    "paper": "the published models and schedules, on one GPU",
}


def check_preset(preset: str) -> str:
    """The preset's name, if it is one.

    Raises:
        ValueError: it is none; the message lists those that are.
    """
    if preset not in PRESETS:
        known = "; ".join(f"{name}: {meaning}" for name, meaning in PRESETS.items())
        raise ValueError(f"preset must be one of {', '.join(PRESETS)}, got {preset!r}; choose from {known}.")
    return preset
