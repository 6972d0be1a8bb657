"""What the study is doing, shown on the terminal."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm


class _AboveBars(logging.Handler):
    """Writes log lines to standard error without breaking a progress bar."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line above the bars that are there."""
        tqdm.write(self.format(record), file=sys.stderr)


@contextmanager
def progress_on_terminal() -> Iterator[None]:
    """Show the log lines of whyreid on standard error while the block runs."""
    logger = logging.getLogger("whyreid")
    before = logger.level
    handler = _AboveBars()
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
