"""Handshakes: only a valid token identifies a speaker, and only a missing token means a listener."""

import json
from typing import Any

from shared.errors import AuthenticationRequired, InvalidRequest
from shared.events import authorizer, websocket_api
from shared.sessions.session import Language
from tests.stress.fuzz.harnesses.strings import strings
from tests.support import websocket_events

TOKEN = "e30.e30.e30"
SUBJECT = "02b5e4c4-70a1-70ec-1d3f-9f5a0f6d2c55"


@authorizer.authorizer
def authorize(handshake: authorizer.Handshake) -> str | None:
    """Authorize as functions/authorize_connection does; TOKEN is the only valid token."""
    if handshake.token is None:
        return None
    if handshake.token != TOKEN:
        raise AuthenticationRequired
    return SUBJECT


@websocket_api.endpoint
def connect(request: websocket_api.Request) -> websocket_api.Response:
    """Read the fields that functions/connect_session reads."""
    assert request.session_id
    assert request.caller in (None, SUBJECT)
    assert request.target_language in (None, *Language)
    return websocket_api.accepted()


def check(data: bytes) -> None:
    """Call the authorizer, then $connect with the context that it returns."""
    session_id, token, header, language, header_name = strings(data, 5)
    query = {"sessionId": session_id, "token": token, "targetLanguage": language}
    sent_query = {name: value for name, value in query.items() if value is not None}
    names = {"authorization", "Authorization", "AUTHORIZATION"}
    name = header_name if header_name in names else "Authorization"
    headers = {} if header is None else {name: header}
    event = websocket_events.authorize(sent_query, headers)
    if not sent_query:
        event["queryStringParameters"] = None

    # The query takes precedence, and only the header has a scheme.
    listener = token is None and header is None
    speaker = token == TOKEN or (
        token is None and header is not None and header.removeprefix("Bearer ").strip() == TOKEN
    )
    try:
        policy = authorize(event, None)
    except authorizer.Unauthorized:
        assert not listener
        assert not speaker
        return

    assert listener or speaker
    context = policy["context"]
    assert context == {
        "sessionId": session_id or "",
        "subject": SUBJECT if speaker else "",
        "asks": "speak" if language is None else "listen",
    }
    (statement,) = policy["policyDocument"]["Statement"]
    assert statement["Resource"] == event["methodArn"]
    _check_connect(context, language)


def _check_connect(context: dict[str, str], language: str | None) -> None:
    event: dict[str, Any] = websocket_events.connect()
    event["requestContext"]["authorizer"] = context
    event["queryStringParameters"] = None if language is None else {"targetLanguage": language}
    request = websocket_api.Request(event)

    valid = bool(context["sessionId"]) and language in (None, *Language)
    response = connect(event, None)
    assert response["statusCode"] == (200 if valid else 400)
    if not valid:
        assert json.loads(response["body"])["code"] == "INVALID_REQUEST"
    assert request.caller == (context["subject"] or None)
    try:
        assert request.session_id == context["sessionId"]
    except InvalidRequest:
        assert not context["sessionId"]
