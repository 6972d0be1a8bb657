"""MATLAB files, in which annotations and protocols of this field are published."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def read_mat_file(path: Path) -> dict[str, Any]:
    """The variables of a MAT file of version 5.

    Args:
        path: the file.

    Returns:
        Name -> array, as `scipy.io.loadmat` gives them; its own entries start with two underscores.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is no MAT file, one of another version, or damaged.
    """
    from scipy.io import loadmat  # slow to import

    if not path.is_file():
        raise FileNotFoundError(f"{path} must be a .mat file, got no file; correct the path.")
    try:
        return loadmat(path)
    except Exception as error:  # a damaged file can end in any error of the parser
        reason = f"{type(error).__name__}: {error}"
        raise ValueError(f"{path} must be a MAT file of version 5, got {reason}; fetch the published file.") from error
