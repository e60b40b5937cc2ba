"""The schemas: field names and constraints from the code, with descriptions in words."""

from collections.abc import Mapping
from typing import Any

from scripts.docs.openapi.samples import CAPTIONS, ENDED, SESSION, health_response
from shared.captions.caption import MAX_SEQUENCE
from shared.captions.messages import caption_view
from shared.events import http_api
from shared.sessions import ids
from shared.sessions.list import MAX_LIMIT
from shared.sessions.requests import NewSession, SessionChange
from shared.sessions.views import owner_view, public_view

Json = dict[str, Any]

EPOCH_MS = "Epoch milliseconds."
FIELDS: Mapping[str, Json] = {
    "sessionId": {"$ref": "#/components/schemas/SessionId"},
    "speakerId": {"type": "string", "description": "The `sub` claim of the speaker who created the session."},
    "sourceLanguage": {"$ref": "#/components/schemas/Language"},
    "qualityTier": {"$ref": "#/components/schemas/QualityTier"},
    "status": {"$ref": "#/components/schemas/Status"},
    "listenerCount": {
        "type": "integer",
        "format": "int32",
        "minimum": 0,
        "description": "Number of connected listeners.",
    },
    "maxListeners": {
        "type": "integer",
        "format": "int32",
        "minimum": 1,
        "description": "Maximum number of connected listeners. A session with so many is full.",
    },
    "createdAt": {"type": "integer", "format": "int64", "description": EPOCH_MS},
    "updatedAt": {"type": "integer", "format": "int64", "description": f"{EPOCH_MS} The last update."},
    "expiresAt": {
        "type": "integer",
        "format": "int64",
        "description": "Epoch seconds. From this second on, the session is 404 for everybody.",
    },
    "endedAt": {
        "type": "integer",
        "format": "int64",
        "description": f"{EPOCH_MS} Present when the status is ended.",
    },
    "endReason": {
        "type": "string",
        "enum": ["ended", "abandoned"],
        "description": "Present when the status is ended: its speaker ended it, or was absent for too long.",
    },
}
"""The fields of the views in shared/sessions/views.py."""

CAPTION_FIELDS: Mapping[str, Json] = {
    "sequence": {
        "type": "integer",
        "format": "int32",
        "minimum": 1,
        "maximum": MAX_SEQUENCE,
        "description": "Rises with each caption of a session, with gaps.",
    },
    "language": {
        "$ref": "#/components/schemas/Language",
        "description": "The language of `text`: the source language if the caption is not translated.",
    },
    "text": {"type": "string", "description": "What was said, or its translation."},
    "sourceLanguage": {
        "$ref": "#/components/schemas/Language",
        "description": "The language in which it was said.",
    },
    "translated": {"type": "boolean", "description": "Whether `text` is a translation."},
    "spokenAt": {"type": "integer", "format": "int64", "description": f"{EPOCH_MS} When it was said."},
}
"""The fields of a caption in shared/captions/messages.py."""


def schemas() -> Json:
    """Return every schema by name."""
    codes = [code for _, code in http_api.ERRORS.values()]
    error: Json = {
        "error": {"type": "string", "description": "A sentence for users."},
        "message": {"type": "string", "description": "The same sentence, as errors of API Gateway have it."},
        "code": {"type": "string", "enum": [code for code in codes if code != "INVALID_REQUEST"]},
        "timestamp": {"type": "integer", "format": "int64", "description": EPOCH_MS},
        "requestId": {"type": "string", "description": "Quote it when you report a problem."},
    }
    field_error = {
        "field": {
            "type": "string",
            "description": "The field, header or query parameter; `body` means the whole body.",
        },
        "message": {"type": "string", "description": "A sentence for users."},
    }
    details = {"type": "array", "minItems": 1, "items": _object("One invalid field.", field_error)}
    invalid: Json = {"code": {"type": "string", "const": "INVALID_REQUEST"}, "details": details}
    named = {
        "SessionId": {
            "type": "string",
            "pattern": ids.PATTERN,
            "description": "Two words and a number, easy to read aloud.",
        },
        "PublicSession": _object(
            "A session as everybody sees it.",
            {name: FIELDS[name] for name in public_view(ENDED)},
            required=list(public_view(SESSION)),
        ),
        "OwnerSession": _object(
            "A session as its speaker sees it.",
            {name: FIELDS[name] for name in owner_view(ENDED)},
            required=list(owner_view(SESSION)),
        ),
        "SessionPage": _object(
            "One page of a speaker's sessions.",
            {
                "sessions": {
                    "type": "array",
                    "maxItems": MAX_LIMIT,
                    "items": {"$ref": "#/components/schemas/OwnerSession"},
                    "description": "Newest first.",
                },
                "nextCursor": {
                    "type": "string",
                    "description": "The `cursor` of the next page. Missing on the last page.",
                },
            },
            required=["sessions"],
        ),
        "Caption": _object(
            "One finished piece of what was said, in one language.",
            {
                name: CAPTION_FIELDS[name]
                for name in caption_view(CAPTIONS.page.captions[0], CAPTIONS.language)
            },
        ),
        "CaptionPage": _object(
            "One page of a session's captions.",
            {
                "sessionId": FIELDS["sessionId"],
                "language": {"$ref": "#/components/schemas/Language"},
                "captions": {
                    "type": "array",
                    "maxItems": MAX_LIMIT,
                    "items": {"$ref": "#/components/schemas/Caption"},
                    "description": "In ascending order of `sequence`.",
                },
                "nextAfter": {
                    "type": "integer",
                    "format": "int32",
                    "description": "The `after` of the next page. Missing on the last page.",
                },
            },
            required=["sessionId", "language", "captions"],
        ),
        "WebVTT": {
            "type": "string",
            "pattern": "^WEBVTT\n",
            "description": "A file of captions: https://www.w3.org/TR/webvtt1/",
        },
        "Error": _object("An error response of the service.", error),
        "ValidationError": _object("An invalid request, with every invalid field.", {**error, **invalid}),
        "GatewayError": _object(
            "An error response of API Gateway, sent before or instead of the service's.",
            {"message": {"type": "string"}},
        ),
        "Health": _object(
            "The state of the service.",
            {
                "status": {"type": "string", "enum": ["healthy", "unhealthy"]},
                "service": {"type": "string", "const": (health_response(healthy=True).body or {})["service"]},
                "environment": {
                    "type": "string",
                    "description": "dev, staging or prod; local under `make run`.",
                },
                "version": {"type": "string", "description": "The version and commit of the running build."},
                "timestamp": {"type": "integer", "format": "int64", "description": EPOCH_MS},
                "responseTimeMs": {
                    "type": "number",
                    "minimum": 0,
                    "description": "Duration of the table read in milliseconds.",
                },
            },
        ),
    }
    for model in (NewSession, SessionChange):
        named |= _model_schemas(model)
    # SessionChange.parse enforces this, so pydantic's schema does not have it.
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
    """Return the schemas of a request model and of the enumerations that it uses, by name."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    named = {**schema.pop("$defs"), model.__name__: schema}
    for described in (*named.values(), *schema["properties"].values()):
        described.pop("title", None)  # pydantic repeats the name as title
        # Generators of clients take a field with a default as one that is always there.
        described.pop("default", None)
    return named
