"""The OpenAPI 3.1 document of the HTTP API: https://spec.openapis.org/oas/v3.1.0"""

from collections.abc import Mapping

from scripts.docs.openapi.operations import OPERATIONS, Example, Operation
from scripts.docs.openapi.responses import responses
from scripts.docs.openapi.samples import CREATED_AT, CURSOR, SESSION, version
from scripts.docs.openapi.schemas import Json, schemas
from shared.captions.caption import MAX_SEQUENCE
from shared.events import http_api
from shared.events.http_api import Response
from shared.sessions.list import DEFAULT_LIMIT, MAX_LIMIT

DESCRIPTION = """\
Sessions for live translation. A speaker creates a session and reads its id aloud; listeners find the \
session by its id.

There are two kinds of error bodies. The service sends `Error` (`ValidationError` on 400), which has a \
stable `code`. API Gateway sends `GatewayError`, which has only a `message`, when it answers before or \
instead of the service. A path or method that is not listed here is 404 `{"message": "Not Found"}`.

API Gateway handles CORS: it answers preflight requests (`OPTIONS`) and adds the CORS headers to every \
response."""


HEADERS: Mapping[str, Json] = {
    "Location": {"description": "The path of the session.", "schema": {"type": "string"}},
    "ETag": {
        "description": "The version of the session. Send it as `If-Match` or `If-None-Match`.",
        "schema": {"type": "string", "pattern": '^"[0-9]+"$'},
    },
    "Vary": {"description": "The request header that decides the media type.", "schema": {"type": "string"}},
    "Link": {
        "description": 'The next page: `</sessions/...>; rel="next"` (RFC 8288). Missing on the last page.',
        "schema": {"type": "string"},
    },
    "Cache-Control": {"description": "How long a cache may keep the response.", "schema": {"type": "string"}},
    "Retry-After": {
        "description": "Seconds to wait before a retry.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "WWW-Authenticate": {
        "description": "`Bearer`, and the error if there is one.",
        "schema": {"type": "string"},
    },
}

PARAMETERS: Mapping[str, Json] = {
    "sessionId": {
        "in": "path",
        "required": True,
        "description": "The session id. An id that does not match the pattern is 404.",
        "schema": {"$ref": "#/components/schemas/SessionId"},
        "example": SESSION.id,
    },
    "status": {
        "in": "query",
        "description": "Return only sessions with this status.",
        "schema": {"$ref": "#/components/schemas/Status"},
        "example": "active",
    },
    "limit": {
        "in": "query",
        "description": "The maximum number of sessions or captions on the page.",
        "schema": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
        "example": DEFAULT_LIMIT,
    },
    "cursor": {
        "in": "query",
        "description": "`nextCursor` of the previous page, for the same speaker and status. Cursors are "
        "opaque; a cursor that was not issued for the same list is 400.",
        "schema": {"type": "string"},
        "example": CURSOR,
    },
    "language": {
        "in": "query",
        "description": "The language of the captions. By default it is the session's source language.",
        "schema": {"$ref": "#/components/schemas/Language"},
        "example": "es",
    },
    "after": {
        "in": "query",
        "description": "Return only captions with a higher sequence, such as `nextAfter` of the page before.",
        "schema": {"type": "integer", "format": "int32", "minimum": 0, "maximum": MAX_SEQUENCE, "default": 0},
        "example": 1,
    },
    "Accept": {
        "in": "header",
        "description": "`application/json` or `text/vtt`, with weights as in RFC 9110. JSON is the default.",
        "schema": {"type": "string"},
        "example": "text/vtt",
    },
    "Idempotency-Key": {
        "in": "header",
        "description": "Makes a retry safe: the same speaker, key and body get the session that the first "
        "request created, also when both are sent at once. It is valid for 24 hours. Use a new UUID for each "
        "session.",
        "schema": {"type": "string", "pattern": f"^{http_api.IDEMPOTENCY_KEY.pattern}$"},
        "example": "5f0c8f0e-2b1d-4b53-9d0f-0d8c5f8f7a51",
    },
    "If-Match": {
        "in": "header",
        "description": "Write only if the session has one of these ETags (at most "
        f"{http_api.MAX_ETAGS}); `*` matches any version. Without the header the write is unconditional.",
        "schema": {"type": "string"},
        "example": f'"{SESSION.version}"',
    },
    "If-None-Match": {
        "in": "header",
        "description": "304 without a body if the session has one of these ETags; `*` matches any version.",
        "schema": {"type": "string"},
        "example": f'"{SESSION.version}"',
    },
    "traceparent": {
        "in": "header",
        "description": "W3C trace context. It is logged if it is well-formed, and ignored otherwise.",
        "schema": {"type": "string"},
        "example": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    },
}


def document() -> Json:
    """Return the document."""
    paths: dict[str, Json] = {}
    for operation in OPERATIONS:
        method, path = operation.route.split(" ")
        paths.setdefault(path, {})[method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Session service", "version": version(), "description": DESCRIPTION},
        "servers": [{"url": "/"}],
        "tags": [
            {"name": "sessions", "description": "Create, get, list, update and end sessions."},
            {"name": "health", "description": "For operators and health checks."},
        ],
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "parameters": {name: {"name": name, **parameter} for name, parameter in PARAMETERS.items()},
            "securitySchemes": {
                "speaker": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "An id token or access token of the service's Cognito user pool.",
                }
            },
        },
    }


def _operation(operation: Operation) -> Json:
    described: Json = {
        "operationId": operation.function,
        "tags": [operation.route.split("/")[1]],
        "summary": operation.summary,
        "description": operation.description,
        "security": [{"speaker": []}] if operation.signed_in else [],
        "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in operation.parameters],
    }
    if operation.body:
        described["requestBody"] = {
            "required": True,
            "content": {
                "application/json": {
                    "schema": _reference(operation.body.__name__),
                    "examples": {name: {"value": value} for name, value in (operation.bodies or {}).items()},
                }
            },
        }
    by_status: dict[int, list[Example]] = {}
    for example in responses(operation):
        by_status.setdefault(example.response.status, []).append(example)
    described["responses"] = {str(status): _response(by_status[status]) for status in sorted(by_status)}
    if operation.links:
        described["responses"]["201"]["links"] = {
            function: {"operationId": function, "parameters": {"sessionId": "$response.body#/sessionId"}}
            for function in operation.links
        }
    return described


def _response(examples: list[Example]) -> Json:
    """Describe one status: its possible bodies, and the headers that some or all of its responses have."""
    described: Json = {"description": " ".join(example.meaning for example in examples)}
    # OpenAPI describes the media type of a body as a key of `content` and not as a header.
    names = dict.fromkeys(name for example in examples for name in example.response.headers)
    names.pop("Content-Type", None)
    if names:
        described["headers"] = {
            name: {
                **HEADERS[name],
                "required": all(name in example.response.headers for example in examples),
                "example": _header_example(name, examples),
            }
            for name in names
        }
    by_type: dict[str, list[Example]] = {}
    for example in examples:
        if example.schema:
            by_type.setdefault(_media_type(example.response), []).append(example)
    if by_type:
        described["content"] = {media_type: _content(some) for media_type, some in by_type.items()}
    return described


def _media_type(response: Response) -> str:
    return response.headers.get("Content-Type", "application/json").partition(";")[0]


def _content(examples: list[Example]) -> Json:
    """Describe the bodies of one media type."""
    references = [
        _reference(schema) for schema in dict.fromkeys(example.schema for example in examples) if schema
    ]
    return {
        "schema": references[0] if len(references) == 1 else {"oneOf": references},
        "examples": {example.name: {"value": _body(example.response)} for example in examples},
    }


def _header_example(name: str, examples: list[Example]) -> str | int:
    value = next(example.response.headers[name] for example in examples if name in example.response.headers)
    return int(value) if HEADERS[name]["schema"]["type"] == "integer" else value


def _body(response: Response) -> Json | str:
    """Return the body with a fixed timestamp, so that the document is the same on every run."""
    if response.text is not None:
        return response.text
    return {
        name: CREATED_AT if name == "timestamp" else value for name, value in (response.body or {}).items()
    }


def _reference(schema: str) -> Json:
    return {"$ref": f"#/components/schemas/{schema}"}
