"""The smoke test: a temporary speaker changes and ends a session, and a listener is notified of both."""

import asyncio
import itertools
import secrets
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from scripts.deploy.api_client import ApiClient, Connection, open_client
from scripts.environments import Environment
from scripts.errors import StepFailed

UNKNOWN_SESSION = f"blessed-shepherd-{'9' * 15}"
"""A valid id that no session has: numbers have 15 digits only after shorter ones were taken."""
ALIAS_SECONDS = 5.0
"""How long API Gateway may invoke the former version after the alias has moved."""
ATTEMPT_SECONDS = 10.0
"""How long to wait for the message about a change before making another change."""
STREAM_SECONDS = 180.0
"""How long changes are repeated. A new event source mapping may miss changes in its first minutes.

https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html
"""
END_SECONDS = 30.0
CLOSE_SECONDS = 10.0


def run(environment: Environment, outputs: Mapping[str, Any], release: str) -> None:
    """Test an environment with these Terraform outputs, which runs `release`.

    Raises StepFailed with the request and its response when one is not as expected.
    """
    asyncio.run(_run(environment, outputs, release))


async def _run(environment: Environment, outputs: Mapping[str, Any], release: str) -> None:
    async with open_client(outputs) as api:
        await _check_release(api, environment.name, release)
        await api.request("POST /sessions", 401, json={"sourceLanguage": "en"})
        await api.request(f"GET /sessions/{UNKNOWN_SESSION}", 404)
        await api.expect_refusal(404, sessionId=UNKNOWN_SESSION, targetLanguage="es")
        with temporary_speaker(environment, outputs) as token:
            async with temporary_session(api, token) as session_id:
                await _change_and_end(api, session_id, token)


async def _change_and_end(api: ApiClient, session_id: str, token: str) -> None:
    path, headers = f"/sessions/{session_id}", _authorization(token)
    await api.request(f"GET {path}", 200)
    await api.expect_refusal(401, sessionId=session_id, token="invalid")  # noqa: S106
    speaker = await api.connect(sessionId=session_id, token=token)
    listener = await api.connect(sessionId=session_id, targetLanguage="es")
    await _change_until_notified(api, path, headers, listener)
    await api.request(f"DELETE {path}", 204, headers=headers)
    for connection in (speaker, listener):
        if not await connection.receives(END_SECONDS, type="sessionEnded", reason="ended"):
            raise StepFailed(f"No sessionEnded arrived within {END_SECONDS:.0f} s.")
        if not await connection.is_closed_by_the_service(CLOSE_SECONDS):
            raise StepFailed("The service did not close a WebSocket when its session had ended.")
    ended = await api.request(f"GET {path}", 200)
    if ended["status"] != "ended":
        raise StepFailed(f"A deleted session has the status {ended['status']}.")


async def _change_until_notified(
    api: ApiClient, path: str, headers: Mapping[str, str], listener: Connection
) -> None:
    """Pause and resume a session until the listener is notified of a change. Raises StepFailed."""
    deadline = time.monotonic() + STREAM_SECONDS
    for status in itertools.cycle(("paused", "active")):
        await api.request(f"PATCH {path}", 200, headers=headers, json={"status": status})
        if await listener.receives(ATTEMPT_SECONDS, type="sessionUpdated", status=status):
            return
        if time.monotonic() >= deadline:
            raise StepFailed(f"A listener received no sessionUpdated within {STREAM_SECONDS:.0f} s.")


async def _check_release(api: ApiClient, environment_name: str, release: str) -> None:
    deadline = time.monotonic() + ALIAS_SECONDS
    while (version := (await api.request("GET /health", 200))["version"]) != release:
        if time.monotonic() >= deadline:
            raise StepFailed(f"{environment_name} runs {version} after {release} was deployed.")
        await asyncio.sleep(0.5)


@contextmanager
def temporary_speaker(environment: Environment, outputs: Mapping[str, Any]) -> Iterator[str]:
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


@asynccontextmanager
async def temporary_session(api: ApiClient, token: str) -> AsyncIterator[str]:
    """Yield the id of a new session. End the session afterwards, also if it has ended already."""
    # With the key a repeated request does not create a second session.
    headers = {**_authorization(token), "Idempotency-Key": str(uuid.uuid4())}
    session = await api.request("POST /sessions", 201, headers=headers, json={"sourceLanguage": "en"})
    try:
        yield session["sessionId"]
    finally:
        await api.request(f"DELETE /sessions/{session['sessionId']}", 204, headers=_authorization(token))


def _authorization(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
