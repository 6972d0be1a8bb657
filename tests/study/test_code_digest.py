from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from whyreid.study.code_digest import code_digest, forget_sources, source_digest

OFFER = 'from .near import near\nfrom .far import far as distant\n\n__all__ = ["near", "distant"]\n'


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    forget_sources()
    yield
    forget_sources()


@pytest.fixture
def toy(package: Callable[..., Path]) -> Path:
    return package(
        **{
            "rooms/__init__": OFFER,
            "rooms/near": "from toy.base import one\n\ndef near():\n    return one()\n",
            "rooms/far": "def far():\n    return 2\n",
            "base": "def one():\n    return 1\n",
            "step": "from toy.rooms import near\n",
        }
    )


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    forget_sources()


def test_modules_are_those_reached_through_the_name_that_is_imported(toy: Path) -> None:
    assert code_digest(["toy.step"], package=toy).modules == ("toy.base", "toy.rooms.near", "toy.step")


def test_a_package_reaches_all_that_it_offers(toy: Path) -> None:
    assert code_digest(["toy.rooms"], package=toy).modules == ("toy.base", "toy.rooms.far", "toy.rooms.near")


@pytest.mark.parametrize("name", ["toy.rooms.distant", "toy.rooms.far", "toy.rooms.far.far"])
def test_a_name_may_be_given_by_where_it_is_offered_or_where_it_lives(toy: Path, name: str) -> None:
    assert code_digest([name], package=toy).modules == ("toy.rooms.far",)


def test_an_edit_of_a_reached_module_changes_the_digest(toy: Path) -> None:
    before = code_digest(["toy.step"], package=toy).digest
    edit(toy / "base.py", "return 1", "return 2")
    assert code_digest(["toy.step"], package=toy).digest != before


def test_an_edit_of_a_module_that_is_not_reached_changes_nothing(toy: Path) -> None:
    before = code_digest(["toy.step"], package=toy).digest
    edit(toy / "rooms" / "far.py", "return 2", "return 3")
    assert code_digest(["toy.step"], package=toy).digest == before


def test_a_new_offer_of_a_package_on_the_way_changes_nothing(toy: Path) -> None:
    before = code_digest(["toy.step"], package=toy).digest
    (toy / "rooms" / "new.py").write_text("new = 1\n")
    edit(toy / "rooms" / "__init__.py", "from .near import near\n", "from .near import near\nfrom .new import new\n")
    assert code_digest(["toy.step"], package=toy).digest == before


def test_a_name_that_comes_from_elsewhere_now_changes_the_digest(toy: Path) -> None:
    before = code_digest(["toy.step"], package=toy).digest
    edit(toy / "rooms" / "__init__.py", "from .near import near\n", "from .far import far as near\n")
    assert code_digest(["toy.step"], package=toy).modules == ("toy.rooms.far", "toy.step")
    assert code_digest(["toy.step"], package=toy).digest != before


def test_comments_docstrings_and_layout_change_nothing(toy: Path) -> None:
    before = code_digest(["toy.step"], package=toy).digest
    edit(toy / "base.py", "def one():\n", 'def one(\n):  # why\n    """Say one."""\n\n')
    assert code_digest(["toy.step"], package=toy).digest == before


def test_a_text_that_is_no_docstring_counts(package: Callable[..., Path]) -> None:
    folder = package(a='def f():\n    x = 1\n    return "one"\n')
    before = code_digest(["toy.a"], package=folder).digest
    edit(folder / "a.py", '"one"', '"two"')
    assert code_digest(["toy.a"], package=folder).digest != before


@pytest.mark.parametrize(
    "text",
    [
        "from . import b\n",
        "from .b import x\n",
        "from .b import *\n",
        "import toy.b\n",
        "import toy.b as other\n",
        "from toy import b\n",
        "def f():\n    from toy.b import x\n",
        "try:\n    import toy.b\nexcept ImportError:\n    pass\n",
        "if TYPE_CHECKING:\n    import toy.c\nelse:\n    import toy.b\n",
    ],
)
def test_every_way_to_import_is_followed(package: Callable[..., Path], text: str) -> None:
    folder = package(a=text, b="x = 1\n", c="")
    assert code_digest(["toy.a"], package=folder).modules == ("toy.a", "toy.b")


def test_relative_imports_climb(package: Callable[..., Path]) -> None:
    folder = package(
        **{"one/__init__": "", "one/two/__init__": "", "one/two/deep": "from ...b import x\n", "b": "x = 1\n"}
    )
    assert code_digest(["toy.one.two.deep"], package=folder).modules == ("toy.b", "toy.one.two.deep")


def test_imports_for_type_checkers_only_are_not_followed(package: Callable[..., Path]) -> None:
    folder = package(a="from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from toy.b import x\n", b="x = 1\n")
    assert code_digest(["toy.a"], package=folder).modules == ("toy.a",)


def test_imports_in_a_circle_end(package: Callable[..., Path]) -> None:
    folder = package(a="from toy.b import x\n", b="def f():\n    from toy.a import y\n")
    assert code_digest(["toy.a"], package=folder).modules == ("toy.a", "toy.b")


def test_a_package_that_does_more_than_reexport_counts_whole(package: Callable[..., Path]) -> None:
    folder = package(**{"sub/__init__": "from toy.b import x\nlevel = 1\n", "sub/a": "y = 1\n", "b": "x = 1\n"})
    assert code_digest(["toy.sub.a"], package=folder).modules == ("toy.b", "toy.sub", "toy.sub.a")
    before = code_digest(["toy.sub.a"], package=folder).digest
    edit(folder / "sub" / "__init__.py", "level = 1", "level = 2")
    assert code_digest(["toy.sub.a"], package=folder).digest != before


def test_a_name_behind_a_star_is_found(package: Callable[..., Path]) -> None:
    folder = package(
        **{"sub/__init__": "from .p import *\nfrom .q import *\n", "sub/p": "x = 1\n", "sub/q": "y = 1\n"},
        step="from toy.sub import y\n",
    )
    assert code_digest(["toy.step"], package=folder).modules == ("toy.step", "toy.sub.q")


def test_a_module_that_moves_changes_the_digest(package: Callable[..., Path]) -> None:
    folder = package(a="x = 1\n", b="x = 1\n")
    assert code_digest(["toy.a"], package=folder).digest != code_digest(["toy.b"], package=folder).digest


def test_other_packages_are_not_followed(package: Callable[..., Path]) -> None:
    folder = package(a="import os\nimport toyish.b\nfrom numpy import array\n")
    assert code_digest(["toy.a"], package=folder).modules == ("toy.a",)


def test_a_notebooks_source_reaches_what_it_imports_but_is_not_itself_in_the_digest(toy: Path) -> None:
    one = source_digest("from toy.rooms import near\nprint(near())\n", package=toy)
    two = source_digest("from toy.rooms import near\n", package=toy)
    assert one == two
    assert one.modules == ("toy.base", "toy.rooms.near")


def test_a_process_keeps_its_first_answer(toy: Path) -> None:
    before = code_digest(["toy.step"], package=toy).digest
    (toy / "base.py").write_text("def one():\n    return 7\n")
    assert code_digest(["toy.step"], package=toy).digest == before


@pytest.mark.parametrize("name", ["toy.nowhere", "toy.rooms.nothing", "other.module", "toy.rooms.far.nothing"])
def test_a_name_that_does_not_exist_is_refused(toy: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"code must name modules of toy or names in them, got .*no"):
        code_digest([name], package=toy)


def test_the_library_is_the_default(tmp_path: Path) -> None:
    modules = code_digest(["whyreid.study.artifacts"]).modules
    assert "whyreid.study.canonical" in modules
    assert not any(module.startswith("whyreid.plots") for module in modules)
