import json
import re

import pytest

from scripts.project import ROOT
from shared.events import http_api

README = (ROOT / "README.md").read_text()
API = (ROOT / "docs" / "api.md").read_text()
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# Any route may answer these; the README says so once.
COMMON = {413, 429, 431, 500, 503}


def test_the_readme_is_read_in_one_sitting():
    assert len(README.splitlines()) < 160


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    links = re.findall(r"\]\(([^)]+)\)", page.read_text())

    inside = [link for link in links if not link.startswith("https://")]

    assert [link for link in inside if not (page.parent / link.split("#")[0]).exists()] == []


def test_every_decision_is_linked():
    decisions = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs" / "adr").glob("*.md")}

    assert set(re.findall(r"\((docs/adr/[^)]+)\)", README)) == decisions


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_that_is_named_is_there(page):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    code = re.findall(r"```.*?```|`[^`]+`", page.read_text(), re.DOTALL)

    assert {name for one in code for name in re.findall(r"\bmake (?:-s )?([a-z-]+)", one)} <= targets


def test_the_layout_is_that_of_the_repository():
    layout = re.search(r"## Where things are.*?```\n(.*?)```", README, re.DOTALL)
    assert layout is not None

    paths = [line.split("  ")[0] for line in layout[1].splitlines()]

    assert paths
    assert [path for path in paths if not list(ROOT.glob(path.replace("<name>", "*").rstrip("/")))] == []


def test_the_route_table_is_that_of_the_api():
    rows = re.findall(
        r"^\| `([A-Z]+ \S+)` \| (\w+) \| (yes|no) \| ([\d ]+) \| ([\d ]+) \|$", README, re.MULTILINE
    )

    paths = json.loads((ROOT / "docs" / "openapi.json").read_text())["paths"]

    assert {
        route: (function, signed_in == "yes", {int(status) for status in f"{good} {bad}".split()} - COMMON)
        for route, function, signed_in, good, bad in rows
    } == {
        f"{method.upper()} {path}": (
            operation["operationId"],
            bool(operation["security"]),
            {int(status) for status in operation["responses"]} - COMMON,
        )
        for path, methods in paths.items()
        for method, operation in methods.items()
    }


def test_the_table_of_codes_is_that_of_the_service():
    rows = re.findall(r"^\| `([A-Z_]+)` \| (\d{3}) \|", API, re.MULTILINE)

    assert {(int(status), code) for code, status in rows} == set(http_api.ERRORS.values())


def test_the_table_of_handshakes_is_that_of_the_contract():
    statuses = re.findall(r"^\| (\d{3}) \|", API, re.MULTILINE)

    contract = json.loads((ROOT / "docs" / "asyncapi.json").read_text())

    assert statuses == sorted(contract["channels"]["session"]["x-handshake"])


def test_the_figures_are_those_that_were_measured():
    figures = re.search(r"^Beside a bare boto3 function.*?\n\n", README, re.DOTALL | re.MULTILINE)
    assert figures is not None

    measured = set(re.findall(r"\d+\.\d+", (ROOT / "docs" / "performance.md").read_text()))

    assert set(re.findall(r"\d+\.\d+", figures[0])) - measured == set()


def test_the_tour_is_one_block_to_paste():
    tour = re.search(r"^## A tour$(.*?)^## ", README, re.DOTALL | re.MULTILINE)
    assert tour is not None

    assert README.count("```bash") == tour[1].count("```bash") == 1
