"""Events of the WebSocket API, of its authorizer and of table streams, in the formats that AWS sends."""

import itertools
import json
from typing import Any

from shared.audience.connection import Connection
from shared.aws import captions_table, connections_table, live_captions_table, sessions_table
from shared.captions.caption import Caption, StoredCaption
from shared.sessions.session import Session

CONNECTION_ID = "L0SM9cOFvHcCIhw="
ADDRESS = "203.0.113.77"
METHOD_ARN = "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5/ws/$connect"
REQUEST_ID = "JKJaXmPLvHcESHA="


def connect(
    session_id: str | None = "blessed-shepherd-427",
    *,
    connection_id: str = CONNECTION_ID,
    language: str | None = None,
    speaker: str | None = None,
    address: str = ADDRESS,
) -> dict[str, Any]:
    """Return the event of $connect, with the context of the authorizer."""
    query = {"sessionId": session_id, "targetLanguage": language}
    return {
        "headers": {"Host": "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com", "X-Forwarded-For": address},
        "queryStringParameters": {name: value for name, value in query.items() if value is not None} or None,
        "requestContext": _context(
            "$connect", "CONNECT", connection_id, session_id, speaker, address, listens=language is not None
        ),
        "isBase64Encoded": False,
    }


def disconnect(
    session_id: str = "blessed-shepherd-427", *, connection_id: str = CONNECTION_ID
) -> dict[str, Any]:
    """Return the event of $disconnect."""
    context = _context("$disconnect", "DISCONNECT", connection_id, session_id, None, ADDRESS)
    context |= {"disconnectStatusCode": 1001, "disconnectReason": "Going away"}
    return {
        "headers": {"Host": "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com", "x-api-key": ""},
        "requestContext": context,
        "isBase64Encoded": False,
    }


def message(
    action: str,
    fields: dict[str, Any] | str | None = None,
    *,
    session_id: str = "blessed-shepherd-427",
    connection_id: str = CONNECTION_ID,
    speaker: str | None = None,
    listens: bool | None = None,
) -> dict[str, Any]:
    """Return the event of a client's message: the action and these fields, or this text.

    The connection asked to listen unless it is a speaker's, or as `listens` says.
    """
    listens = speaker is None if listens is None else listens
    context = _context(action, "MESSAGE", connection_id, session_id, speaker, ADDRESS, listens=listens)
    body = fields if isinstance(fields, str) else json.dumps({"action": action, **(fields or {})})
    return {
        "requestContext": context | {"messageId": "JKJaXdIGPHcCIhw="},
        "body": body,
        "isBase64Encoded": False,
    }


def authorize(query: dict[str, str] | None = None, headers: dict[str, str] | None = None) -> dict[str, Any]:
    """Return the event of the REQUEST authorizer."""
    context = _context("$connect", "CONNECT", CONNECTION_ID, None, None, ADDRESS)
    return {
        "type": "REQUEST",
        "methodArn": METHOD_ARN,
        "headers": {"Host": "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com", **(headers or {})},
        "queryStringParameters": query or {},
        "stageVariables": {},
        "requestContext": {name: value for name, value in context.items() if name != "authorizer"},
    }


Row = Session | Connection | Caption | StoredCaption
"""A row of a table that has a stream."""


def stream(*changes: tuple[Row | None, Row | None]) -> dict[str, Any]:
    """Return a batch of a table's stream, from the rows before and after each write; None for no row."""
    numbers = itertools.count(100_000_000_000)
    return {"Records": [_record(old, new, str(next(numbers))) for old, new in changes]}


def sequence_number(event: dict[str, Any], index: int) -> str:
    """Return the sequence number of a record, which identifies it in a partial batch response."""
    return str(event["Records"][index]["dynamodb"]["SequenceNumber"])


def _record(old: Row | None, new: Row | None, number: str) -> dict[str, Any]:
    name = "INSERT" if old is None else "REMOVE" if new is None else "MODIFY"
    images = {image: _item(row) for image, row in (("OldImage", old), ("NewImage", new)) if row is not None}
    return {
        "eventID": f"e{number}",
        "eventName": name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-west-1",
        "dynamodb": {"SequenceNumber": number, "StreamViewType": "NEW_AND_OLD_IMAGES", **images},
    }


def _item(row: Row) -> dict[str, dict[str, Any]]:
    if isinstance(row, Session):
        return sessions_table.to_item(row)
    if isinstance(row, Caption):
        return live_captions_table.to_item(row)
    if isinstance(row, StoredCaption):
        return captions_table.to_item(row)
    return connections_table.to_item(row)


def _context(
    route: str,
    event_type: str,
    connection_id: str,
    session_id: str | None,
    speaker: str | None,
    address: str,
    *,
    listens: bool = True,
) -> dict[str, Any]:
    return {
        "routeKey": route,
        "eventType": event_type,
        "requestId": REQUEST_ID,
        "extendedRequestId": REQUEST_ID,
        "requestTime": "24/Jul/2026:19:03:58 +0000",
        "requestTimeEpoch": 1784919838390,
        "messageDirection": "IN",
        "stage": "ws",
        "connectedAt": 1784919838300,
        "connectionId": connection_id,
        "apiId": "a1b2c3d4e5",
        "domainName": "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com",
        "identity": {"sourceIp": address, "userAgent": "Mozilla/5.0"},
        "authorizer": {
            "principalId": "listener",
            "sessionId": session_id or "",
            "subject": speaker or "",
            "asks": "listen" if listens else "speak",
            "integrationLatency": 12,
        },
    }
