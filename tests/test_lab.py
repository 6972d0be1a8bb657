"""`make lab` starts a JupyterLab in which the sources of notebooks/ are notebooks."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
ASSOCIATION = "etc/jupyter/labconfig/default_setting_overrides.json"


def recipe() -> list[str]:
    """The commands of the target `lab`, with this environment's programs in place of the Makefile's variables."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    found = re.search(r"^lab:.*\n((?:\t.*\n)+)", text, flags=re.MULTILINE)
    assert found
    known = {"$(BIN)": str(Path(sys.executable).parent), "$(VENV)": sys.prefix}
    lines = [line.lstrip("\t@") for line in found[1].splitlines()]
    for name, value in known.items():
        lines = [line.replace(name, value) for line in lines]
    return lines


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Any]]:
    """Start the server as the Makefile does, on a free port and with a home of its own; ask(path) gives its JSON."""
    home = tmp_path_factory.mktemp("home")
    project = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "notebooks", project / "notebooks")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {"HOME": str(home), "JUPYTER_TOKEN": "test"}
    *before, start = recipe()
    for line in before:
        subprocess.run(line.split(), cwd=project, env=environment, check=True)
    options = ["--no-browser", "--allow-root", f"--port={port}", "--ip=127.0.0.1"]
    server = subprocess.Popen(
        [*start.split(), *options], cwd=project, env=environment, stderr=subprocess.PIPE, start_new_session=True
    )

    def get(path: str) -> Any:
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Authorization": "token test"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    try:
        for _ in range(600):
            try:
                get("/api/status")
                break
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.1)
        yield get
    finally:
        os.kill(server.pid, signal.SIGTERM)
        server.communicate(timeout=20)


@pytest.mark.slow
def test_a_double_click_opens_a_source_as_a_notebook(ask: Callable[[str], Any]) -> None:
    settings = ask("/lab/api/settings/@jupyterlab/docmanager-extension:plugin")
    viewers = settings["schema"]["properties"]["defaultViewers"]["default"]
    assert viewers["python"] == "Jupytext Notebook"
    assert (Path(sys.prefix) / ASSOCIATION).is_file()


@pytest.mark.slow
@pytest.mark.parametrize("name", [path.name for path in sorted((ROOT / "notebooks").glob("*.py"))])
def test_every_source_is_served_as_a_notebook_with_a_kernel_of_this_environment(
    ask: Callable[[str], Any], name: str
) -> None:
    model = ask(f"/api/contents/notebooks/{name}?type=notebook")
    assert model["type"] == "notebook"
    assert model["content"]["cells"][0]["source"].startswith("# ")
    assert model["content"]["metadata"]["kernelspec"]["name"] in ask("/api/kernelspecs")["kernelspecs"]
