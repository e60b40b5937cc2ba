"""HTTP requests: exactly what the OpenAPI document allows is accepted; everything else is 400."""

import base64
import json
from typing import Any

from shared.errors import InvalidRequest
from shared.events import http_api
from shared.sessions.list import ListQuery
from shared.sessions.requests import NewSession, SessionChange
from shared.sessions.session import Language, QualityTier, Status
from tests.stress.fuzz.harnesses.strings import strings
from tests.support.sessions import a_session

ALLOWED: dict[str, set[str]] = {
    "sourceLanguage": set(Language),
    "qualityTier": set(QualityTier),
    "status": set(Status),
}
REFUSED = "refused"


def check(data: bytes) -> None:
    """Read every field of a request, and compare it with the strings from which the event was built."""
    flags = data[0] if data else 0
    body, key, if_match, if_none_match, limit, status, cursor, more, traceparent = strings(data[1:], 9)
    headers = {
        "idempotency-key": key,
        "if-match": if_match,
        "if-none-match": if_none_match,
        "traceparent": traceparent,
    }
    query = {"limit": limit, "status": status, "cursor": cursor, "more": more}
    event: dict[str, Any] = {
        "requestContext": {"requestId": "JKJaXmPLvHcESHA=", "routeKey": "POST /sessions"},
        "headers": _present(headers) or None,
        "queryStringParameters": _present(query) or None,
        "body": body,
        "isBase64Encoded": bool(flags & 1),
    }
    request = http_api.Request(event)

    _check_body(request, event)
    _check_preconditions(request, if_match, if_none_match)
    assert _outcome(lambda: request.idempotency_key) == (
        key
        if key is None or (1 <= len(key) <= 255 and all("!" <= character <= "~" for character in key))
        else REFUSED
    )
    valid_query = limit in (None, *map(str, range(1, 101))) and status in (None, *Status) and more is None
    expected = (status, int(limit or 20), cursor) if valid_query else REFUSED
    assert _outcome(lambda: request.query(ListQuery)) == expected
    assert request.traceparent in (None, traceparent)
    _check_response(event)


def _check_body(request: http_api.Request, event: dict[str, Any]) -> None:
    sent = _sent_bytes(event)
    new = _outcome(lambda: request.json(NewSession))
    body = _object(sent, {"sourceLanguage", "qualityTier"})
    if body is None or "sourceLanguage" not in body:
        assert new == REFUSED
    else:
        assert new.source_language == body["sourceLanguage"]
        assert new.quality_tier == body.get("qualityTier", "standard")

    change = _outcome(lambda: request.json(SessionChange))
    body = _object(sent, set(ALLOWED))
    if not body:
        assert change == REFUSED
    else:
        names = {"status": "status", "sourceLanguage": "source_language", "qualityTier": "quality_tier"}
        assert {field: getattr(change, name) for field, name in names.items() if field in body} == body


def _sent_bytes(event: dict[str, Any]) -> bytes | None:
    """Return the bytes of the body; None if it is not base64 or has a lone surrogate."""
    body = event["body"] or ""
    try:
        return base64.b64decode(body, validate=True) if event["isBase64Encoded"] else body.encode()
    except ValueError:
        return None


def _object(sent: bytes | None, known: set[str]) -> dict[str, str] | None:
    """Decode the bytes as a JSON object; None if the OpenAPI document does not allow it."""
    if sent is None or len(sent) > 4096:
        return None
    try:
        pairs = json.loads(sent.decode(), object_pairs_hook=tuple)
    except (ValueError, RecursionError):
        return None
    # object_pairs_hook makes objects tuples; lists stay lists.
    if not isinstance(pairs, tuple) or len(dict(pairs)) != len(pairs):
        return None
    allowed = all(
        name in known and isinstance(value, str) and value in ALLOWED[name] for name, value in pairs
    )
    return dict(pairs) if allowed else None


def _check_preconditions(request: http_api.Request, if_match: str | None, if_none_match: str | None) -> None:
    versions = _outcome(lambda: request.if_match)
    if if_match is None or if_match.strip() == "*":
        assert versions is None
    elif versions != REFUSED:
        assert all(f'"{version}"' in if_match for version in versions)
        again = http_api.Request({"headers": {"if-match": ", ".join(f'"{v}"' for v in versions) or '""'}})
        assert again.if_match == versions
    else:
        assert if_match.count('"') > 200
    session = a_session()
    if request.is_current(session):
        assert if_none_match is not None
        assert if_none_match.strip() == "*" or f'"{session.version}"' in if_none_match


def _check_response(event: dict[str, Any]) -> None:
    @http_api.endpoint
    def handler(request: http_api.Request) -> http_api.Response:
        _ = request.json(SessionChange), request.idempotency_key, request.if_match, request.query(ListQuery)
        return http_api.found(a_session(), request)

    response = handler(event, None)
    assert response["statusCode"] in (200, 304, 400), response
    if response["statusCode"] == 400:
        error = json.loads(response["body"])
        assert error["code"] == "INVALID_REQUEST"
        assert error["details"]
        assert error["error"] == error["details"][0]["message"]
    json.dumps(response).encode()


def _outcome(read: Any) -> Any:
    try:
        return read()
    except InvalidRequest:
        return REFUSED


def _present(named: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in named.items() if value is not None}
