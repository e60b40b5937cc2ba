"""The pages agree with the repository: links, make targets and paths that they name exist."""

import re
from pathlib import Path

import pytest

from scripts.project import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@each_page
def test_every_link_resolves(page: Path):
    links = re.findall(r"\]\((?!https?://)([^)#]*)#?([^)]*)\)", page.read_text())

    broken = [
        f"{path}#{anchor}"
        for path, anchor in links
        if not (page.parent / path).exists() or (anchor and anchor not in anchors(page.parent / path, page))
    ]

    assert broken == []


def anchors(target: Path, page: Path) -> set[str]:
    """Return the anchors that GitHub makes of the headings of a page."""
    headings = re.findall(r"^##+ (.+)$", (page if target.is_dir() else target).read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_page
def test_every_make_target_exists(page: Path):
    code = re.findall(r"```.*?```|`[^`]+`", page.read_text(), re.DOTALL)

    assert {
        name for text in code for name in re.findall(r"\bmake (?:-s )?([a-z]+(?:-[a-z]+)*)", text)
    } <= TARGETS


@each_page
def test_every_path_exists(page: Path):
    paths = re.findall(r"`((?:functions|shared|scripts|terraform|tests|docs)/[\w./-]+)`", page.read_text())

    assert [path for path in paths if not (ROOT / path).exists()] == []
