"""Random numbers that depend on (seed, epoch) alone, and the caller's own random states left as they were."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from whyreid.data.sampling import seeded_generator


@contextmanager
def random_states_kept() -> Iterator[None]:
    """Give torch, numpy and Python their random states back at the end, also after an error."""
    of_python, of_numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - the global state is what is meant
    with torch.random.fork_rng():
        try:
            yield
        finally:
            random.setstate(of_python)
            np.random.set_state(of_numpy)  # noqa: NPY002


def seed_everything(*numbers: int) -> None:
    """Seed torch (all devices), numpy and Python from several numbers, for networks that draw inside (dropout)."""
    seed = int(torch.randint(2**31, (), generator=seeded_generator(*numbers)))
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - third-party layers may draw from it
    random.seed(seed)
