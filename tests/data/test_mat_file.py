"""Files of MATLAB: read whole, or refused with what to do."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.io import savemat

from whyreid.data.mat_file import read_mat_file


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "annotation.mat"
    savemat(path, {"labels": np.arange(500).reshape(1, -1)}, do_compression=True)
    return path


def test_variables_come_by_name(file):
    assert read_mat_file(file)["labels"].ravel().tolist() == list(range(500))


@pytest.mark.parametrize("length", [0, 1, 100, 130, 200])
def test_a_file_that_was_cut_off_is_named(file, length):
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(ValueError, match=r"annotation\.mat must be a MAT file of version 5, got .*fetch the published"):
        read_mat_file(file)


def test_text_and_absent_files_are_refused(tmp_path):
    (tmp_path / "a.mat").write_text("x" * 1000)
    with pytest.raises(ValueError, match="must be a MAT file of version 5"):
        read_mat_file(tmp_path / "a.mat")
    with pytest.raises(FileNotFoundError, match=r"b\.mat must be a \.mat file, got no file"):
        read_mat_file(tmp_path / "b.mat")
