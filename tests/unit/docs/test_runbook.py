"""docs/runbook.md: every alarm has the same four points, and commands and settings work as written."""

import re
import subprocess

import pytest

from scripts.project import ROOT

RUNBOOK = (ROOT / "docs/runbook.md").read_text()
ALARMS = RUNBOOK.split("\n## Alarms\n")[1].split("\n## ")[0]
PARAGRAPHS = dict(re.findall(r"^### (.+?)\n(.+?)(?=^### |\Z)", ALARMS, re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize("heading", PARAGRAPHS)
def test_a_paragraph_has_effect_first_look_likely_causes_and_actions(heading: str):
    points = re.findall(r"^- \*\*(.+?)\*\*: ", PARAGRAPHS[heading], re.MULTILINE)

    assert points == ["For people", "First look", "Likely", "Do"]


@pytest.mark.parametrize("route", sorted(set(re.findall(r"""ROUTE=["']([^"'<]+)""", RUNBOOK))))
def test_make_passes_a_route_unchanged(route: str):
    dry_run = ["make", "--dry-run", "tail", "ENV=prod", f"ROUTE={route}"]

    commands = subprocess.run(dry_run, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert f"--route '{route}'" in commands


@pytest.mark.parametrize(
    "setting",
    ["session_id_digits", "throttles", "max_listeners", "joins_per_address_per_minute", "secret_generation"],
)
def test_a_setting_is_a_variable_of_terraform(setting: str):
    variables = "".join(path.read_text() for path in (ROOT / "terraform").glob("*.tf"))

    assert setting in RUNBOOK
    assert f'variable "{setting}"' in variables
