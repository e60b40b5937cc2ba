"""The console serves the API's description, its viewer and a sign-in, to itself alone."""

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


def test_the_description_is_served_with_this_machine_as_its_server(console: str, client: requests.Session):
    described = client.get(f"{console}/openapi.json").json()

    assert [server["url"] for server in described["servers"]] == [API]


def test_a_description_that_is_not_there_says_so(console: str, client: requests.Session, openapi: Path):
    openapi.unlink()

    answer = client.get(f"{console}/openapi.json")

    assert answer.status_code == 404
    assert str(openapi) in answer.text


def test_everything_that_the_page_loads_is_served_from_here(console: str, client: requests.Session):
    page = client.get(console)

    loaded = [part.split('"')[0] for part in page.text.replace('src="', 'href="').split('href="')[1:]]
    assert len(loaded) == 5
    assert all(path.startswith("/") and not path.startswith("//") for path in loaded)
    assert [client.get(console + path).status_code for path in loaded] == [200] * 5


def test_the_page_may_speak_to_itself_and_the_api_alone(console: str, client: requests.Session):
    policy = client.get(console).headers["content-security-policy"]

    assert f"connect-src 'self' {API};" in policy
    assert "script-src 'self';" in policy


def test_the_console_signs_in(console: str, client: requests.Session):
    answer = client.post(f"{console}/token", headers={"Origin": console})

    assert answer.json() == {"token": "the token"}


@pytest.mark.parametrize("headers", [{}, {"Origin": "https://evil.example"}, {"Origin": "null"}])
def test_another_site_does_not_sign_in(console: str, client: requests.Session, headers: dict[str, str]):
    answer = client.post(f"{console}/token", headers=headers)

    assert answer.status_code == 403
    assert "the token" not in answer.text


def test_a_site_that_took_the_consoles_address_does_not_sign_in(console: str, client: requests.Session):
    host = f"evil.example:{console.rpartition(':')[2]}"

    answer = client.post(f"{console}/token", headers={"Host": host, "Origin": f"http://{host}"})

    assert answer.status_code == 403
