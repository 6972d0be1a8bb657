"""A figure and the sentence that it proves."""

from __future__ import annotations

import matplotlib.pyplot as plt
from IPython.display import Markdown, display
from matplotlib.figure import Figure


def show_figure(figure: Figure, caption: str) -> None:
    """Show a figure in a notebook, with its claim below it.

    The claim is written where the numbers are, so that it is still true on another data set.

    Args:
        figure: closed afterwards, so that it is shown once.
        caption: Markdown, one or two sentences; the first states what is seen, with its number.
    """
    display(figure)
    plt.close(figure)
    display(Markdown(f"*{caption.strip()}*"))
