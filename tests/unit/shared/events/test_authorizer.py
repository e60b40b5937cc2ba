"""The Lambda authorizer: the token of a handshake, and the policy for its connection."""

import logging

import pytest

from shared.errors import AuthenticationRequired
from shared.events.api_gateway import speaker_digest
from shared.events.authorizer import Handshake, Unauthorized, authorizer
from shared.events.websocket_api import Request
from tests.support.sessions import ALICE
from tests.support.websocket_events import METHOD_ARN, REQUEST_ID, authorize, connect

# handshakes


@pytest.mark.parametrize(
    ("query", "headers", "token"),
    [
        ({}, {}, None),
        ({"token": "a.b.c"}, {}, "a.b.c"),
        ({}, {"Authorization": "Bearer a.b.c"}, "a.b.c"),
        ({}, {"Authorization": "bearer a.b.c"}, "a.b.c"),
        ({}, {"Authorization": "BEARER  a.b.c "}, "a.b.c"),
        ({}, {"authorization": "a.b.c"}, "a.b.c"),
        ({"token": "a.b.c"}, {"Authorization": "Bearer x.y.z"}, "a.b.c"),
        ({"token": ""}, {}, ""),
        ({}, {"Authorization": ""}, ""),
        ({}, {"Authorization": "Bearer "}, ""),
        ({}, {"Authorization": "Basic YTpi"}, "Basic YTpi"),
        ({}, {"Sec-WebSocket-Protocol": "sessions.v1, bearer.a.b.c"}, "a.b.c"),
        ({}, {"sec-websocket-protocol": "bearer.a.b.c,sessions.v1"}, "a.b.c"),
        ({}, {"Sec-WebSocket-Protocol": "sessions.v1"}, None),
        ({}, {"Sec-WebSocket-Protocol": "sessions.v1, bearer."}, ""),
        ({}, {"Sec-WebSocket-Protocol": "bearer.a.b.c, bearer.x.y.z"}, "a.b.c"),
        ({"token": "x.y.z"}, {"Sec-WebSocket-Protocol": "bearer.a.b.c"}, "a.b.c"),
        ({"token": "x.y.z"}, {"Sec-WebSocket-Protocol": "bearer."}, ""),
    ],
)
def test_the_token_is_in_a_subprotocol_the_query_or_the_authorization_header_and_may_be_empty(
    query: dict[str, str], headers: dict[str, str], token: str | None
):
    assert Handshake(authorize(query, headers)).token == token


def test_a_handshake_without_query_parameters_has_no_token_and_no_session_id():
    event = authorize()
    event["queryStringParameters"] = None

    handshake = Handshake(event)

    assert (handshake.token, handshake.session_id, handshake.caller) == (None, "", None)


# the policy


@pytest.mark.parametrize("language", ["es", "", "xx"])
@pytest.mark.parametrize("subject", [ALICE, None], ids=["signed in", "anonymous"])
def test_a_handshake_with_a_target_language_asks_to_listen(language: str, subject: str | None):
    query = {"sessionId": "holy-psalm-100", "targetLanguage": language}

    response = authorizer(lambda _: subject)(authorize(query), None)

    assert response["context"]["asks"] == "listen"


@pytest.mark.parametrize("subject", [ALICE, None], ids=["speaker", "listener"])
def test_an_accepted_handshake_is_allowed_this_one_connection(subject: str | None):
    response = authorizer(lambda handshake: subject)(authorize({"sessionId": "holy-psalm-100"}), None)

    assert response == {
        # API Gateway logs the principal, so it is a digest.
        "principalId": speaker_digest(ALICE) if subject else "listener",
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": METHOD_ARN}],
        },
        "context": {"sessionId": "holy-psalm-100", "subject": subject or "", "asks": "speak"},
    }
    assert ALICE not in response["principalId"]


def test_the_authorizers_context_reaches_the_request_of_connect():
    response = authorizer(lambda handshake: ALICE)(authorize({"sessionId": "holy-psalm-100"}), None)
    event = connect()
    event["requestContext"]["authorizer"] = {"principalId": response["principalId"], **response["context"]}

    request = Request(event)

    assert (request.caller, request.session_id) == (ALICE, "holy-psalm-100")


def test_a_rejected_handshake_is_unauthorized_and_logged_without_its_token(
    caplog: pytest.LogCaptureFixture,
):
    def reject(_: Handshake) -> str | None:
        raise AuthenticationRequired

    with caplog.at_level(logging.INFO), pytest.raises(Unauthorized, match=r"^Unauthorized$"):
        authorizer(reject)(authorize({"token": "a.b.c"}), None)

    (record,) = caplog.records
    assert (record.levelname, record.name) == ("INFO", "request")
    assert record.getMessage() == "authorize $connect 401"
    assert (record.apiRequestId, record.route, record.status) == (REQUEST_ID, "authorize $connect", 401)
    assert "a.b.c" not in str(vars(record))


def test_another_exception_does_not_reject_the_handshake():
    def fail(_: Handshake) -> str | None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        authorizer(fail)(authorize(), None)
