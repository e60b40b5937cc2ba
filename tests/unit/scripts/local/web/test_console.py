"""The console: the OpenAPI document, its viewer, and a sign-in that no other site can use."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from scripts.local.event_loop import EventLoop
from scripts.local.servers import listening
from scripts.local.web.console import Console

API = "http://127.0.0.1:8080"


@pytest.fixture
def openapi(tmp_path: Path) -> Path:
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps({"openapi": "3.1.0", "servers": [{"url": "https://real.example"}]}))
    return path


@pytest.fixture
def console(openapi: Path) -> Iterator[str]:
    with (
        EventLoop() as loop,
        listening(loop, Console(API, lambda: "the token", openapi)) as url,
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


def test_everything_that_the_page_loads_is_served_by_the_console(console: str, client: requests.Session):
    page = client.get(console)

    loaded = [part.split('"')[0] for part in page.text.replace('src="', 'href="').split('href="')[1:]]
    assert len(loaded) == 5
    assert all(path.startswith("/") and not path.startswith("//") for path in loaded)
    assert [client.get(console + path).status_code for path in loaded] == [200] * 5


def test_the_page_may_connect_to_itself_and_the_api_only(console: str, client: requests.Session):
    policy = client.get(console).headers["content-security-policy"]

    assert f"connect-src 'self' {API};" in policy
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
