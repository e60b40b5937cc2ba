"""Requests at the same moment: the conditional write decides which one succeeds."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
import requests

from tests.support.conflicts import inject_conflicts
from tests.system.conftest import Call, System


def at_once(call: Call, *sent: tuple[str, str, dict[str, Any]]) -> list[requests.Response]:
    """Send requests at the same moment, each (method, path, options of call)."""
    ready = Barrier(len(sent))

    def one(request: tuple[str, str, dict[str, Any]]) -> requests.Response:
        method, path, options = request
        ready.wait(timeout=30)
        return call(method, path, **options)

    with ThreadPoolExecutor(len(sent)) as crowd:
        return list(crowd.map(one, sent))


@pytest.mark.parametrize("key", ["first", "second"])
def test_fifty_creates_with_one_key_make_one_session(call: Call, alice: str, key: str):
    responses = at_once(call, *[create_with(f"race-{key}", alice)] * 50)

    assert Counter(response.status_code for response in responses) == {201: 50}
    assert len({response.text for response in responses}) == 1


def create_with(key: str, token: str) -> tuple[str, str, dict[str, Any]]:
    """Return a create with a key, as `at_once` takes it."""
    body = {"sourceLanguage": "en"}
    return "POST", "/sessions", {"token": token, "json": body, "headers": {"Idempotency-Key": key}}


def test_fifty_creates_with_different_keys_make_fifty_sessions(call: Call, system: System):
    carol = system.token("carol")

    responses = at_once(call, *(create_with(f"own-{number}", carol) for number in range(50)))

    assert Counter(response.status_code for response in responses) == {201: 50}
    assert len({response.json()["sessionId"] for response in responses}) == 50
    replays = at_once(call, *(create_with(f"own-{number}", carol) for number in range(50)))
    assert [replay.text for replay in replays] == [response.text for response in responses]


@pytest.mark.parametrize("keys", [1, 20])
def test_creates_that_meet_conflicts_are_answered(call: Call, system: System, keys: int):
    dave = system.token("dave")
    for table in ("sessions", "idempotency_keys"):
        inject_conflicts(system.running.aws_url, f"session-service-local-{table}", 20)

    responses = at_once(call, *(create_with(f"conflict-{keys}-{n % keys}", dave) for n in range(20)))

    assert Counter(response.status_code for response in responses) == {201: 20}
    assert len({response.json()["sessionId"] for response in responses}) == keys


def test_two_bodies_that_race_with_one_key_make_one_session(call: Call, alice: str):
    for round_ in range(5):
        responses = at_once(
            call,
            *[
                (
                    "POST",
                    "/sessions",
                    {
                        "token": alice,
                        "json": {"sourceLanguage": language},
                        "headers": {"Idempotency-Key": f"two-bodies-{round_}"},
                    },
                )
                for language in ("en", "fr")
            ],
        )
        assert sorted(response.status_code for response in responses) == [201, 422]


def test_of_two_changes_with_the_same_if_match_exactly_one_wins(
    call: Call, alice: str, opened: requests.Response, path: str
):
    etag = opened.headers["ETag"]
    for _ in range(15):
        responses = at_once(
            call,
            *[
                (
                    "PATCH",
                    path,
                    {"token": alice, "json": {"sourceLanguage": language}, "headers": {"If-Match": etag}},
                )
                for language in ("en", "fr")
            ],
        )

        (winner,) = [response for response in responses if response.status_code == 200]
        assert sorted(response.status_code for response in responses) == [200, 412]
        current = call("GET", path)
        assert current.json()["sourceLanguage"] == winner.json()["sourceLanguage"]
        etag = current.headers["ETag"]
        assert etag == winner.headers["ETag"]


def test_a_change_against_the_end_leaves_it_ended(call: Call, alice: str):
    for round_ in range(10):
        body = {"token": alice, "json": {"sourceLanguage": "en"}}
        path = call("POST", "/sessions", **body).headers["Location"]
        fields = {"status": "paused" if round_ % 2 else "active"}

        change, end = at_once(
            call, ("PATCH", path, {"token": alice, "json": fields}), ("DELETE", path, {"token": alice})
        )

        assert end.status_code == 204
        assert change.status_code in (200, 409)
        assert call("GET", path).json()["status"] == "ended"
