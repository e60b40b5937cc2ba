"""The schemas of the document: what each field is called, from the code, and what it means, in words."""

from collections.abc import Mapping
from typing import Any

from scripts.docs.openapi.samples import ENDED, SESSION, health_answer
from shared.events import http_api
from shared.sessions import ids
from shared.sessions.list import MAX_LIMIT
from shared.sessions.requests import NewSession, SessionChange
from shared.sessions.views import owner_view, public_view

Json = dict[str, Any]

EPOCH_MS = "Epoch milliseconds."
FIELDS: Mapping[str, Json] = {
    "sessionId": {"$ref": "#/components/schemas/SessionId"},
    "speakerId": {"type": "string", "description": "The `sub` claim of the speaker who opened the session."},
    "sourceLanguage": {"$ref": "#/components/schemas/Language"},
    "qualityTier": {"$ref": "#/components/schemas/QualityTier"},
    "status": {"$ref": "#/components/schemas/Status"},
    "listenerCount": {
        "type": "integer",
        "format": "int32",
        "minimum": 0,
        "description": "Listeners connected now.",
    },
    "createdAt": {"type": "integer", "format": "int64", "description": EPOCH_MS},
    "updatedAt": {"type": "integer", "format": "int64", "description": f"{EPOCH_MS} The last change."},
    "expiresAt": {
        "type": "integer",
        "format": "int64",
        "description": "Epoch seconds. From this second on the session is 404 to everyone.",
    },
    "endedAt": {
        "type": "integer",
        "format": "int64",
        "description": f"{EPOCH_MS} There when the status is ended.",
    },
}
"""The fields of the views, which say in shared/sessions/views.py who sees which."""


def schemas() -> Json:
    """Every schema of the document, by name."""
    codes = [code for _, code in http_api.ERRORS.values()]
    error: Json = {
        "error": {"type": "string", "description": "A sentence for people."},
        "code": {"type": "string", "enum": [code for code in codes if code != "INVALID_REQUEST"]},
        "timestamp": {"type": "integer", "format": "int64", "description": EPOCH_MS},
        "requestId": {"type": "string", "description": "What to tell the operators."},
    }
    offence = {
        "field": {
            "type": "string",
            "description": "The field, header or parameter; `body` for the body as a whole.",
        },
        "message": {"type": "string", "description": "A sentence for people."},
    }
    details = {"type": "array", "minItems": 1, "items": _object("One offending field.", offence)}
    invalid: Json = {"code": {"type": "string", "const": "INVALID_REQUEST"}, "details": details}
    named = {
        "SessionId": {
            "type": "string",
            "pattern": ids.PATTERN,
            "description": "Two words and a number that can be read aloud.",
        },
        "PublicSession": _object(
            "What anybody may know of a session.",
            {name: FIELDS[name] for name in public_view(ENDED)},
            required=list(public_view(SESSION)),
        ),
        "OwnerSession": _object(
            "What its speaker may know of a session.",
            {name: FIELDS[name] for name in owner_view(ENDED)},
            required=list(owner_view(SESSION)),
        ),
        "SessionPage": _object(
            "Some of a speaker's own sessions.",
            {
                "sessions": {
                    "type": "array",
                    "maxItems": MAX_LIMIT,
                    "items": {"$ref": "#/components/schemas/OwnerSession"},
                    "description": "Newest first.",
                },
                "nextCursor": {"type": "string", "description": "The next page's `cursor`, if one follows."},
            },
            required=["sessions"],
        ),
        "Error": _object("A refusal by the service.", error),
        "ValidationError": _object("A refusal of what was sent, field by field.", {**error, **invalid}),
        "GatewayError": _object(
            "A refusal by API Gateway, before or instead of the service.", {"message": {"type": "string"}}
        ),
        "Health": _object(
            "Whether the service can do its work.",
            {
                "status": {"type": "string", "enum": ["healthy", "unhealthy"]},
                "service": {"type": "string", "const": (health_answer(healthy=True).body or {})["service"]},
                "environment": {
                    "type": "string",
                    "description": "dev, staging or prod; local on one machine.",
                },
                "version": {"type": "string", "description": "Which build answers."},
                "timestamp": {"type": "integer", "format": "int64", "description": EPOCH_MS},
                "responseTimeMs": {
                    "type": "number",
                    "minimum": 0,
                    "description": "Milliseconds that the table took to answer.",
                },
            },
        ),
    }
    for model in (NewSession, SessionChange):
        named |= _model_schemas(model)
    # The model checks this by hand, so that the sentence is one that clients know.
    named["SessionChange"]["minProperties"] = 1
    return named


def _object(description: str, properties: Json, required: list[str] | None = None) -> Json:
    return {
        "type": "object",
        "description": description,
        "additionalProperties": False,
        "required": list(properties) if required is None else required,
        "properties": properties,
    }


def _model_schemas(model: type[NewSession | SessionChange]) -> Json:
    """The schema of a request model and of the enumerations that it uses, by name."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    named = {**schema.pop("$defs"), model.__name__: schema}
    # pydantic's titles repeat the names.
    for one in (*named.values(), *schema["properties"].values()):
        one.pop("title", None)
    return named
