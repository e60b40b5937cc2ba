"""The AsyncAPI 3.0 document of the WebSocket API.

https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""

from typing import Any, get_args, get_type_hints

from pydantic import TypeAdapter
from typing_extensions import TypedDict

from scripts.docs.openapi.samples import ENDED, PAUSED, SESSION, version
from shared.audience.connection import Connection, Role
from shared.audience.messages import (
    HeartbeatAck,
    Message,
    audience,
    language_changed,
    session_ended,
    session_joined,
    session_updated,
    speaker_absent,
)
from shared.sessions import ids
from shared.sessions.session import Language

Json = dict[str, Any]

DESCRIPTION = """\
Notifications for the speaker and the listeners of a session, each over a WebSocket of their own. Sessions \
are created, updated and ended over the HTTP API (openapi.json).

Connect with the query parameters of the `session` channel. If the handshake is refused, its HTTP status \
says why (`x-handshake`). Browsers hide that status and report only that the connection failed; \
`GET /sessions/{sessionId}` shows whether the session exists and is live.

API Gateway closes a connection after 10 minutes without a message in either direction, so send a heartbeat \
every few minutes. It closes every connection after 2 hours, so reconnect then. Messages are JSON of at most \
128 KB, in frames of at most 32 KB."""

STATUSES = {
    "101": "The connection is open.",
    "400": "A parameter is missing or invalid. A listener must send a supported `targetLanguage`.",
    "401": "The token is invalid or has expired. To listen without signing in, send no token.",
    "403": "API Gateway refused the request.",
    "404": "The session does not exist or has expired.",
    "410": "The session has ended.",
    "429": "Too many connections from this IP address this minute, or to the service this second.",
    "500": "A bug, or the token could not be verified because the user pool's keys were unavailable.",
    "502": "A bug.",
    "503": "The session has its maximum number of listeners, or the service is busy. Retry later.",
    "504": "The service is busy. Retry later.",
}
HEARTBEAT = {"action": "heartbeat"}
UNKNOWN_ACTION = {"type": "error", "message": "Unknown action"}
"""The reply to every other message: API Gateway sends it, as Terraform configures."""

_LISTENER = Connection(
    session_id=SESSION.id,
    id="L0SM9cOFvHcCIhw=",
    session_created_at=SESSION.created_at,
    role=Role.LISTENER,
    target_language=Language.SPANISH,
    joined_at=SESSION.created_at,
    expires_at=SESSION.expires_at,
)
EXAMPLES: dict[str, Any] = {
    "SessionUpdated": session_updated(PAUSED),
    "SessionEnded": session_ended(ENDED),
    "SpeakerPresence": speaker_absent(SESSION.created_at, SESSION.created_at // 1000 + 2 * 60 * 60),
    "Audience": audience([_LISTENER] * 12, SESSION.created_at),
    "HeartbeatAck": HeartbeatAck(type="heartbeatAck", timestamp=SESSION.created_at),
    "SessionJoined": session_joined(SESSION, _LISTENER, SESSION.created_at),
    "LanguageChanged": language_changed(Language.SPANISH, SESSION.created_at),
}


def document() -> Json:
    """Return the document."""
    types = [*get_args(Message), HeartbeatAck]
    messages = {_name(kind): _message(kind) for kind in types}
    messages["unknownAction"] = {
        "summary": "The message has no known `action`.",
        "payload": _fixed(UNKNOWN_ACTION),
        "examples": [{"payload": UNKNOWN_ACTION}],
    }
    messages["heartbeat"] = {
        "summary": "Keeps the connection open.",
        "payload": {**_fixed(HEARTBEAT), "additionalProperties": True},
        "examples": [{"payload": HEARTBEAT}],
    }
    messages["anythingElse"] = {"summary": "Any message other than a heartbeat, JSON or not.", "payload": {}}
    for name, message in messages.items():
        message["name"] = name
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Session service", "version": version(), "description": DESCRIPTION},
        "defaultContentType": "application/json",
        "servers": _servers(),
        "channels": {
            "session": {
                "address": "/",
                "title": "One connection to a session",
                "description": "With the speaker's token and without `targetLanguage` the connection is the "
                "speaker's. Every other connection is a listener's and needs a `targetLanguage`.",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
                "bindings": {"ws": {"method": "GET", "query": _query(), "bindingVersion": "0.1.0"}},
                "x-handshake": STATUSES,
            }
        },
        "operations": {
            "tellChange": _operation("send", "sessionUpdated", to="everybody connected to the session"),
            "tellEnd": _operation(
                "send",
                "sessionEnded",
                to="everybody connected to the session; the server then closes the connection",
            ),
            "tellPresence": _operation("send", "speakerPresence", to="the listeners"),
            "tellAudience": _operation("send", "audience", to="the speaker, about once a second at most"),
            "answerHeartbeat": _operation("receive", "heartbeat", reply="heartbeatAck"),
            "answerAnythingElse": _operation("receive", "anythingElse", reply="unknownAction"),
        },
        "components": {"messages": messages, "schemas": _schemas(types)},
    }


def _servers() -> Json:
    return {
        "aws": {
            "host": "{apiId}.execute-api.{region}.amazonaws.com",
            "pathname": "/ws",
            "protocol": "wss",
            "description": "A deployed environment. The complete URL is Terraform's output `websocket_url`.",
            "variables": {"apiId": {}, "region": {"default": "us-east-1"}},
        },
        "local": {
            "host": "127.0.0.1:{port}",
            "pathname": "/ws",
            "protocol": "ws",
            "description": "The system that `make run` starts.",
            "variables": {"port": {"default": "8080"}},
        },
    }


def _query() -> Json:
    return {
        "type": "object",
        "required": ["sessionId"],
        "properties": {
            "sessionId": {"type": "string", "pattern": ids.PATTERN, "examples": [SESSION.id]},
            "targetLanguage": {
                "type": "string",
                "enum": list(Language),
                "description": "The language of a listener. The speaker omits it.",
            },
            "token": {
                "type": "string",
                "description": "An id token or access token of the service's Cognito user pool. Anonymous "
                "listeners omit it. Clients that can set headers may send `Authorization: Bearer` instead.",
            },
        },
    }


def _operation(action: str, message: str, *, to: str = "", reply: str = "") -> Json:
    """Describe an operation from the service's side: `action` is `send` to clients or `receive` from them."""
    operation: Json = {
        "action": action,
        "channel": {"$ref": "#/channels/session"},
        "messages": [{"$ref": f"#/channels/session/messages/{message}"}],
    }
    if to:
        operation["summary"] = f"To {to}."
    if reply:
        operation["reply"] = {
            "channel": {"$ref": "#/channels/session"},
            "messages": [{"$ref": f"#/channels/session/messages/{reply}"}],
        }
    return operation


def _message(kind: type) -> Json:
    return {
        "summary": _doc(kind),
        "payload": {"$ref": f"#/components/schemas/{kind.__name__}"},
        "examples": [{"payload": EXAMPLES[kind.__name__]}],
    }


def _schemas(kinds: list[type]) -> Json:
    schemas: Json = {}
    for kind in kinds:
        # Before Python 3.12 pydantic accepts only the TypedDict of typing_extensions.
        fields = TypedDict(kind.__name__, get_type_hints(kind, include_extras=True))  # type: ignore[misc]  # the name is not a literal
        schema = TypeAdapter(fields).json_schema(ref_template="#/components/schemas/{model}")
        schemas |= schema.pop("$defs", {})
        schemas[kind.__name__] = {**schema, "description": _doc(kind), "additionalProperties": False}
    for schema in schemas.values():
        for described in (schema, *schema.get("properties", {}).values()):
            described.pop("title", None)  # pydantic repeats the name as title
        if "timestamp" in schema.get("properties", {}):
            schema["properties"]["timestamp"] |= {"format": "int64"}
    return schemas


def _fixed(message: dict[str, str]) -> Json:
    return {
        "type": "object",
        "properties": {name: {"type": "string", "const": value} for name, value in message.items()},
        "required": list(message),
        "additionalProperties": False,
    }


def _name(kind: type) -> str:
    return kind.__name__[0].lower() + kind.__name__[1:]


def _doc(kind: type) -> str:
    return " ".join((kind.__doc__ or "").split())
