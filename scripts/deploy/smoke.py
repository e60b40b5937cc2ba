"""The smoke test: one session's whole life over the real API, by a speaker who is there only for it."""

import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import requests

from scripts.environments import Environment
from scripts.errors import Failed

_TRIES = 5
_SECONDS = 10.0


def test(environment: Environment, outputs: Mapping[str, Any], release: str) -> None:
    """Raise Failed, with the request and its answer, when the service does not do what it must."""
    api = _Api(outputs["http_api_endpoint"])
    told = api.ask("GET /health", 200)
    # API Gateway may take a moment to see where an alias points now.
    for _ in range(_TRIES):
        if told["version"] == release:
            break
        time.sleep(0.5)
        told = api.ask("GET /health", 200)
    if told["version"] != release:
        raise Failed(f"{environment.name} runs {told['version']} after {release} was deployed.")
    api.ask("POST /sessions", 401, json={"sourceLanguage": "en"})
    api.ask("GET /sessions/blessed-shepherd-001", 404)
    with _speaker(environment, outputs) as token:
        headers = {"Authorization": f"Bearer {token}"}
        session = api.ask("POST /sessions", 201, headers=headers, json={"sourceLanguage": "en"})
        path = f"/sessions/{session['sessionId']}"
        try:
            api.ask(f"GET {path}", 200)
            api.ask(f"PATCH {path}", 200, headers=headers, json={"status": "paused"})
        finally:
            api.ask(f"DELETE {path}", 204, headers=headers)
        ended = api.ask(f"GET {path}", 200)
        if ended["status"] != "ended":
            raise Failed(f"A session that was deleted is {ended['status']}.")


class _Api:
    def __init__(self, url: str) -> None:
        self._url = url

    def ask(self, route: str, expected: int, **request: Any) -> dict[str, Any]:
        method, path = route.split(" ")
        for _ in range(_TRIES):
            try:
                answer = requests.request(method, f"{self._url}{path}", timeout=_SECONDS, **request)
            except requests.RequestException as problem:
                raise Failed(f"{route}: {problem}") from problem
            if answer.status_code != 503 or "retry-after" not in answer.headers:
                break
            time.sleep(float(answer.headers["retry-after"]))  # as clients are asked to
        if answer.status_code != expected:
            raise Failed(f"{route} answered {answer.status_code}, not {expected}: {answer.text[:300]}")
        body: dict[str, Any] = answer.json() if answer.content else {}
        return body


@contextmanager
def _speaker(environment: Environment, outputs: Mapping[str, Any]) -> Iterator[str]:
    """Yield the token of a speaker who is there only meanwhile."""
    cognito = environment.client("cognito-idp")
    pool = {"UserPoolId": outputs["user_pool_id"]}
    name = f"smoke-test-{secrets.token_hex(8)}"
    password = f"Aa1-{secrets.token_urlsafe(24)}"
    cognito.admin_create_user(**pool, Username=name, MessageAction="SUPPRESS")
    try:
        cognito.admin_set_user_password(**pool, Username=name, Password=password, Permanent=True)
        signed_in = cognito.admin_initiate_auth(
            **pool,
            ClientId=outputs["user_pool_client_id"],
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": name, "PASSWORD": password},
        )
        yield signed_in["AuthenticationResult"]["AccessToken"]
    finally:
        cognito.admin_delete_user(**pool, Username=name)
