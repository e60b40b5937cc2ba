"""README.md, its picture and docs/api.md agree with the contracts and the repository."""

import json
import re

from scripts.project import ROOT
from shared.events import http_api, websocket_api

README = (ROOT / "README.md").read_text()
API = (ROOT / "docs" / "api.md").read_text()
# Any route may respond with these; the README says so once.
COMMON = {413, 429, 431, 500, 503}


def test_the_readme_has_at_most_120_lines():
    assert len(README.splitlines()) <= 120


def test_the_first_screen_has_the_two_commands_and_pictures_of_both_pages():
    first_screen = "\n".join(README.splitlines()[:20])

    assert re.findall(r"^make (\w+)", first_screen, re.MULTILINE) == ["run", "test"]
    assert re.findall(r"!\[[^]]+\]\((.+?)\)", first_screen) == [
        "docs/images/speak.png",
        "docs/images/listen.png",
    ]
    assert README.count("![") == 3


def test_the_picture_names_every_function_and_table():
    picture = (ROOT / "docs" / "architecture.svg").read_text()
    functions = {handler.parent.name for handler in (ROOT / "functions").glob("*/handler.py")}
    tables = {
        "sessions",
        "connections",
        "audiences",
        "idempotency_keys",
        "rate_limits",
        "live_captions",
        "captions",
    }

    labels = set(re.findall(r'class="code"[^>]*>(\w+)</text>', picture))

    assert functions | tables <= labels


def test_the_readme_links_every_decision():
    decisions = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs" / "adr").glob("*.md")}

    assert set(re.findall(r"\((docs/adr/[^)]+)\)", README)) == decisions


def test_the_layout_names_existing_paths():
    layout = re.search(r"## Where things are.*?```\n(.*?)```", README, re.DOTALL)
    assert layout is not None

    paths = [line.split("  ")[0] for line in layout[1].splitlines()]

    assert paths
    assert [path for path in paths if not list(ROOT.glob(path.replace("<name>", "*").rstrip("/")))] == []


def test_the_route_table_agrees_with_openapi():
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


def test_the_error_codes_agree_with_the_service():
    rows = re.findall(r"^\| `([A-Z_]+)` \| (\d{3}) \|", API, re.MULTILINE)

    assert {(int(status), code) for code, status in rows} == set(http_api.ERRORS.values())


def test_the_handshake_statuses_agree_with_asyncapi():
    statuses = re.findall(r"^\| (\d{3}) \|", API, re.MULTILINE)

    contract = json.loads((ROOT / "docs" / "asyncapi.json").read_text())

    assert statuses == sorted(contract["channels"]["session"]["x-handshake"])


def test_the_tour_is_one_block():
    tour = re.search(r"^## A tour$(.*?)^## ", README, re.DOTALL | re.MULTILINE)
    assert tour is not None

    assert README.count("```bash") == tour[1].count("```bash") == 1


def test_the_codes_of_messages_agree_with_the_service():
    table = API.split("### Errors of messages")[1].split("\n## ")[0]
    codes = re.findall(r"^\| `([A-Z_]+)` \|", table, re.MULTILINE)

    assert sorted(codes) == sorted(
        [code for _, code in websocket_api.MESSAGE_ERRORS.values()] + ["UNKNOWN_ACTION"]
    )


def test_every_message_of_the_service_is_explained():
    table = API.split("## Messages from the service")[1].split("\n## ")[0]
    explained = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", table, re.MULTILINE))))

    schemas = json.loads((ROOT / "docs" / "asyncapi.json").read_text())["components"]["schemas"].values()
    types = {
        schema["properties"]["type"]["const"] for schema in schemas if "type" in schema.get("properties", {})
    }

    assert explained - {"type"} == types
