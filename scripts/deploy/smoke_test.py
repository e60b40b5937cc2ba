"""The smoke test: create, read, change and end a session over the deployed API, as a temporary speaker."""

import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import requests

from scripts.environments import Environment
from scripts.errors import StepFailed

_ATTEMPTS = 5
_TIMEOUT_SECONDS = 10.0
_ALIAS_SECONDS = 5.0


def run(environment: Environment, outputs: Mapping[str, Any], release: str) -> None:
    """Test an environment with these Terraform outputs, which runs `release`.

    Raises StepFailed with the request and its response when one is not as expected.
    """
    api = _Api(outputs["http_api_endpoint"])
    _check_release(api, environment.name, release)
    api.request("POST /sessions", 401, json={"sourceLanguage": "en"})
    api.request("GET /sessions/blessed-shepherd-001", 404)
    with _temporary_speaker(environment, outputs) as token:
        headers = {"Authorization": f"Bearer {token}"}
        session = api.request("POST /sessions", 201, headers=headers, json={"sourceLanguage": "en"})
        path = f"/sessions/{session['sessionId']}"
        try:
            api.request(f"GET {path}", 200)
            api.request(f"PATCH {path}", 200, headers=headers, json={"status": "paused"})
        finally:
            api.request(f"DELETE {path}", 204, headers=headers)
        ended = api.request(f"GET {path}", 200)
        if ended["status"] != "ended":
            raise StepFailed(f"A deleted session has the status {ended['status']}.")


class _Api:
    def __init__(self, url: str) -> None:
        self._url = url

    def request(self, route: str, expected_status: int, **options: Any) -> dict[str, Any]:
        """Make a request and return the JSON body. Raises StepFailed for any other status."""
        method, path = route.split(" ")
        for _ in range(_ATTEMPTS):
            try:
                response = requests.request(method, f"{self._url}{path}", timeout=_TIMEOUT_SECONDS, **options)
            except requests.RequestException as error:
                raise StepFailed(f"{route}: {error}") from error
            if response.status_code != 503 or "retry-after" not in response.headers:
                break
            time.sleep(float(response.headers["retry-after"]))
        if response.status_code != expected_status:
            raise StepFailed(
                f"{route} responded {response.status_code}, not {expected_status}: {response.text[:300]}"
            )
        body: dict[str, Any] = response.json() if response.content else {}
        return body


def _check_release(api: _Api, environment_name: str, release: str) -> None:
    # API Gateway may invoke the former version for a moment after the alias has moved.
    deadline = time.monotonic() + _ALIAS_SECONDS
    while (version := api.request("GET /health", 200)["version"]) != release:
        if time.monotonic() > deadline:
            raise StepFailed(f"{environment_name} runs {version} after {release} was deployed.")
        time.sleep(0.5)


@contextmanager
def _temporary_speaker(environment: Environment, outputs: Mapping[str, Any]) -> Iterator[str]:
    """Yield an access token of a new user of the user pool, and delete the user afterwards."""
    cognito = environment.client("cognito-idp")
    pool = {"UserPoolId": outputs["user_pool_id"]}
    name = f"smoke-test-{secrets.token_hex(8)}"
    password = f"Aa1-{secrets.token_urlsafe(24)}"
    cognito.admin_create_user(**pool, Username=name, MessageAction="SUPPRESS")
    try:
        cognito.admin_set_user_password(**pool, Username=name, Password=password, Permanent=True)
        response = cognito.admin_initiate_auth(
            **pool,
            ClientId=outputs["user_pool_client_id"],
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": name, "PASSWORD": password},
        )
        yield response["AuthenticationResult"]["AccessToken"]
    finally:
        cognito.admin_delete_user(**pool, Username=name)
