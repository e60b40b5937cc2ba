"""The AsyncAPI 3.0 document of the WebSocket API.

https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""

from dataclasses import replace
from typing import Any, NotRequired, get_args, get_origin, get_type_hints, is_typeddict

from pydantic import TypeAdapter
from typing_extensions import TypedDict

from scripts.docs.client_messages import CLIENT_MESSAGES
from scripts.docs.openapi.samples import ENDED, PAUSED, SESSION, version
from shared.audience.connection import Connection, Role, SessionRef
from shared.audience.messages import (
    ErrorMessage,
    HeartbeatAck,
    Message,
    audience,
    language_changed,
    session_ended,
    session_joined,
    session_updated,
    speaker_absent,
)
from shared.audio.messages import AudioAccepted, audio_accepted
from shared.captions.caption import Caption, StoredCaption
from shared.captions.messages import (
    CaptionMessage,
    CaptionPublished,
    Captions,
    TranslatedAudio,
    caption,
    caption_published,
    captions,
    translated_audio,
)
from shared.events.websocket_api import MESSAGE_ERRORS
from shared.sessions import ids
from shared.sessions.session import Language

Json = dict[str, Any]

DESCRIPTION = """\
What the speaker of a session says and what becomes of the session, to its speaker and listeners, each over \
a WebSocket of their own. Sessions are created, updated and ended over the HTTP API (openapi.json).

Connect with the query parameters of the `session` channel. If the handshake is refused, its HTTP status \
says why (`x-handshake`). Browsers hide that status and report only that the connection failed; \
`GET /sessions/{sessionId}` shows whether the session exists and is live.

API Gateway closes a connection after 10 minutes without a message in either direction, so send a heartbeat \
every few minutes. It closes every connection after 2 hours, so reconnect then. Messages are JSON text of at \
most 32 KB; API Gateway closes the connection on a larger or a binary frame. Ignore types and fields that \
you do not know."""

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
UNKNOWN_ACTION = {"type": "error", "code": "UNKNOWN_ACTION", "message": "Unknown action"}
"""The reply to every other message: API Gateway sends it with a timestamp, as Terraform configures."""

REFUSED = "refused"
"""The name of ErrorMessage in the document."""

_LISTENER = Connection(
    session_id=SESSION.id,
    id="L0SM9cOFvHcCIhw=",
    session_created_at=SESSION.created_at,
    role=Role.LISTENER,
    target_language=Language.SPANISH,
    joined_at=SESSION.created_at,
    expires_at=SESSION.expires_at,
)
_NOW = SESSION.created_at + 61_000
_SPOKEN = StoredCaption(
    caption=Caption(
        session=SessionRef(SESSION.id, SESSION.created_at),
        sequence=42,
        text="Good morning, dear friends.",
        source_language=SESSION.source_language,
        spoken_at=SESSION.created_at + 60_000,
        published_at=_NOW,
        expires_at=SESSION.expires_at,
    ),
    translations={Language.SPANISH: "Buenos días, queridos amigos."},
)
_BEFORE = StoredCaption(caption=replace(_SPOKEN.caption, sequence=41, text="Welcome."))
EXAMPLES: dict[str, Any] = {
    "SessionUpdated": session_updated(PAUSED),
    "SessionEnded": session_ended(ENDED),
    "SpeakerPresence": speaker_absent(SESSION.created_at, SESSION.created_at // 1000 + 2 * 60 * 60),
    "Audience": audience([_LISTENER] * 12, SESSION.created_at),
    "HeartbeatAck": HeartbeatAck(type="heartbeatAck", timestamp=SESSION.created_at),
    "SessionJoined": session_joined(SESSION, _LISTENER, SESSION.created_at),
    "LanguageChanged": language_changed(Language.SPANISH, SESSION.created_at),
    "CaptionMessage": caption(_SPOKEN, Language.SPANISH),
    "Captions": captions([_BEFORE, _SPOKEN], Language.SPANISH, _NOW),
    "TranslatedAudio": translated_audio(
        _SPOKEN,
        Language.SPANISH,
        f"https://session-service-prod-voice-123456789012.s3.us-east-1.amazonaws.com/{SESSION.id}"
        f"%23{SESSION.created_at}/42/es.mp3?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=600",
        _NOW + 900,
    ),
    "CaptionPublished": caption_published(_SPOKEN.caption.sequence, _NOW),
    "AudioAccepted": audio_accepted(_NOW, 7),
    "ErrorMessage": ErrorMessage(
        type="error",
        code="INVALID_MESSAGE",
        message="sequence must be above 42, that of the last caption",
        action="publishCaption",
        sequence=41,
        details=[{"field": "sequence", "message": "sequence must be above 42, that of the last caption"}],
        timestamp=_NOW,
    ),
}


def document() -> Json:
    """Return the document."""
    types = [
        *(*get_args(Message), CaptionMessage, Captions, TranslatedAudio, CaptionPublished),
        *(AudioAccepted, HeartbeatAck, ErrorMessage),
    ]
    messages = {_name(kind): _message(kind) for kind in types}
    messages |= {
        message.action: {
            "summary": message.summary,
            "payload": message.payload(),
            "examples": [{"payload": message.example}],
        }
        for message in CLIENT_MESSAGES
    }
    messages["unknownAction"] = {
        "summary": "The message has no known `action`.",
        "payload": _unknown_action(),
        "examples": [{"payload": {**UNKNOWN_ACTION, "timestamp": _NOW}}],
    }
    messages["gatewayError"] = _gateway_error()
    messages["anythingElse"] = {"summary": "Any message with another `action`, JSON or not.", "payload": {}}
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
            "tellState": _operation("send", "sessionJoined", to="each connection, once it is admitted"),
            "tellHistory": _operation(
                "send",
                "captions",
                to="a listener after `sessionJoined` and after `languageChanged`: the last 20 in order, "
                "without the oldest where the message would exceed 32 KB",
            ),
            "tellCaption": _operation(
                "send", "caption", to="the listeners, in the language of each, and the speaker"
            ),
            "tellVoice": _operation(
                "send",
                "translatedAudio",
                to="the listeners of a premium session, in the language of each, after the caption; not to "
                "those who listen in the speaker's language",
            ),
            "tellChange": _operation("send", "sessionUpdated", to="everybody connected to the session"),
            "tellEnd": _operation(
                "send",
                "sessionEnded",
                to="everybody connected to the session; the server then closes the connection",
            ),
            "tellPresence": _operation("send", "speakerPresence", to="the listeners"),
            "tellAudience": _operation("send", "audience", to="the speaker, about once a second at most"),
            **{
                f"answer{message.action[0].upper()}{message.action[1:]}": _operation(
                    "receive",
                    message.action,
                    replies=(message.answer, *((REFUSED,) if message.refused else ()), "gatewayError"),
                )
                for message in CLIENT_MESSAGES
            },
            "answerAnythingElse": _operation(
                "receive", "anythingElse", replies=("unknownAction", "gatewayError")
            ),
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


def _operation(action: str, message: str, *, to: str = "", replies: tuple[str, ...] = ()) -> Json:
    """Describe an operation from the service's side: `action` is `send` to clients or `receive` from them."""
    operation: Json = {
        "action": action,
        "channel": {"$ref": "#/channels/session"},
        "messages": [{"$ref": f"#/channels/session/messages/{message}"}],
    }
    if to:
        operation["summary"] = f"To {to}."
    if replies:
        operation["reply"] = {
            "channel": {"$ref": "#/channels/session"},
            "messages": [{"$ref": f"#/channels/session/messages/{reply}"} for reply in replies],
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
    described: dict[str, type] = {}
    for kind in kinds:
        schema = TypeAdapter(_portable(kind, described)).json_schema(
            ref_template="#/components/schemas/{model}"
        )
        schemas |= schema.pop("$defs", {})
        schemas[kind.__name__] = schema
    for name, kind in described.items():
        schemas[name] |= {"description": _doc(kind), "additionalProperties": False}
    schemas["ErrorMessage"]["properties"]["code"]["enum"] = [code for _, code in MESSAGE_ERRORS.values()]
    for schema in schemas.values():
        for titled in (schema, *schema.get("properties", {}).values()):
            titled.pop("title", None)  # pydantic repeats the name as title
        for name in {"timestamp", "spokenAt"} & set(schema.get("properties", {})):
            schema["properties"][name] |= {"format": "int64"}
    return schemas


def _portable(hint: Any, described: dict[str, type]) -> Any:
    """Return a type with each TypedDict replaced by one of typing_extensions, and add the TypedDicts by name.

    Before Python 3.12 pydantic accepts only these.
    """
    if is_typeddict(hint):
        described[hint.__name__] = hint
        fields = get_type_hints(hint, include_extras=True)
        portable = {name: _portable(value, described) for name, value in fields.items()}
        make: Any = TypedDict
        return make(hint.__name__, portable)
    if get_origin(hint) in (list, NotRequired):
        return get_origin(hint)[_portable(get_args(hint)[0], described)]
    return hint


def _unknown_action() -> Json:
    fixed = {name: {"type": "string", "const": value} for name, value in UNKNOWN_ACTION.items()}
    properties = {**fixed, "timestamp": {"type": "integer", "format": "int64"}}
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _gateway_error() -> Json:
    """Describe API Gateway's own error. It has no `type`, and no `action` of the message."""
    example = {
        "message": "Too Many Requests",
        "connectionId": "L0SM9cOFvHcCIhw=",
        "requestId": "L0SM9cOFvHcCIhx=",
    }
    return {
        "summary": "API Gateway's own error: the route gets too many messages of all clients together, or "
        "its function has failed or has not answered in time. Send the message again later.",
        "payload": {
            "type": "object",
            "properties": {name: {"type": "string"} for name in example},
            "required": list(example),
            "additionalProperties": False,
        },
        "examples": [{"payload": example}],
    }


def _name(kind: type) -> str:
    names = {CaptionMessage: "caption", ErrorMessage: REFUSED}
    if kind in names:
        return names[kind]
    return kind.__name__[0].lower() + kind.__name__[1:]


def _doc(kind: type) -> str:
    return " ".join((kind.__doc__ or "").split())
