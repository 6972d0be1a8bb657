"""The environment of conda users, the lock, and what the project asks for belong together."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import yaml
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[1]
LOCK = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if line and not line.startswith("#")]
LOCKED = [Requirement(line) for line in LOCK]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def here(requirement: Requirement) -> bool:
    return requirement.marker is None or Marker(str(requirement.marker)).evaluate()


def locked_versions() -> dict[str, Version]:
    return {normal(r.name): Version(next(iter(r.specifier)).version) for r in LOCKED if here(r)}


def wanted() -> list[Requirement]:
    lines = (ROOT / "requirements.in").read_text().splitlines()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [Requirement(line) for line in lines if line and not line.startswith("#")] + [
        Requirement(line) for line in project["dependencies"]
    ]


def conda() -> dict:
    return yaml.safe_load((ROOT / "environment.yml").read_text())


def test_every_line_of_the_lock_names_one_exact_version() -> None:
    assert LOCKED
    for requirement in LOCKED:
        assert [specifier.operator for specifier in requirement.specifier] == ["=="], requirement


def test_what_the_project_asks_for_is_in_the_lock_in_a_version_that_it_accepts() -> None:
    locked = locked_versions()
    for requirement in wanted():
        assert normal(requirement.name) in locked, f"{requirement} is not locked; run make lock"
        assert requirement.specifier.contains(locked[normal(requirement.name)]), f"{requirement}; run make lock"


def test_conda_users_get_the_lock_and_nothing_beside_it() -> None:
    [pip] = [entry["pip"] for entry in conda()["dependencies"] if isinstance(entry, dict)]
    assert pip == ["-r requirements.lock", "-e ."]
    from_conda = {re.split(r"[<>=]", entry)[0] for entry in conda()["dependencies"] if isinstance(entry, str)}
    assert from_conda == {"python", "pip", "make"}, "a package from conda would bypass the lock"


def test_condas_python_is_one_that_the_project_and_its_lock_know() -> None:
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    [python] = [entry for entry in conda()["dependencies"] if isinstance(entry, str) and entry.startswith("python")]
    assert python.startswith(f"python{asked},<")


def test_this_environment_is_the_locked_one() -> None:
    different = {}
    for name, expected in locked_versions().items():
        got = Version(version(name)).public
        if Version(got) != Version(expected.public):
            different[name] = f"{got} instead of {expected}"
    assert not different, "run make setup"


def test_uv_is_locked_since_the_makefile_takes_its_version_from_there() -> None:
    assert sum(line.startswith("uv==") for line in LOCK) == 1
