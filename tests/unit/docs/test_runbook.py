"""docs/runbook.md can be followed: its commands, settings and paragraphs are there."""

import re

import pytest

from scripts.project import ROOT

RUNBOOK = (ROOT / "docs/runbook.md").read_text()
ALARMS = RUNBOOK.split("\n## Alarms\n")[1].split("\n## ")[0]
PARAGRAPHS = dict(re.findall(r"^### (.+?)\n(.+?)(?=^### |\Z)", ALARMS, re.MULTILINE | re.DOTALL))


def anchors() -> set[str]:
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^##+ (.+)$", RUNBOOK, re.MULTILINE)
    }


def test_every_make_command_is_there():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    commands = set(re.findall(r"`make ([a-z-]+)", RUNBOOK))

    assert commands
    assert commands <= targets


def test_every_link_within_the_page_leads_somewhere():
    links = set(re.findall(r"\]\(#([^)]+)\)", RUNBOOK))

    assert links
    assert links <= anchors()


def test_every_file_that_it_names_is_there():
    files = re.findall(r"\]\(([^)#]+)\)", RUNBOOK) + re.findall(r"`(terraform/[\w./-]+)`", RUNBOOK)

    assert files
    for name in files:
        assert (ROOT / "docs" / name).exists() or (ROOT / name).exists(), name


@pytest.mark.parametrize("heading", PARAGRAPHS)
def test_a_paragraph_tells_what_it_means_where_to_look_what_it_is_and_what_to_do(heading: str):
    starts = re.findall(r"^- \*\*(.+?)\*\*: ", PARAGRAPHS[heading], re.MULTILINE)

    assert starts == ["For people", "First look", "Likely", "Do"]


@pytest.mark.parametrize("setting", ["session_id_digits", "throttles", "max_listeners"])
def test_a_setting_that_it_has_changed_is_one(setting: str):
    declared = "".join(path.read_text() for path in (ROOT / "terraform").glob("*.tf"))

    assert setting in RUNBOOK
    assert f'variable "{setting}"' in declared
