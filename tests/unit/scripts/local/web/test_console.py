"""The pages of this machine: both APIs' documents, what pages load, and a sign-in for no other site."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from scripts.local.event_loop import EventLoop
from scripts.local.servers import listening
from scripts.local.web.console import _PAGES, Addresses, Console

API = "http://127.0.0.1:8080"
ADDRESSES = Addresses(API, "ws://127.0.0.1:8080/ws", "http://127.0.0.1:4566")


@pytest.fixture
def openapi(tmp_path: Path) -> Path:
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps({"openapi": "3.1.0", "servers": [{"url": "https://real.example"}]}))
    (tmp_path / "asyncapi.json").write_text(json.dumps({"asyncapi": "3.0.0"}))
    return path


@pytest.fixture
def console(openapi: Path) -> Iterator[str]:
    with (
        EventLoop() as loop,
        listening(loop, Console(ADDRESSES, lambda: "the token", openapi.parent)) as url,
    ):
        yield url


def test_the_document_names_this_machine_as_its_server(console: str, client: requests.Session):
    document = client.get(f"{console}/openapi.json").json()

    assert [server["url"] for server in document["servers"]] == [API]


def test_a_missing_document_is_reported(console: str, client: requests.Session, openapi: Path):
    openapi.unlink()

    response = client.get(f"{console}/openapi.json")

    assert response.status_code == 404
    assert str(openapi) in response.text


PAGES = {"/": 8, "/listen": 2, "/speak": 2, "/messages": 4}
"""How many paths each page has: what it loads, and its links to the others."""


@pytest.mark.parametrize("path", PAGES)
def test_everything_that_a_page_loads_is_served_by_the_same_server(
    console: str, client: requests.Session, path: str
):
    page = client.get(console + path)

    names = re.findall(r'(?:src|href)="([^"]*)"', page.text)
    loaded = [name for name in names if name != "data:,"]
    assert len(loaded) == PAGES[path]
    assert all(name.startswith("/") and not name.startswith("//") for name in loaded)
    assert {client.get(console + name).status_code for name in loaded} == {200}


@pytest.mark.parametrize("path", sorted(_PAGES.glob("*.js")), ids=lambda path: path.name)
def test_every_module_that_a_script_imports_is_served(console: str, client: requests.Session, path: Path):
    imported = re.findall(r'^import .* from "\./([^"]+)";$', path.read_text(), re.MULTILINE)

    assert {client.get(f"{console}/pages/{name}").status_code for name in imported} <= {200}


def test_the_document_of_the_messages_is_served(console: str, client: requests.Session):
    assert client.get(f"{console}/asyncapi.json").json() == {"asyncapi": "3.0.0"}


def test_pages_learn_the_addresses(console: str, client: requests.Session):
    assert client.get(f"{console}/settings.json").json() == {
        "apiUrl": API,
        "websocketUrl": "ws://127.0.0.1:8080/ws",
        "audio": False,
    }


def test_a_text_becomes_a_qr_code(console: str, client: requests.Session):
    response = client.get(f"{console}/qr.svg", params={"text": f"{console}/listen?session=holy-psalm-100"})

    assert response.headers["content-type"].startswith("image/svg+xml")
    assert b"<svg" in response.content


@pytest.mark.parametrize("text", ["", "a" * 201])
def test_a_text_that_is_no_link_has_no_qr_code(console: str, client: requests.Session, text: str):
    response = client.get(f"{console}/qr.svg", params={"text": text})

    assert (response.status_code, response.text) == (400, "text must have 1 to 200 characters")


def test_both_pages_together_have_at_most_60_kb():
    files = [path for path in _PAGES.iterdir() if path.suffix in (".js", ".html", ".css")]
    console = [path for path in files if path.stem in ("console", "index", "messages")]

    assert sum(path.stat().st_size for path in files) - sum(path.stat().st_size for path in console) <= 60_000


def test_the_client_has_at_most_400_lines():
    assert len((_PAGES / "session-client.js").read_text().splitlines()) <= 400


@pytest.mark.parametrize("path", PAGES)
def test_a_page_may_connect_to_itself_and_the_apis_only(console: str, client: requests.Session, path: str):
    policy = client.get(console + path).headers["content-security-policy"]

    assert f"connect-src 'self' {API} ws://127.0.0.1:8080;" in policy
    assert "media-src http://127.0.0.1:4566;" in policy
    assert "script-src 'self';" in policy
    assert "script-src 'self';" in policy


def test_the_console_signs_in(console: str, client: requests.Session):
    response = client.post(f"{console}/token", headers={"Origin": console})

    assert response.json() == {"token": "the token"}


@pytest.mark.parametrize("headers", [{}, {"Origin": "https://evil.example"}, {"Origin": "null"}])
def test_another_site_cannot_sign_in(console: str, client: requests.Session, headers: dict[str, str]):
    response = client.post(f"{console}/token", headers=headers)

    assert response.status_code == 403
    assert "the token" not in response.text


def test_a_site_whose_name_resolves_to_this_machine_cannot_sign_in(console: str, client: requests.Session):
    host = f"evil.example:{console.rpartition(':')[2]}"

    response = client.post(f"{console}/token", headers={"Host": host, "Origin": f"http://{host}"})

    assert response.status_code == 403
