"""Write docs/asyncapi.json from the code, or with --check say whether it is there as the code says.

It is the WebSocket API in AsyncAPI 3.0: https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""

import json
import sys
from typing import Any, get_args, get_type_hints

from pydantic import TypeAdapter
from typing_extensions import TypedDict

from scripts.docs.generated import write_or_check
from scripts.docs.openapi.samples import ENDED, PAUSED, SESSION, version
from scripts.project import ROOT
from shared.audience.connection import Connection, Role
from shared.audience.messages import HeartbeatAck, Message, audience, session_ended, session_updated
from shared.sessions import ids
from shared.sessions.session import Language

FILE = ROOT / "docs" / "asyncapi.json"

Json = dict[str, Any]

DESCRIPTION = """\
What the people at a session hear of it: its speaker and its listeners hold a WebSocket each. A session is \
opened, changed and ended over the HTTP API (openapi.json).

A connection is asked for with the query parameters of the `session` channel. Whoever is not let in gets an \
HTTP status instead (`x-handshake`). A browser sees no more of that than a connection that failed; ask \
`GET /sessions/{sessionId}` for the reason.

API Gateway closes a connection after 10 minutes in which nothing was sent either way, so send a heartbeat \
every few minutes; and after 2 hours in any case, so connect again then. Messages are JSON of at most 128 KB \
in frames of at most 32 KB."""

STATUSES = {
    "101": "You are in.",
    "400": "A parameter is missing or wrong: a listener gives a supported `targetLanguage`.",
    "401": "The token is bad or has expired. Nobody with a token comes in as a stranger.",
    "403": "API Gateway does not let you in.",
    "404": "There is no such session, or not any longer.",
    "410": "The session has ended.",
    "429": "Too many have come from your address in this minute, or to the service in this second.",
    "500": "A bug, or the token could not be tested.",
    "502": "A bug.",
    "503": "The session has as many listeners as it may have, or the service is busy: try again later.",
    "504": "The service is busy: try again later.",
}
HEARTBEAT = {"action": "heartbeat"}
UNKNOWN_ACTION = {"type": "error", "message": "Unknown action"}
"""What Terraform has API Gateway answer to any other message."""

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
    "SessionEnded": session_ended(ENDED, "ended"),
    "Audience": audience([_LISTENER] * 12),
    "HeartbeatAck": HeartbeatAck(type="heartbeatAck"),
}


def document() -> Json:
    """The whole document."""
    told = [*get_args(Message), HeartbeatAck]
    messages = {_name(kind): _message(kind) for kind in told}
    messages["unknownAction"] = {
        "summary": "The message was none that the service knows.",
        "payload": _fixed(UNKNOWN_ACTION),
        "examples": [{"payload": UNKNOWN_ACTION}],
    }
    messages["heartbeat"] = {
        "summary": "Keeps the connection open.",
        "payload": {**_fixed(HEARTBEAT), "additionalProperties": True},
        "examples": [{"payload": HEARTBEAT}],
    }
    messages["anythingElse"] = {"summary": "Whatever is no heartbeat, in JSON or not.", "payload": {}}
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
                "title": "One person's connection to a session",
                "description": "The speaker's token without a `targetLanguage` makes the speaker's "
                "connection; everybody else is a listener and gives one.",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
                "bindings": {"ws": {"method": "GET", "query": _query(), "bindingVersion": "0.1.0"}},
                "x-handshake": STATUSES,
            }
        },
        "operations": {
            "tellChange": _operation("send", "sessionUpdated", to="everybody at the session"),
            "tellEnd": _operation("send", "sessionEnded", to="everybody at the session, before it closes"),
            "tellAudience": _operation("send", "audience", to="the speaker, at most once a second"),
            "answerHeartbeat": _operation("receive", "heartbeat", reply="heartbeatAck"),
            "answerAnythingElse": _operation("receive", "anythingElse", reply="unknownAction"),
        },
        "components": {"messages": messages, "schemas": _schemas(told)},
    }


def _servers() -> Json:
    return {
        "aws": {
            "host": "{apiId}.execute-api.{region}.amazonaws.com",
            "pathname": "/ws",
            "protocol": "wss",
            "description": "A deployed environment; Terraform's output `websocket_url` is its whole address.",
            "variables": {"apiId": {}, "region": {"default": "us-east-1"}},
        },
        "local": {
            "host": "127.0.0.1:{port}",
            "pathname": "/ws",
            "protocol": "ws",
            "description": "make run",
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
                "description": "What a listener hears; the speaker gives none.",
            },
            "token": {
                "type": "string",
                "description": "Of the service's Cognito user pool; anonymous listeners give none. "
                "Who can set headers on a WebSocket may send it as `Authorization: Bearer` instead.",
            },
        },
    }


def _operation(action: str, message: str, *, to: str = "", reply: str = "") -> Json:
    """`action` is the service's: it sends to people and receives from them."""
    made: Json = {
        "action": action,
        "channel": {"$ref": "#/channels/session"},
        "messages": [{"$ref": f"#/channels/session/messages/{message}"}],
    }
    if to:
        made["summary"] = f"Tells {to}."
    if reply:
        made["reply"] = {
            "channel": {"$ref": "#/channels/session"},
            "messages": [{"$ref": f"#/channels/session/messages/{reply}"}],
        }
    return made


def _message(kind: type) -> Json:
    return {
        "summary": _doc(kind),
        "payload": {"$ref": f"#/components/schemas/{kind.__name__}"},
        "examples": [{"payload": EXAMPLES[kind.__name__]}],
    }


def _schemas(kinds: list[type]) -> Json:
    schemas: Json = {}
    for kind in kinds:
        # pydantic takes the TypedDict of typing only from Python 3.12 on.
        fields = TypedDict(kind.__name__, get_type_hints(kind))  # type: ignore[misc]  # a name that is known late
        schema = TypeAdapter(fields).json_schema(ref_template="#/components/schemas/{model}")
        schemas |= schema.pop("$defs", {})
        schemas[kind.__name__] = {**schema, "description": _doc(kind), "additionalProperties": False}
    for schema in schemas.values():
        for described in (schema, *schema.get("properties", {}).values()):
            described.pop("title", None)  # pydantic's, the name in another spelling
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


def main(arguments: list[str] | None = None) -> int:
    """Write the document, or with --check say whether the one that is there is this one; 0, or 1 if not."""
    text = json.dumps(document(), indent=2) + "\n"
    return write_or_check(FILE, text, target="asyncapi", arguments=arguments)


if __name__ == "__main__":
    sys.exit(main())
