"""Least privilege: each function uses all that its role allows, and nothing else."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.iam.access_control import IAMPolicy, PermissionResult

from scripts import local_system
from scripts.local.system import System
from tests.faults.in_process.conftest import (
    MAX_LISTENERS,
    TIMEOUT_S,
    Session,
    age_rows,
    dynamodb,
    table,
    write_absence,
    write_lapsed_row,
)
from tests.support.audio import base64_of, pcm
from tests.support.eventually import eventually
from tests.support.voice_counts import until_spoken
from tests.support.websocket_clients import HandshakeRefused, WebSocketClient

# Lambda itself does this by the function's role, so it is in no call of the function.
LAMBDAS_OWN = ("logs:", "xray:")
PREFIX = "session-service-local-"


def statements(local: System) -> dict[str, list[dict[str, Any]]]:
    """Return the statements of each function's own policy, as Terraform has applied them."""
    iam = local_system.aws_client("iam", local.aws.url)
    return {
        name: [
            statement
            for statement in iam.get_role_policy(RoleName=name, PolicyName="own")["PolicyDocument"][
                "Statement"
            ]
            if not statement["Action"][0].startswith(LAMBDAS_OWN)
        ]
        for name in local.config.functions
    }


def calls(local: System) -> list[dict[str, Any]]:
    """Return the calls of functions since the system started, including those in other tests."""
    return [json.loads(line) for line in (local.work / "logs/calls.log").read_text().splitlines()]


def unused(local: System) -> list[str]:
    """Return the permissions, one action on one resource each, that no call has used yet."""

    def permissions() -> Iterator[tuple[str, str, dict[str, str]]]:
        for function, own in statements(local).items():
            for statement in own:
                for action in statement["Action"]:
                    yield function, action, {**statement, "Action": action}

    all_calls = calls(local)
    return [
        f"{function}: {action} on {statement['Resource']}"
        for function, action, statement in permissions()
        if not any(
            call["function"] == function
            and IAMPolicy(json.dumps({"Statement": [statement]})).is_action_permitted(
                call["action"], call["resource"]
            )
            == PermissionResult.PERMITTED
            for call in all_calls
        )
    ]


def create_with_a_key(session: Session) -> None:
    """Create a session with a key, and send the request again, also beyond the speaker's limit."""

    def create() -> str:
        response = session.call(
            "POST", "/sessions", json={"sourceLanguage": "en"}, headers={"Idempotency-Key": "permissions"}
        )
        assert response.status_code == 201, response.text
        return str(response.json()["sessionId"])

    session_id = create()
    assert create() == session_id
    environment = session.local.config.functions[f"{PREFIX}create_session"].environment
    for hour in (int(time.time()) // 3600 + offset for offset in (0, 1)):
        dynamodb(session.local).update_item(
            TableName=environment["RATE_LIMITS_TABLE"],
            Key={"limitKey": {"S": f"sessions#{session.row()['speakerId']['S']}#{hour}"}},
            UpdateExpression="SET uses = :all",
            ExpressionAttributeValues={":all": {"N": environment["SESSIONS_PER_SPEAKER_PER_HOUR"]}},
        )
    assert create() == session_id


def expire_with_an_unreachable_listener(session: Session) -> None:
    """Announce an absence to a listener whose $disconnect was lost; then let the session expire."""
    local, listener = session.local, session.listener()
    local.websockets.loses_disconnect = lambda _: True
    listener.close()
    eventually(lambda: not local.connections)
    age_rows(session)
    write_absence(session, since=int(time.time() * 1000) - 10_000)
    eventually(lambda: session.rows() == [])
    session.listener()
    local.run_schedules(at=time.time() + 25 * 3_600)


def join_late(session: Session) -> None:
    """Welcome a listener whose connection is not open yet when it is first sent a message."""
    refused: set[str] = set()

    def refuse_once(_: str, connection_id: str) -> int | None:
        known = connection_id in refused
        refused.add(connection_id)
        return None if known else 410

    session.local.management_api.forced_status = refuse_once
    listener = session.listener()
    eventually(lambda: len(listener.messages) == 2)  # the welcome
    session.local.management_api.forced_status = lambda _, __: None
    listener.close()
    eventually(lambda: not session.local.connections)


def speak_and_listen(session: Session) -> None:
    """Publish captions, also to a connection that is gone, and read them; send audio; change a language.

    The connection of a second listener is gone when its language changes.
    """
    local, speaker = session.local, session.speaker()
    first, second = session.listener("es"), session.listener("fr")
    eventually(lambda: all(len(client.messages) == 2 for client in (first, second)))  # the welcome
    for client in (first, speaker):
        client.send('{"action": "joinSession"}')
    first.send('{"action": "changeLanguage", "targetLanguage": "de"}')
    speaker.send('{"action": "publishCaption", "sequence": 1, "text": "Hello"}')
    eventually(lambda: "captionPublished" in speaker.types() and "caption" in second.types())
    speaker.send(json.dumps({"action": "audioChunk", "audioData": base64_of(pcm()), "timestamp": 0}))
    eventually(lambda: "audioAccepted" in speaker.types())
    session.change(status="paused")
    speaker.send('{"action": "publishCaption", "sequence": 1, "text": "Hello"}')
    eventually(lambda: speaker.types().count("captionPublished") == 2)
    session.change(status="active", qualityTier="premium")
    local.websockets.loses_disconnect = lambda _: True
    gone = next(row for row in session.rows() if row.get("targetLanguage") == {"S": "fr"})
    second.close()
    age_rows(session)
    dynamodb(local).update_item(
        TableName=table(local, "connections"),
        Key={key: gone[key] for key in ("sessionId", "connectionId")},
        UpdateExpression="SET targetLanguage = :language",
        ExpressionAttributeValues={":language": {"S": "it"}},
    )
    eventually(lambda: len(session.rows()) == 2)
    first.close()
    eventually(lambda: len(local.connections) == 1)
    speaker.send('{"action": "publishCaption", "sequence": 2, "text": "Hello?"}')
    eventually(lambda: len(session.rows()) == 1)
    hear_a_voice(session, speaker)
    assert session.call("GET", f"{session.path}/captions").status_code == 200
    local.websockets.loses_disconnect = lambda _: False
    session.end()
    eventually(lambda: speaker.closed)


def hear_a_voice(session: Session, speaker: WebSocketClient) -> None:
    """Publish a caption, and read its voice by the URL that is sent to a listener."""
    listener = session.listener("es")
    eventually(lambda: len(listener.messages) == 2)  # the welcome
    until_spoken(
        session.local.work,
        lambda number: speaker.send(
            f'{{"action": "publishCaption", "sequence": {3 + number}, "text": "Hello!"}}'
        ),
    )
    eventually(lambda: "translatedAudio" in listener.types())
    url = next(message["url"] for message in listener.messages if message["type"] == "translatedAudio")
    assert requests.get(url, timeout=TIMEOUT_S).status_code == 200
    listener.close()


def test_functions_use_all_of_their_permissions_and_nothing_else(
    session: Session, open_session: Callable[[], Session]
):
    local = session.local

    create_with_a_key(open_session())
    session.call("GET", "/sessions")
    session.call("GET", "/health")
    session.read()
    speaker = session.speaker()
    eventually(lambda: "audience" in speaker.types())
    listeners = [session.listener() for _ in range(MAX_LISTENERS)]
    with pytest.raises(HandshakeRefused):
        session.listener()
    write_lapsed_row(session)
    listeners[0].close()
    eventually(lambda: "lapsed" not in {row["connectionId"]["S"] for row in session.rows()})
    session.change(status="paused")
    session.end()
    join_late(open_session())
    speak_and_listen(open_session())
    expire_with_an_unreachable_listener(open_session())

    with contextlib.suppress(AssertionError):  # the next line shows which permission is unused
        eventually(lambda: unused(local) == [])
    assert unused(local) == []
    refused = [call for call in calls(local) if not call["allowed"]]
    # No function invokes another: test_invoke.py does so with the role of one.
    assert [call for call in refused if call["action"] != "lambda:InvokeFunction"] == []
    assert {call["function"] for call in calls(local)} == {
        name for name, own in statements(local).items() if own
    }


@pytest.mark.parametrize(
    ("function", "operation", "parameters"),
    [
        ("get_session", "get_item", {"TableName": "connections", "Key": {"sessionId": {"S": "x"}}}),
        ("get_session", "delete_item", {"TableName": "sessions", "Key": {"sessionId": {"S": "x"}}}),
        (
            "list_sessions",
            "query",
            {
                "TableName": "sessions",
                "KeyConditionExpression": "sessionId = :id",
                "ExpressionAttributeValues": {":id": {"S": "x"}},
            },
        ),
        ("health", "scan", {"TableName": "sessions"}),
    ],
)
def test_a_call_that_the_role_does_not_allow_is_refused(
    local: System, function: str, operation: str, parameters: dict[str, Any]
):
    session: Any = boto3.Session(f"{PREFIX}{function}", "local", "local", region_name=local_system.REGION)
    client = session.client(
        "dynamodb", endpoint_url=local.aws.url, config=Config(retries={"total_max_attempts": 1})
    )

    with pytest.raises(ClientError, match="AccessDeniedException"):
        getattr(client, operation)(**{**parameters, "TableName": table(local, parameters["TableName"])})
