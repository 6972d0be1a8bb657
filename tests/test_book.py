"""From a fresh clone to a built book with one command, and nothing to do the second time."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]


def pages() -> list[str]:
    """The pages that the table of contents names, the front page included."""
    contents = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text())
    chapters = [chapter for part in contents.get("parts", [contents]) for chapter in part["chapters"]]
    nested = [section for chapter in chapters for section in chapter.get("sections", [])]
    return [contents["root"], *(entry["file"] for entry in [*chapters, *nested])]


def make(target: str, folder: Path, environment: dict[str, str]) -> str:
    command = ["make", target, f"PYTHON={sys.executable}"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"make {target} failed:\n{done.stdout[-4000:]}\n{done.stderr[-6000:]}"
    return done.stdout + done.stderr


@pytest.fixture(scope="session")
def built(scratch_clone: Path, smoke_environment: dict[str, str]) -> Path:
    """The HTML of the book, built in a fresh clone with nothing but ``make book``; stored results are shared."""
    said = make("book", scratch_clone, smoke_environment)
    folder = scratch_clone / "_build" / "html"
    assert f"The book: file://{folder}/index.html" in said
    return folder


class Links(HTMLParser):
    """Collects what a page makes a browser fetch: scripts, styles, pictures, fonts, frames."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {key: value or "" for key, value in attrs}
        if tag in {"script", "img", "iframe", "source", "video", "audio", "embed"}:
            self.fetched += [values["src"]] if "src" in values else []
        if tag == "link" and not {"canonical", "author", "next", "prev", "index", "search"} & set(
            values.get("rel", "").split()
        ):
            self.fetched += [values.get("href", "")]


def fetched(page: Path) -> list[str]:
    parser = Links()
    parser.feed(page.read_text(encoding="utf-8"))
    return parser.fetched


def test_every_run_is_a_chapter_and_every_chapter_exists() -> None:
    runs = {f"runs/{entry['page']}" for entry in yaml.safe_load((ROOT / "runs.yml").read_text())}
    listed = pages()
    assert len(listed) == len(set(listed))
    assert {page for page in listed if page.startswith("runs/")} == runs
    for page in set(listed) - runs:
        assert (ROOT / "book" / f"{page}.md").is_file(), f"book/{page}.md is in the table of contents but not there"


def test_every_prose_page_is_in_the_table_of_contents() -> None:
    written = {path.relative_to(ROOT / "book").with_suffix("").as_posix() for path in (ROOT / "book").rglob("*.md")}
    assert written <= set(pages())


@pytest.mark.slow
def test_every_page_is_built(built: Path) -> None:
    for page in pages():
        text = (built / f"{page}.html").read_text(encoding="utf-8")
        assert "<h1>" in text, page
    assert (built / "search.html").is_file()


@pytest.mark.slow
def test_executed_pages_hold_their_title_preset_and_figures(built: Path) -> None:
    for entry in yaml.safe_load((ROOT / "runs.yml").read_text()):
        text = (built / "runs" / f"{entry['page']}.html").read_text(encoding="utf-8")
        assert entry["title"] in text
        assert "no number on this page means anything" in text
        assert re.search(r'<img[^>]+src="[^"]*_images/[0-9a-f]+\.png"', text), entry["page"]


@pytest.mark.slow
def test_the_book_asks_no_other_host_for_anything(built: Path) -> None:
    for page in built.rglob("*.html"):
        for address in fetched(page):
            assert not re.match(r"(https?:)?//", address), f"{page.relative_to(built)} fetches {address}"
    for style in built.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*['\"]?(https?:)?//", style.read_text(encoding="utf-8")), style


@pytest.mark.slow
def test_what_a_page_fetches_is_there(built: Path) -> None:
    for page in built.rglob("*.html"):
        if page.is_relative_to(built / "_static"):
            continue
        for address in fetched(page):
            if address and not address.startswith(("data:", "#")):
                assert (page.parent / re.split(r"[?#]", address)[0]).exists(), f"{page.name}: {address}"


@pytest.mark.slow
def test_no_page_names_a_folder_of_this_machine(built: Path, scratch_clone: Path) -> None:
    folders = {str(scratch_clone), str(ROOT), str(Path.home()), sys.prefix} - {"/"}
    for page in built.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        for folder in folders:
            assert f"{folder}/" not in text, f"{page.relative_to(built)} names {folder}"


@pytest.mark.slow
def test_executed_pages_hold_no_error_and_say_what_made_them(built: Path, scratch_clone: Path) -> None:
    for entry in yaml.safe_load((ROOT / "runs.yml").read_text()):
        page = json.loads((scratch_clone / "book" / "runs" / f"{entry['page']}.ipynb").read_text(encoding="utf-8"))
        record = page["metadata"]["whyreid"]
        assert record["parameters"] == {**entry["parameters"], "preset": "smoke"}
        assert len(record["digest"]) == 64
        kinds = {output["output_type"] for cell in page["cells"] for output in cell.get("outputs", [])}
        assert "error" not in kinds


@pytest.mark.slow
def test_a_second_make_book_does_nothing_within_half_a_minute(
    built: Path, scratch_clone: Path, smoke_environment: dict[str, str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in (scratch_clone / "book" / "runs").glob("*.ipynb")}
    front = (built / "index.html").stat().st_mtime_ns
    start = time.monotonic()
    said = make("book", scratch_clone, smoke_environment)
    assert time.monotonic() - start < 30
    assert f"{len(before)} of {len(before)} pages are up to date" in said
    assert "0 added, 0 changed, 0 removed" in said
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert (built / "index.html").stat().st_mtime_ns == front
